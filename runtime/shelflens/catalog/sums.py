"""CRC-32 of any part of a file, from one reading of it.

The checksum of two parts one behind the other follows from theirs and the length of the second, so
those of small parts give that of any range with little more read: a changed catalog is written with
checksums that follow from those it was opened with, and damage since cannot get one that fits.
"""

from __future__ import annotations

import os
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from copy import copy
from functools import lru_cache

from shelflens.catalog.parallel import share_out

CHUNK = 1 << 20
"""Bytes of a part whose checksum is kept; it stays in the processor's cache while it is checked."""

_THREADED_PARTS = 8
"""More are worth a second thread."""

_POLYNOMIAL = 0xEDB88320
"""Of CRC-32, the lowest power in the highest bit."""

Read = Callable[[int, int], "memoryview | bytes"]
"""start, stop -> the bytes between."""

Visit = Callable[[int, "memoryview | bytes"], None]
"""Where a part starts, and its bytes."""


def combined_crc(first: int, second: int, length: int) -> int:
    """The CRC-32 of two byte strings, one behind the other.

    As `crc32_combine` of zlib 1.2.12: the first is multiplied by x^(8 length).

    Args:
        first: CRC-32 of the first.
        second: CRC-32 of the second.
        length: Bytes of the second.
    """
    return _product(_shift(length), first) ^ second


@lru_cache(64)
def _shift(length: int) -> int:
    """x^(8 length) modulo the polynomial."""
    power, square, bits = 1 << 31, 1 << 23, length  # x^0, x^8
    while bits:
        if bits & 1:
            power = _product(square, power)
        square = _product(square, square)
        bits >>= 1
    return power


def _product(a: int, b: int) -> int:
    """The product of two polynomials modulo that of the CRC."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def parts_of(start: int, stop: int, item: int) -> list[tuple[int, int]]:
    """A range cut into parts of about `CHUNK` bytes, each of whole items where these are smaller.

    Args:
        start: First byte.
        stop: Behind the last byte.
        item: Bytes of an item.
    """
    step = CHUNK - CHUNK % item if item <= CHUNK else CHUNK
    return [(first, min(first + step, stop)) for first in range(start, stop, step)]


class Sums:
    """The CRC-32 of every part of a file."""

    def __init__(
        self, read: Read, parts: Sequence[tuple[int, int]], visit: Visit | None = None
    ) -> None:
        """Read everything once; large files by several threads.

        Args:
            read: Gives the bytes of a range.
            parts: Where each part starts and stops, rising, without holes.
            visit: Called with every part, which is in the processor's cache then.
        """
        self._read = read
        self._starts, self._stops = [start for start, _ in parts], [stop for _, stop in parts]
        self._crcs = [0] * len(parts)

        def add(index: int) -> None:
            start, stop = parts[index]
            data = read(start, stop)
            self._crcs[index] = zlib.crc32(data)
            if visit is not None:
                visit(start, data)

        threads = 1
        if len(parts) > _THREADED_PARTS:
            threads = min(4, os.cpu_count() or 1)
        share_out(range(len(parts)), add, threads)

    def of_same(self, read: Read) -> Sums:
        """These, of the same file opened again."""
        sums = copy(self)
        sums._read = read
        return sums

    def detached(self) -> Sums:
        """These, without the file, which can be let go."""
        return self.of_same(_no_file)

    def of(self, start: int, stop: int) -> int:
        """The CRC-32 of the bytes from `start` to `stop`."""
        first, last = bisect_left(self._starts, start), bisect_right(self._stops, stop)
        if first >= last:  # no whole part
            return zlib.crc32(self._read(start, stop)) if stop > start else 0
        begin, end, crc = self._starts[first], self._stops[last - 1], self._crcs[first]
        if start < begin:
            crc = combined_crc(
                zlib.crc32(self._read(start, begin)), crc, self._stops[first] - begin
            )
        for index in range(first + 1, last):
            length = self._stops[index] - self._starts[index]
            crc = combined_crc(crc, self._crcs[index], length)
        if end < stop:
            crc = combined_crc(crc, zlib.crc32(self._read(end, stop)), stop - end)
        return crc


def _no_file(start: int, stop: int) -> bytes:
    raise ValueError("these checksums are of no opened file; see Sums.of_same")
