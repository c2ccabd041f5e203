"""The one photo loader: training, calibration, catalogs and devices all decode through it.

Decoding and resizing differ between libraries, and a silent mismatch between the pixels a model
was trained on and the pixels it sees costs more accuracy than quantization does. So there is one
rule, named `RESIZE_RULE`, and every model card says which rule its model was trained with.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shelflens.errors import PhotoError, PhotoWarning
from shelflens.model.budget import MAX_PIXELS, cost_of, webp_cost
from shelflens.model.colour import is_wide, to_srgb
from shelflens.model.formats import (
    BASE_FORMATS,
    EXTRA_FORMATS,
    HEAD_BYTES,
    can_read,
    format_of,
    why_unread,
)
from shelflens.model.jpeg import END, WANTED_SHARE, open_jpeg, share_there
from shelflens.model.photo_file import open_photo

RESIZE_RULE = "upright-stretch-bilinear/1"
"""Upright by EXIF, whole picture stretched to the square, Pillow's antialiased bilinear filter."""

Photo = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3]."""

# A JPEG decoder can skip work by giving 1/2, 1/4 or 1/8 of the size. We take the smallest of
# these that is still this many times the wanted size, so the filter has something to average.
_DRAFT_FACTOR = 1.5


@dataclass(frozen=True)
class _Wanted:
    """What to decode to."""

    size: int | None = None
    """Side of the square to stretch to; None keeps the shape."""
    side: int = 0
    """Length that both sides must keep while a decoder makes the picture smaller; 0: all of it."""


def load_image(photo: Photo, *, size: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo: upright, 8-bit RGB in sRGB, transparency laid on white.

    JPEG, PNG, WebP, BMP, GIF (first frame) and TIFF of one page are read, AVIF and HEIC where a
    decoder is installed; EXIF orientation, CMYK, 16-bit, grey and palette pictures and the profiles
    of wide-gamut cameras are handled. A JPEG of which at least 95 % is there is read with a
    `PhotoWarning`.

    Args:
        photo: A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3].
        size: Side in pixels of the square to stretch the picture to; None keeps every pixel.

    Returns:
        uint8 [size, size, 3], or [h, w, 3] when `size` is None.

    Raises:
        PhotoError: not a picture, damaged, cut short, empty, or beyond a limit of `budget`.
        FileNotFoundError: no such file.
        OSError: the file cannot be read.
    """
    return _load(photo, _Wanted(size, int(size * _DRAFT_FACTOR) if size else 0))


def load_reduced(photo: Photo, side: int) -> NDArray[np.uint8]:
    """As `load_image` in the photo's own shape, but a JPEG is decoded at a fraction of its size.

    Args:
        photo: As `load_image` takes it.
        side: Length in pixels that both sides keep at least, where the photo has it.

    Returns:
        uint8 [h, w, 3].

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    return _load(photo, _Wanted(side=side))


def _load(photo: Photo, wanted: _Wanted) -> NDArray[np.uint8]:
    if isinstance(photo, np.ndarray):
        return _pixels(_from_array(photo), wanted, "pixels")
    if isinstance(photo, Image.Image):
        return _pixels(photo, wanted, "picture")
    if isinstance(photo, bytes):
        return _decode(io.BytesIO(photo), wanted, "photo")
    name = os.fspath(photo)
    if Path(name).is_dir():
        raise PhotoError(f"{name}: is a folder; give a photo")
    with open_photo(name) as stream:
        return _decode(stream, wanted, name)


# What Pillow's decoders raise on damaged files, found by fuzzing.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, struct.error)


def _decode(stream: BinaryIO, wanted: _Wanted, name: str) -> NDArray[np.uint8]:
    with open_picture(stream, name) as picture:
        cost_of(picture, stream, scaled=bool(wanted.side)).check(name)
        if wanted.side:
            picture.draft(None, (wanted.side, wanted.side))
        if picture.format == "JPEG":
            try:
                picture.load()
            except MemoryError as error:
                raise _too_little_memory(name) from error
            except _DAMAGE as error:
                stream.seek(0)
                with _mended(stream.read(), wanted.side, name, error) as mended:
                    return _pixels(mended, wanted, name)
        return _pixels(picture, wanted, name)


def open_picture(stream: BinaryIO, name: str) -> Image.Image:
    """Open a file whose pixels are decoded later; its size is not yet checked.

    Args:
        stream: The file, at its beginning.
        name: What the person called it, for messages.

    Raises:
        PhotoError: empty, not a picture, of a format that is not read here, or damaged.
    """
    head = stream.read(HEAD_BYTES)
    if not head:
        raise PhotoError(f"{name}: is empty (0 bytes); expected a picture")
    kind = format_of(head)  # by the bytes: phones and shops name files as they like
    if kind and not can_read(kind):
        raise PhotoError(f"{name}: {why_unread(kind)}")
    if cost := webp_cost(head):
        cost.check(name)
    stream.seek(0)
    try:
        return _open(stream, kind, name)
    except MemoryError as error:
        raise _too_little_memory(name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(
            f"{name}: more than {MAX_PIXELS:,} pixels, which is the limit; make it smaller, or "
            "save it as JPEG"
        ) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: {why_unread('')}") from error
    except _DAMAGE as error:
        raise _damaged(name, error) from error


def _open(stream: BinaryIO, kind: str, name: str) -> Image.Image:
    if kind == "JPEG":  # not by `Image.open`, which counts the pixels before they are scaled
        return open_jpeg(stream)
    if kind == "HEIC":
        from shelflens.model.heif import open_heif

        return open_heif(stream)
    picture = Image.open(stream, formats=(kind,) if kind in EXTRA_FORMATS else BASE_FORMATS)
    if kind == "TIFF":
        from shelflens.model.tiff import check_tiff

        check_tiff(picture, name)
    return picture


def _mended(content: bytes, side: int, name: str, error: Exception) -> Image.Image:
    """A JPEG that was cut short, opened with what is missing filled up.

    Raises:
        PhotoError: too much is missing.
    """
    try:
        share = share_there(content, side)
        if share < WANTED_SHARE:
            raise _damaged(name, error)
        picture = open_jpeg(io.BytesIO(content + END))
        picture.draft(None, (side, side) if side else None)
        picture.load()
    except _DAMAGE as damage:
        raise _damaged(name, error) from damage
    missing = "its last rows are" if share < 1 else "its end is"
    warnings.warn(
        f"{name}: cut short: {missing} missing; read all the same, but copy or take it again",
        PhotoWarning,
        stacklevel=2,
    )
    return picture


def _too_little_memory(name: str) -> PhotoError:
    return PhotoError(f"{name}: too little memory to decode it; make it smaller")


def _pixels(picture: Image.Image, wanted: _Wanted, name: str) -> NDArray[np.uint8]:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name}: {width} x {height} pixels; at most {MAX_PIXELS:,} are decoded; "
            "make it smaller"
        )
    try:
        picture.load()
        upright = _rgb(picture)
        if wanted.size is not None:  # shrink first: stretching to a square commutes with turning it
            upright = upright.resize((wanted.size, wanted.size), Image.Resampling.BILINEAR)
        profile = picture.info.get("icc_profile") or b""
        if is_wide(profile):  # at last, of few pixels
            upright = to_srgb(upright, profile)
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
    if picture.format == "BMP" and picture.mode == "RGBA" and not picture.getchannel("A").getbbox():
        return picture.convert("RGB")  # the fourth byte is padding, and all zero
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
