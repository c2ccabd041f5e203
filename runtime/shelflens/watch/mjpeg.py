"""JPEGs out of a stream of bytes: `rpicam-vid --codec mjpeg -o -`, ffmpeg, a `.mjpeg` file.

A JPEG is followed through its segments (ITU-T T.81, annex B), so that a thumbnail inside of it is
not taken for a picture, and what stands between two JPEGs (multipart headers, damage) is skipped.
"""

from __future__ import annotations

import re

MOST = 32 << 20
"""Longest JPEG, bytes. A stream without an end must not fill the memory of a small device."""

_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In coded data, 0xff is followed by 0 (stuffing), a restart mark, or a marker."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA


class JpegSplitter:
    """Takes pieces of a stream as they come, gives the JPEGs that are complete."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._bytes = bytearray()
        self._place = 0
        """How far the JPEG at the head of `_bytes` has been read; 0 when none was found yet."""
        self._coded = False
        self.dropped = 0
        """JPEGs that were cut short, damaged or too long."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece; the JPEGs that it completes, whole, in order."""
        self._bytes += piece
        found: list[bytes] = []
        while True:
            if not self._place and not self._begin():
                return found
            end = self._follow()
            if end > 0:
                found.append(bytes(self._bytes[:end]))
                self._cut(end)
            elif end == 0:
                if len(self._bytes) <= self._most:
                    return found
                self._lose(2)

    def _begin(self) -> bool:
        """Throw away what is before the next JPEG; whether one begins."""
        start = self._bytes.find(_START)
        if start < 0:
            self._cut(max(len(self._bytes) - len(_START) + 1, 0))
            return False
        self._cut(start)
        self._place = 2
        return True

    def _follow(self) -> int:
        """Read on: the end of the JPEG, 0 when more bytes are needed, -1 when it was given up."""
        data = self._bytes
        while True:
            if self._coded:
                marker = _MARKER.search(data, self._place)
                if marker is None:  # the last byte may be the first half of a marker
                    self._place = max(len(data) - 1, self._place)
                    return 0
                self._place, self._coded = marker.start(), False
            if len(data) < self._place + 2:
                return 0
            if data[self._place] != 0xFF:
                return self._lose(self._place)
            kind = data[self._place + 1]
            if kind == 0xFF:  # a fill byte
                self._place += 1
            elif kind == _EOI:
                return self._place + 2
            elif kind == _SOI or kind == 0:  # the JPEG before was cut short
                return self._lose(self._place)
            elif 0xD0 <= kind <= 0xD7 or kind == 0x01:
                self._place += 2
            else:
                if len(data) < self._place + 4:
                    return 0
                length = int.from_bytes(data[self._place + 2 : self._place + 4], "big")
                if length < 2:
                    return self._lose(self._place)
                if len(data) < self._place + 2 + length:
                    return 0
                self._coded = kind == _SOS
                self._place += 2 + length

    def _lose(self, place: int) -> int:
        """Give the present JPEG up; go on looking behind `place`."""
        self.dropped += 1
        self._cut(max(place, 2))
        return -1

    def _cut(self, end: int) -> None:
        del self._bytes[:end]
        self._place, self._coded = 0, False
