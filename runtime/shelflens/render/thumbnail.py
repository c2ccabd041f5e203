"""Small copies of photos, for pages."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from shelflens.model.image import load_image


def thumbnail(path: Path, side: int, kind: str, **options: Any) -> bytes:
    """A photo in small, upright, without its metadata.

    Args:
        path: The photo.
        side: Most pixels of the longer side; a smaller photo stays as it is.
        kind: "JPEG" or "WEBP".
        options: Of Pillow's `save`, such as `quality`.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    picture = Image.fromarray(load_image(path))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
