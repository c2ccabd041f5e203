"""Small copies of photos, for HTML."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from shelflens.model.image import Photo, load_reduced


def thumbnail(photo: Photo, side: int, file_format: str, **options: Any) -> bytes:
    """A small copy of a photo, upright, without its metadata.

    Args:
        photo: As `load_image` takes it.
        side: Largest length of the longer side, pixels; a smaller photo stays as it is.
        file_format: "JPEG" or "WEBP".
        options: Of Pillow's `save`, such as `quality`.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    image = Image.fromarray(load_reduced(photo, side))
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
