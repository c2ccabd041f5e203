"""TIFF of one page. A camera's raw file is a TIFF too: its first page is a small preview."""

from __future__ import annotations

from PIL import Image

from shelflens.errors import PhotoError
from shelflens.model.formats import why_unread

_SUBFILE_TYPE, _PHOTOMETRIC, _DNG_VERSION = 254, 262, 50706
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892


def check_tiff(picture: Image.Image, name: str) -> None:
    """Refuse an opened TIFF that is a raw file or has several pages.

    Args:
        picture: As Pillow opened it.
        name: What the person called it, for messages.

    Raises:
        PhotoError: saying which, and what to do.
    """
    tags = getattr(picture, "tag_v2", {})
    reduced = int(tags.get(_SUBFILE_TYPE, 0)) & 1
    sensor = tags.get(_PHOTOMETRIC) in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW)
    if reduced or sensor or _DNG_VERSION in tags:
        raise PhotoError(f"{name}: {why_unread('RAW')}")
    try:
        picture.seek(1)
    except EOFError:
        picture.seek(0)
        return
    raise PhotoError(
        f"{name}: a TIFF of several pages; export the page that shows the product as JPEG or PNG"
    )
