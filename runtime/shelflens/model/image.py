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
from shelflens.model.formats import BASE_FORMATS, HEAD_BYTES, can_read, format_of, why_unread

RESIZE_RULE = "upright-stretch-bilinear/1"
"""Upright by EXIF, whole picture stretched to the square, Pillow's antialiased bilinear filter."""

MAX_PIXELS = 89_478_485
"""Largest width x height that is decoded (Pillow's own limit: 256 MiB as RGB). A small file can
claim to be gigapixels wide; decoding it would take the device down."""

MAX_SIDE = 32_767
"""Longest side, pixels: longer than any camera's or panorama's, and 16 bits hold it."""

MAX_ASPECT = 1000
"""Longest side over the shortest; such a strip shows no product."""

MAX_DECODED_BYTES = 1 << 30
"""Memory that decoding one photo may take, as estimated from its header."""

_JPEG_BYTES, _PLAIN_BYTES, _LAYERED_BYTES, _WEBP_BYTES = 6, 8, 40, 24
"""Bytes per pixel: a JPEG is decoded at a fraction of its size, but a progressive one keeps all
coefficients; other formats are decoded whole; with transparency or 16 bits an image is copied
several times; WebP keeps two canvases."""

Photo = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3]."""

# A JPEG decoder can skip work by giving 1/2, 1/4 or 1/8 of the size. We take the smallest of
# these that is still this many times the wanted size, so the filter has something to average.
_DRAFT_FACTOR = 1.5


def load_image(photo: Photo, *, size: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo: upright, 8-bit RGB, transparency laid on white.

    JPEG, PNG, WebP, BMP and GIF (first frame) are read, AVIF and HEIC where a decoder is
    installed; EXIF orientation, CMYK, 16-bit, grey and palette pictures are handled.

    Args:
        photo: A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3].
        size: Side in pixels of the square to stretch the picture to; None keeps every pixel.

    Returns:
        uint8 [size, size, 3], or [h, w, 3] when `size` is None.

    Raises:
        PhotoError: not a picture, damaged, cut short, empty, or beyond a limit above.
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
    head = stream.read(HEAD_BYTES)
    if not head:
        raise PhotoError(f"{name}: is empty (0 bytes); expected a picture")
    kind = format_of(head)  # by the bytes: phones and shops name files as they like
    if kind and not can_read(kind):
        raise PhotoError(f"{name}: {why_unread(kind)}")
    if webp := _webp_size(head):  # opening a WebP already takes the memory of its pixels
        _check_size(*webp, _WEBP_BYTES, name)
    stream.seek(0)
    try:
        picture = _open(stream, kind)
    except MemoryError as error:
        raise _too_little_memory(name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(
            f"{name}: more than {MAX_PIXELS:,} pixels, which is the limit; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: {why_unread('')}") from error
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    with picture:
        _check_size(*picture.size, _bytes_per_pixel(picture), name)
        if size is not None:
            side = int(size * _DRAFT_FACTOR)
            picture.draft(None, (side, side))
        return _pixels(picture, size, name)


def _open(stream: BinaryIO, kind: str) -> Image.Image:
    if kind == "HEIC":
        from shelflens.model.heif import open_heif

        return open_heif(stream)
    return Image.open(stream, formats=("AVIF",) if kind == "AVIF" else BASE_FORMATS)


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from the first 32 bytes of a WebP (RFC 9649); None of any other file."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    return width & 0x3FFF, height & 0x3FFF


def _bytes_per_pixel(picture: Image.Image) -> int:
    """What decoding takes, from the header of a file."""
    if picture.format in ("JPEG", "MPO"):
        return _JPEG_BYTES
    plain = picture.mode in ("RGB", "L", "1", "P") and "transparency" not in picture.info
    if not plain:
        return _LAYERED_BYTES
    return _PLAIN_BYTES if picture.format in ("PNG", "BMP", "GIF") else _WEBP_BYTES


def _check_size(width: int, height: int, pixel_bytes: int, name: str) -> None:
    """Refuse a picture by its header, before its pixels take memory."""
    what = f"{name}: {width} x {height} pixels"
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{what}; at most {MAX_PIXELS:,} are decoded; make it smaller")
    if max(width, height) > MAX_SIDE:
        raise PhotoError(f"{what}; a side has at most {MAX_SIDE:,}; make it smaller")
    if max(width, height) > MAX_ASPECT * max(1, min(width, height)):
        raise PhotoError(f"{what}; a strip like this shows no product; cut it to the product")
    if width * height * pixel_bytes > MAX_DECODED_BYTES:
        raise PhotoError(
            f"{what} would take {width * height * pixel_bytes >> 20:,} MiB to decode, at most "
            f"{MAX_DECODED_BYTES >> 20:,} are given; make it smaller, or save it as JPEG"
        )


def _too_little_memory(name: str) -> PhotoError:
    return PhotoError(f"{name}: too little memory to decode it; make it smaller")


def _pixels(picture: Image.Image, size: int | None, name: str) -> NDArray[np.uint8]:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name}: {width} x {height} pixels; at most {MAX_PIXELS:,} are decoded; "
            "make it smaller"
        )
    try:
        picture.load()
        upright = _rgb(picture)
        if size is not None:  # shrink first: stretching to a square commutes with turning it
            upright = upright.resize((size, size), Image.Resampling.BILINEAR)
        turn = _TURNS.get(_orientation(picture))
        return np.array(upright if turn is None else upright.transpose(turn), dtype=np.uint8)
    except MemoryError as error:
        raise _too_little_memory(name) from error
    except _DAMAGE as error:
        raise _damaged(name, error) from error


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
