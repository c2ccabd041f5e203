"""Writing a file so that a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_writer(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path`; rename it over `path` when the block succeeds.

    The bytes are on the disk before the rename, so a kill or a power cut leaves the old file
    whole. When the block raises, the temporary file is removed.

    Raises:
        OSError: no permission, no space, no such folder; the old file is untouched.
    """
    import tempfile  # here and not above: reading a catalog starts without it

    target = Path(path)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    folder = target.resolve().parent
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=folder)
    except OSError as error:  # name the file the caller asked for, not the temporary one
        raise OSError(error.errno, error.strerror, str(target)) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 through `atomic_writer`; bytes of file names that are no text are
    written as \\udcXX."""
    with atomic_writer(path) as stream:
        stream.write(text.encode(errors="backslashreplace"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
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
