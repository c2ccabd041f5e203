"""Writing a file so that a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from shelflens.errors import ShelfLensError

Result = TypeVar("Result")

Check = Callable[[Path, memoryview], object]
"""Called with a file and its bytes before anything of them is read; raises to refuse them."""

_TRIES = 8

ABANDONED_SECONDS = 60.0
"""Age from which a temporary file that no process holds is taken for a killed writer's."""


@contextmanager
def atomic_writer(path: str | Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path`; rename it over `path` when the block succeeds.

    The bytes are on the disk before the rename, so a kill or a power cut leaves the old file
    whole. When the block raises, the temporary file is removed. A link stays a link; owner, group
    and mode of the old file stay too, the owner where the process may give files away. What killed
    writers left is removed.

    Args:
        path: The file.
        private: Only its owner may read it (mode 0600), whatever the old file allowed.

    Raises:
        OSError: no permission, no space, no such folder; the old file is untouched.
    """
    import tempfile  # here and not above: reading a catalog starts without it

    target = Path(path).resolve()
    former = target.stat() if target.exists() else None
    mode = 0o666 & ~_umask() if former is None else former.st_mode & 0o777
    mode = 0o600 if private else mode
    folder, prefix = target.parent, f".{target.name}."
    _sweep(folder, prefix)
    try:
        handle, temporary = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=folder)
    except OSError as error:  # name the file the caller asked for, not the temporary one
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            lock_descriptor(handle)  # held until the end: a sweep leaves this file alone
            yield stream
            stream.flush()
            if former is not None:
                _give(handle, former)
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(folder)


def lock_descriptor(descriptor: int) -> bool:
    """Lock an open file against other processes, without waiting; whether it worked.

    The lock goes when the file is closed, also by the end of a process that is killed.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks: going on is all that is left
        return True
    return True


def _sweep(folder: Path, prefix: str) -> None:
    """Remove temporary files of writers that were killed: old ones that no process holds."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(prefix) and path.name.endswith(".tmp"):
                with suppress(OSError):
                    _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        old = time.time() - os.fstat(descriptor).st_mtime > ABANDONED_SECONDS
        if old and lock_descriptor(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def _give(handle: int, former: os.stat_result) -> None:
    """Give a file the owner and group of another; what is not allowed stays."""
    if not hasattr(os, "fchown"):  # Windows
        return
    status = os.fstat(handle)
    if status.st_gid != former.st_gid:
        with suppress(OSError):
            os.fchown(handle, -1, former.st_gid)
    if status.st_uid != former.st_uid:
        with suppress(OSError):
            os.fchown(handle, former.st_uid, -1)


def unless_replaced(paths: Sequence[Path], act: Callable[[], Result]) -> Result:
    """Do something with files that belong together; again, if it fails because one was replaced.

    Two files cannot be renamed at once: a reader may meet one of before and one of after.

    Raises:
        ShelfLensError: what `act` raises while the files stay the same.
    """
    for _ in range(_TRIES):
        before = [_identity(path) for path in paths]
        try:
            return act()
        except ShelfLensError:
            if before == [_identity(path) for path in paths]:
                raise
    return act()


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 through `atomic_writer`; bytes of file names that are no text are
    written as \\udcXX."""
    with atomic_writer(path) as stream:
        stream.write(text.encode(errors="backslashreplace"))


def exchange(first: Path, second: Path) -> bool:
    """Swap the names of two files or folders at once; False where the system cannot (Linux can)."""
    if sys.platform != "linux":
        return False
    import ctypes

    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None).renameat2
        done = rename(here, os.fsencode(first), here, os.fsencode(second), swap)
    except (OSError, AttributeError):  # an older C library
        return False
    return bool(done == 0)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make the rename itself durable; not every system can open a folder, and none needs to."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
