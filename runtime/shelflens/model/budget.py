"""How much a photo may take to decode, judged by its header before its pixels take memory.

The bytes per pixel are measured: the peak of a process that decodes 20 megapixels of each kind
and shrinks them (Pillow 13), rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from shelflens.errors import PhotoError
from shelflens.model.jpeg import coefficient_bytes

MAX_PIXELS = 89_478_485
"""Largest width x height that is decoded whole (Pillow's own limit: 256 MiB as RGB). A small file
can claim to be gigapixels wide; decoding it would take the device down."""

MAX_SCALED_PIXELS = 268_435_456
"""The same for a JPEG that its decoder may give at a fraction of its size: phones' photos have up
to 200 megapixels, of which 3 remain."""

MAX_SIDE = 32_767
"""Longest side, pixels: longer than any camera's or panorama's, and 16 bits hold it."""

MAX_ASPECT = 1000
"""Longest side over the shortest; such a strip shows no product."""

MAX_DECODED_BYTES = 1 << 30
"""Memory that decoding one photo may take, as estimated from its header."""

_SCALED, _PLAIN, _DEEP, _LAYERED, _WEBP, _WEBP_LAYERED = 1, 6, 14, 22, 20, 30
"""Bytes per pixel: measured were 0.2 of a JPEG decoded at an eighth (a progressive one keeps its
coefficients besides), 5.2 of RGB, grey or palette, 10.4 of 16-bit grey and 8.2 of CMYK, 20.1 with
transparency, which copies the image, and 18.1 and 29.3 of WebP, which keeps two canvases."""


@dataclass(frozen=True)
class Cost:
    """What a header says of decoding."""

    width: int
    height: int
    pixel_bytes: int
    scaled: bool = False
    """Whether the decoder gives a fraction of the size."""

    @property
    def pixels(self) -> int:
        """Width x height."""
        return self.width * self.height

    @property
    def bytes(self) -> int:
        """Memory, estimated."""
        return self.pixels * self.pixel_bytes

    def check(self, name: str) -> None:
        """Refuse what is beyond a limit above.

        Raises:
            PhotoError: saying which, and what to do.
        """
        what = f"{name}: {self.width} x {self.height} pixels"
        limit = MAX_SCALED_PIXELS if self.scaled else MAX_PIXELS
        if self.pixels > limit:
            hint = "" if self.scaled else ", or save it as JPEG"
            raise PhotoError(f"{what}; at most {limit:,} are decoded; make it smaller{hint}")
        if max(self.width, self.height) > MAX_SIDE:
            raise PhotoError(f"{what}; a side has at most {MAX_SIDE:,}; make it smaller")
        if max(self.width, self.height) > MAX_ASPECT * max(1, min(self.width, self.height)):
            raise PhotoError(f"{what}; a strip like this shows no product; cut it to the product")
        if self.bytes > MAX_DECODED_BYTES:
            raise PhotoError(
                f"{what} would take {self.bytes >> 20:,} MiB to decode, at most "
                f"{MAX_DECODED_BYTES >> 20:,} are given; make it smaller, or save it as JPEG"
            )


def webp_cost(head: bytes) -> Cost | None:
    """Of a WebP by its first 32 bytes (RFC 9649), since opening it takes the memory of its pixels
    already; None of any other file."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    if head[12:16] == b"VP8X":
        width = 1 + int.from_bytes(head[24:27], "little")
        height = 1 + int.from_bytes(head[27:30], "little")
        return Cost(width, height, _WEBP_LAYERED if head[20] & 0x10 else _WEBP)
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        layered = bits >> 28 & 1
        sides = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        return Cost(*sides, _WEBP_LAYERED if layered else _WEBP)
    width, height = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    return Cost(width & 0x3FFF, height & 0x3FFF, _WEBP)


def cost_of(picture: Image.Image, stream: BinaryIO, *, scaled: bool) -> Cost:
    """Of an opened file.

    Args:
        picture: Opened, its pixels not yet decoded.
        stream: Its file; the position is kept.
        scaled: Whether a JPEG may be decoded at a fraction of its size.
    """
    if picture.format == "JPEG":
        if not scaled:
            return Cost(*picture.size, _DEEP)
        position = stream.tell()
        kept = coefficient_bytes(stream)
        stream.seek(position)
        return Cost(*picture.size, _SCALED + kept, scaled=True)
    layered = picture.mode in ("RGBA", "LA", "PA", "RGBa", "La")
    layered = layered or "transparency" in picture.info
    if picture.format == "WEBP":
        return Cost(*picture.size, _WEBP_LAYERED if layered else _WEBP)
    if layered or picture.format not in ("PNG", "BMP", "GIF", "TIFF"):
        return Cost(*picture.size, _LAYERED)
    return Cost(*picture.size, _PLAIN if picture.mode in ("RGB", "L", "1", "P") else _DEEP)
