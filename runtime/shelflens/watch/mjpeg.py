"""Splits a stream of bytes into JPEGs: `rpicam-vid --codec mjpeg -o -`, ffmpeg, a `.mjpeg` file.

The segments of each JPEG are parsed (ITU-T T.81, annex B), so that a thumbnail inside it is not
taken for a frame; whatever stands between two JPEGs (multipart headers, damage) is skipped.
"""

from __future__ import annotations

import re

MAX_JPEG_BYTES = 32 << 20
"""Longest JPEG: one without an end must not fill the memory of a small device."""

_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In entropy-coded data, 0xff is followed by 0 (stuffing), a restart marker, or another marker."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA


class JpegSplitter:
    """Takes chunks of a stream as they arrive, gives the JPEGs that are complete."""

    def __init__(self, *, max_bytes: int = MAX_JPEG_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = bytearray()
        self._position = 0
        """How far the JPEG at the start of `_bytes` has been parsed; 0 when none was found yet."""
        self._coded = False
        self.dropped = 0
        """JPEGs that were cut short, damaged or too long."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next chunk; gives the JPEGs that it completes, in order."""
        self._bytes += chunk
        jpegs: list[bytes] = []
        while True:
            if not self._position and not self._begin():
                return jpegs
            end = self._follow()
            if end > 0:
                jpegs.append(bytes(self._bytes[:end]))
                self._cut(end)
            elif end == 0:
                if len(self._bytes) <= self._max_bytes:
                    return jpegs
                self._give_up(2)

    def _begin(self) -> bool:
        """Discard what is before the next JPEG; whether one begins."""
        start = self._bytes.find(_START)
        if start < 0:
            self._cut(max(len(self._bytes) - len(_START) + 1, 0))
            return False
        self._cut(start)
        self._position = 2
        return True

    def _follow(self) -> int:
        """Parse on: the end of the JPEG, 0 when more bytes are needed, -1 when it was discarded."""
        data = self._bytes
        while True:
            if self._coded:
                marker = _MARKER.search(data, self._position)
                if marker is None:  # the last byte may be the first half of a marker
                    self._position = max(len(data) - 1, self._position)
                    return 0
                self._position, self._coded = marker.start(), False
            if len(data) < self._position + 2:
                return 0
            if data[self._position] != 0xFF:
                return self._give_up(self._position)
            code = data[self._position + 1]
            if code == 0xFF:  # a fill byte
                self._position += 1
            elif code == _EOI:
                return self._position + 2
            elif code == _SOI or code == 0:  # the previous JPEG was cut short
                return self._give_up(self._position)
            elif 0xD0 <= code <= 0xD7 or code == 0x01:
                self._position += 2
            else:
                if len(data) < self._position + 4:
                    return 0
                length = int.from_bytes(data[self._position + 2 : self._position + 4], "big")
                if length < 2:
                    return self._give_up(self._position)
                if len(data) < self._position + 2 + length:
                    return 0
                self._coded = code == _SOS
                self._position += 2 + length

    def _give_up(self, position: int) -> int:
        """Discard the present JPEG; go on searching at `position`."""
        self.dropped += 1
        self._cut(max(position, 2))
        return -1

    def _cut(self, end: int) -> None:
        del self._bytes[:end]
        self._position, self._coded = 0, False
