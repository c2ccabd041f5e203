"""What the markers of a JPEG say (ITU-T T.81, annex B): how it is coded, and whether it was cut.

Pillow decodes; it does not say what its decoder keeps in memory, nor how much of a cut file it got.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

WANTED_SHARE = 0.95
"""Share of a cut photo that must be there: cheap cameras lose the last bytes."""

MIN_AREA = 0.75
"""Share of its area that must be there, however few bytes the rest takes."""

_TAIL = 20
"""One part in so many of the bytes tells how many a share of the area takes near the cut."""

_FILLER = b"\xaa\x55\x33" * 100
"""Bytes that decode to something else than nothing does."""

END = b"\xff\xd9"
"""The marker with which a JPEG ends; a decoder fills up what is missing before it."""

_MAX_SEGMENTS = 10_000
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN = 0xDA
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Of what follows coded bytes; there 0xff is followed by 0, or by the number of a restart."""


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every segment to the end of the file; ends at what is no segment."""
    stream.seek(2)
    for _ in range(_MAX_SEGMENTS):
        start = stream.read(2)
        while start == b"\xff\xff":  # fill bytes
            start = b"\xff" + stream.read(1)
        if len(start) < 2 or start[0] != 0xFF or start[1] == 0xD9:
            return
        length = int.from_bytes(stream.read(2), "big")
        content = stream.read(max(length - 2, 0))
        yield start[1], content
        if len(content) < length - 2:
            return
        if start[1] == _SCAN and not _skip_coded(stream):
            return


def _skip_coded(stream: BinaryIO) -> bool:
    """Move behind a scan's coded bytes, to the next marker; False at the end of the file."""
    position = stream.tell()
    pending = b""
    while block := stream.read(1 << 16):
        data = pending + block
        if found := _MARKER.search(data):
            stream.seek(position + found.start())
            return True
        pending = data[-1:] if data.endswith(b"\xff") else b""
        position += len(data) - len(pending)
    return False


def open_jpeg(stream: BinaryIO) -> JpegImageFile:
    """Open a JPEG of any size; of several images in it, as cameras write them, the first.

    Raises:
        SyntaxError, OSError, ValueError: damaged.
    """
    from PIL.JpegImagePlugin import JpegImageFile  # loads what only files need

    return JpegImageFile(stream)


def coefficient_bytes(stream: BinaryIO) -> int:
    """Bytes per pixel that decoding keeps beside its output: the coefficients of an image that is
    coded in several scans, 2 bytes in each component; else 0. The position of the stream moves."""
    components = 0
    for marker, content in _segments(stream):
        if marker in _FRAMES:
            components = content[5] if len(content) > 5 else 0
            if marker in _PROGRESSIVE:
                return 2 * components
        elif marker == _SCAN:
            return 0 if content[:1] and content[0] == components else 2 * components
    return 0


def share_there(content: bytes, side: int) -> float:
    """How much of a JPEG that was cut short can be decoded.

    The length of the whole file is not known. That of the missing area is estimated from what is
    there just before: the plain ground below a product takes few bytes.

    Args:
        content: The bytes of the file.
        side: As in `Image.draft`: the length that both sides keep at least.

    Returns:
        Share of the area, or of the bytes by that estimate, the larger; 1 of a progressive image
        of which only the last bit of its coefficients is missing.

    Raises:
        SyntaxError, OSError, ValueError: damaged in another way.
    """
    if coefficient_bytes(io.BytesIO(content)):
        return float(_has_all_but_last_bits(content))
    area = _area_there(content, side)
    if not MIN_AREA <= area < WANTED_SHARE:
        return area
    tail = max(len(content) // _TAIL, 1)
    earlier = _area_there(content[:-tail], side)
    missing = (1 - area) * tail / max(area - earlier, 1e-6)
    return max(area, len(content) / (len(content) + missing))


def _area_there(content: bytes, side: int) -> float:
    """The share of the image before the first block that depends on what would follow."""
    content = content.rstrip(b"\xff")  # half a marker
    ended, continued = (_decoded(content + more + END, side) for more in (b"", _FILLER))
    differs = (ended[0] != continued[0]).any(axis=2)
    if not differs.any():
        return 1.0
    height, width = differs.shape
    top = int(np.argmax(differs.any(axis=1)))
    block_height = ended[1]
    left = int(np.argmax(differs[top : top + block_height].any(axis=0)))
    return float(min((top + block_height * left / width) / height, 1.0))


def _decoded(content: bytes, side: int) -> tuple[NDArray[np.uint8], int]:
    """The pixels, uint8 [h, w, bands], and the rows that are coded together."""
    with open_jpeg(io.BytesIO(content)) as picture:
        coded_rows = 8 * max((layer[2] for layer in picture.layer), default=1)
        full = picture.height
        if side:
            picture.draft(None, (side, side))
        pixels = np.asarray(picture)
        block_height = max(1, round(coded_rows * picture.height / full))
        return pixels.reshape(*pixels.shape[:2], -1), block_height


def _has_all_but_last_bits(content: bytes) -> bool:
    """Whether every coefficient has its first bits, and a scan that refines them has begun."""
    components: set[int] = set()
    there: set[tuple[int, int]] = set()
    refines = False
    for marker, body in _segments(io.BytesIO(content)):
        if marker in _FRAMES and len(body) > 5:
            components = set(body[6 : 6 + 3 * body[5] : 3])
        elif marker == _SCAN and body and len(body) >= 4 + 2 * body[0]:
            names = body[1 : 1 + 2 * body[0] : 2]
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            refines = bits >> 4 > 0 and bits & 15 == 0
            if bits >> 4 == 0:
                there |= {(name, at) for name in names for at in range(first, min(last, 63) + 1)}
    wanted = {(name, at) for name in components for at in range(64)}
    return bool(components) and there >= wanted and refines
