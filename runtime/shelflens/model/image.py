"""The one photo loader: training, calibration, catalogs and devices all decode through it.

Decoding and resizing differ between libraries, and a silent mismatch between the pixels a model
was trained on and the pixels it sees costs more accuracy than quantization does. So there is one
rule, named `RESIZE_RULE`, and every model card says which rule its model was trained with.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shelflens.errors import PhotoError

RESIZE_RULE = "upright-stretch-bilinear/1"
"""Upright by EXIF, whole picture stretched to the square, Pillow's antialiased bilinear filter."""

MAX_PIXELS = 89_478_485
"""Largest width x height that is decoded (Pillow's own limit: 256 MiB as RGB). A small file can
claim to be gigapixels wide; decoding it would take the device down."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What is opened; the rest of what Pillow knows is slow, rare or dangerous."""

Photo = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3]."""

# A JPEG decoder can skip work by giving 1/2, 1/4 or 1/8 of the size. We take the smallest of
# these that is still this many times the wanted size, so the filter has something to average.
_DRAFT_FACTOR = 1.5


def load_image(photo: Photo, *, size: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo: upright, 8-bit RGB, transparency laid on white.

    JPEG, PNG, WebP, BMP and GIF (first frame) are read; EXIF orientation, CMYK, 16-bit, grey
    and palette pictures are handled.

    Args:
        photo: A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3].
        size: Side in pixels of the square to stretch the picture to; None keeps every pixel.

    Returns:
        uint8 [size, size, 3], or [h, w, 3] when `size` is None.

    Raises:
        PhotoError: not a picture, damaged, cut short, empty, or larger than `MAX_PIXELS`.
        FileNotFoundError: no such file.
        OSError: the file cannot be read.
    """
    if isinstance(photo, np.ndarray):
        return _pixels(_from_array(photo), size, "pixels")
    if isinstance(photo, Image.Image):
        return _pixels(photo, size, "picture")
    if isinstance(photo, bytes):
        return _decode(io.BytesIO(photo), size, "photo")
    name = os.fspath(photo)
    if Path(name).is_dir():
        raise PhotoError(f"{name}: is a folder; give a photo")
    with Path(name).open("rb") as stream:
        return _decode(stream, size, name)


# What Pillow's decoders raise on damaged files, found by fuzzing.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, struct.error)


def _decode(stream: BinaryIO, size: int | None, name: str) -> NDArray[np.uint8]:
    if not stream.read(1):
        raise PhotoError(f"{name}: is empty (0 bytes); expected a picture")
    stream.seek(0)
    try:
        picture = Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{name}: more than {MAX_PIXELS:,} pixels, which is the limit; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: not a picture; expected JPEG, PNG, WebP, BMP or GIF") from error
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    with picture:
        if size is not None:
            side = int(size * _DRAFT_FACTOR)
            picture.draft(None, (side, side))
        return _pixels(picture, size, name)


def _pixels(picture: Image.Image, size: int | None, name: str) -> NDArray[np.uint8]:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name}: {width} x {height} pixels; at most {MAX_PIXELS:,} are decoded; "
            "make it smaller"
        )
    try:
        picture.load()
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    upright = _rgb(picture)
    if size is not None:  # shrink first: stretching to a square commutes with turning it
        upright = upright.resize((size, size), Image.Resampling.BILINEAR)
    turn = _TURNS.get(_orientation(picture))
    return np.array(upright if turn is None else upright.transpose(turn), dtype=np.uint8)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the picture upright (Exif 2.32, tag 0x0112)."""


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block raises almost anything, and the pixels are still good
        return 1


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode == "I" or picture.mode.startswith("I;16"):  # 16-bit grey, 65535 is white
        grey = np.clip(np.asarray(picture).astype(np.float32) / 257, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")


def _from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PhotoError(
            f"pixels: expected uint8 RGB [h, w, 3], got {pixels.dtype} {list(pixels.shape)}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def _damaged(name: str, error: Exception) -> PhotoError:
    return PhotoError(f"{name}: damaged or cut short ({error}); take or copy the photo again")
