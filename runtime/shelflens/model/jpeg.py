"""What the markers of a JPEG say (ITU-T T.81, annex B): how it is coded, and whether it was cut.

Pillow decodes; it does not say what its decoder keeps in memory, nor how much of a cut file it got.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

WANTED_SHARE = 0.95
"""Share of a cut photo's rows that must be there: cheap cameras lose the last bytes."""

END = b"\xff\xd9"
"""The marker with which a JPEG ends; a decoder fills up what is missing before it."""

_MAX_SEGMENTS = 10_000
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN = 0xDA


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
        start = 0
        while (found := data.find(b"\xff", start)) >= 0 and found + 1 < len(data):
            if data[found + 1] != 0 and not 0xD0 <= data[found + 1] <= 0xD7:
                stream.seek(position + found)
                return True
            start = found + 2
        cut = len(data) - 1 if data.endswith(b"\xff") and found >= 0 else len(data)
        position += cut
        pending = data[cut:]
    return False


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

    Args:
        content: The bytes of the file.
        side: As in `Image.draft`: the length that both sides keep at least.

    Returns:
        Share of the rows; 1 of a progressive image of which only the last bit of its coefficients
        is missing.

    Raises:
        SyntaxError, OSError, ValueError: damaged in another way.
    """
    if coefficient_bytes(io.BytesIO(content)):
        return float(_has_all_but_last_bits(content))
    dark, light = (_rows(content, side, level) for level in (0, 255))
    same = (dark == light).reshape(len(dark), -1).all(axis=1)
    return 1.0 if same.all() else float(np.argmin(same) / len(same))


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


class _Filled(JpegImageFile):
    """A JPEG whose rows have a level before they are decoded."""

    level = 0
    rows: Image.Image | None = None
    """What is decoded so far; None before decoding begins."""

    def load_prepare(self) -> None:
        super().load_prepare()
        bands = len(self.getbands())
        level = self.level if bands == 1 else (self.level,) * bands
        self.im.paste(level, (0, 0, *self.size))
        self.rows = self._new(self.im)


def _rows(content: bytes, side: int, level: int) -> NDArray[np.uint8]:
    with _Filled(io.BytesIO(content)) as picture:
        picture.level = level
        if side:
            picture.draft(None, (side, side))
        with suppress(OSError):  # cut short: the rows before are there
            picture.load()
        if picture.rows is None:
            raise SyntaxError("no rows")
        return np.asarray(picture.rows)
