"""The bytes of an opened file: read whole, or mapped where they are many.

A file that is overwritten in place (`cp NEW STORE.catalog`) changes what is mapped, and ends a
process that reads where it got shorter. So files up to `READ_LIMIT` are read; larger ones, which a
small device may not have the memory for, are mapped, and looked at before every use.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.sums import CHUNK, Sums
from shelflens.errors import CatalogError
from shelflens.files import Check, unless_replaced

READ_LIMIT = 4 << 20
"""Bytes; 10,000 products of 256 dimensions."""

_REMEMBERED_BYTES = 4 << 20
"""Size from which a file that was checked is not checked again while it is the same."""

Identity = tuple[int, int, int, int, int]
"""Device, inode, times and size."""


class Content:
    """The bytes of a file, by one descriptor: they stay those when the path gets another file."""

    def __init__(self, path: Path, kind: str = "catalog") -> None:
        """Open a file.

        Args:
            path: The file.
            kind: What messages call it.

        Raises:
            CatalogError: a folder, no regular file, or too large to be mapped.
            OSError: it cannot be opened.
        """
        self._path, self._kind = path, kind
        self._descriptor: int | None = None
        self._sums: Sums | None = None
        # Without waiting: opening a pipe would block until somebody writes to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        if os.name == "nt" and path.is_dir():
            raise CatalogError(f"{path}: is a folder; expected a {kind} file")
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise CatalogError(f"{path}: is a folder; expected a {kind} file")
            if not stat.S_ISREG(status.st_mode):
                raise CatalogError(f"{path}: is no regular file; expected a {kind} file")
            self.bytes = self._read_or_mapped(descriptor, status)
        finally:
            if self._descriptor is None:
                os.close(descriptor)

    def _read_or_mapped(self, descriptor: int, status: os.stat_result) -> NDArray[np.uint8]:
        self._time, size = status.st_mtime_ns, status.st_size
        times = self._time, status.st_ctime_ns
        identity = status.st_dev, status.st_ino, *times, size
        self.identity: Identity | None = identity if size > _REMEMBERED_BYTES else None
        if size <= READ_LIMIT:
            with open(descriptor, "rb", buffering=0, closefd=False) as stream:
                return np.frombuffer(stream.read(size + 1), np.uint8)
        try:
            mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        except (ValueError, OverflowError) as error:  # cut since, or beyond a 32-bit system
            raise damaged(self._path, f"{size:,} bytes cannot be mapped", self._kind) from error
        self._descriptor = descriptor
        return np.frombuffer(mapped, np.uint8)

    def __del__(self) -> None:
        """Close the descriptor of a mapped file."""
        if (descriptor := getattr(self, "_descriptor", None)) is not None:
            os.close(descriptor)

    def read(self, start: int, stop: int) -> memoryview | bytes:
        """The bytes from `start` to `stop`.

        Those of a mapped file are read, not looked at: a million rows that are checked one by one
        need no memory, and a file that got shorter is an error instead of the end of the process.

        Raises:
            OSError: the file got shorter.
        """
        if self._descriptor is None or not hasattr(os, "pread"):
            return self.bytes[start:stop].data
        data = os.pread(self._descriptor, stop - start, start)
        if len(data) != stop - start:
            raise overwritten(self._path)
        return data

    def offset_of(self, array: NDArray[Any]) -> int | None:
        """Where an array lies in the file; None for one that does not."""
        first = array.__array_interface__["data"][0] - self.bytes.__array_interface__["data"][0]
        inside = first >= 0 and first + array.nbytes <= len(self.bytes)
        return first if inside and array.flags.c_contiguous else None

    def copy(self, start: int, stop: int, stream: BinaryIO) -> None:
        """Write the bytes from `start` to `stop` to another file."""
        for first in range(start, stop, CHUNK):
            stream.write(self.read(first, min(first + CHUNK, stop)))

    @property
    def sums(self) -> Sums:
        """The checksums of its parts that were compared with those of the header.

        Raises:
            CatalogError: none were.
        """
        if self._sums is None:
            raise damaged(self._path, "it was not checked", self._kind)
        return self._sums

    def keep_sums(self, sums: Sums) -> None:
        """Keep checksums that were compared, maybe those of another opening of the same file."""
        self._sums = sums.of_same(self.read)
        if self._descriptor is not None:
            self._time = self._status().st_mtime_ns

    def is_unchanged(self) -> bool:
        """Whether nobody wrote into a mapped file since its checksums were compared; one that was
        read cannot change.

        Raises:
            OSError: it got shorter, so that reading what is mapped would end the process.
        """
        return self._descriptor is None or self._status().st_mtime_ns == self._time

    def _status(self) -> os.stat_result:
        status = os.fstat(self._descriptor or 0)
        if status.st_size < len(self.bytes):
            raise overwritten(self._path)
        return status


def overwritten(path: Path) -> OSError:
    """The error of a file that was written into while it was used."""
    return OSError(errno.ESTALE, "overwritten in place while it was used; open it again", str(path))


def damaged(path: str | Path, what: str, kind: str = "catalog") -> CatalogError:
    """The error of a file that is no sound catalog, or whatever it should be."""
    return CatalogError(f"{path}: not a {kind}, or damaged ({what}); copy or build it again")


def open_content(path: Path, kind: str = "catalog", check: Check | None = None) -> Content:
    """Open a file whose bytes are checked before anything else looks at them.

    Args:
        path: The file.
        kind: What messages call it.
        check: Called with the path and the bytes.

    Raises:
        CatalogError, OSError: as `Content`.
        ShelfLensError: what `check` raises.
    """

    def checked() -> Content:
        content = Content(path, kind)
        if check is not None:
            check(path, content.bytes.data)
        return content

    return unless_replaced([path], checked)
