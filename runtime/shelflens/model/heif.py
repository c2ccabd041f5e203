"""HEIC photos, as iPhones take them, through pillow-heif (the extra [heif])."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image


def open_heif(stream: BinaryIO) -> Image.Image:
    """Open a HEIC file; its pixels are decoded when they are asked for.

    The decoder turns the picture upright by what the container says and resets the EXIF
    orientation, so that it is not turned twice.

    Raises:
        ImportError: pillow-heif is not installed.
        SyntaxError, ValueError, OSError, EOFError: damaged.
    """
    from pillow_heif import HeifImageFile

    picture: Image.Image = HeifImageFile(stream)
    return picture
