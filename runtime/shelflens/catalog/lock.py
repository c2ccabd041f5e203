"""One writer of a catalog at a time, from reading it to replacing it.

The catalog itself cannot carry the lock, since it is replaced by another file: a neighbour
`.NAME.lock` does. The operating system lets the lock go when its holder ends, however it ends, so a
lock file that a killed writer left behind locks nothing and is taken over. Over NFS it holds
between machines only where the server supports locks: write to a catalog from one machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shelflens.catalog.audit import audited
from shelflens.catalog.catalog import Catalog
from shelflens.errors import CatalogError
from shelflens.files import lock_descriptor

WAIT_SECONDS = 30.0
"""How long a writer waits for another; the lock is held while a file is written, not while photos
are embedded."""


@contextmanager
def write_lock(path: str | os.PathLike[str], *, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the writers' lock of a catalog.

    Args:
        path: The catalog; a link is locked where it leads.
        wait: Seconds to wait for another writer.

    Raises:
        CatalogError: another writer did not finish in time.
        OSError: no permission to write beside the catalog, or no such folder.
    """
    target = Path(path).resolve()
    neighbour = target.with_name(f".{target.name}.lock")
    deadline = time.monotonic() + wait
    while (descriptor := _acquired(neighbour, path)) is None:
        if time.monotonic() >= deadline:
            raise CatalogError(f"{path}: another shelflens is writing it; try again")
        time.sleep(0.02)
    try:
        with audited(target):
            yield
    finally:
        with suppress(OSError):  # an open file stays on Windows; it locks nothing
            neighbour.unlink()
        os.close(descriptor)


@contextmanager
def opened_to_change(
    path: str | os.PathLike[str], *, space: str | None = None
) -> Iterator[Catalog]:
    """A catalog as it is now, and no other writer until it is saved.

    Args:
        path: The catalog.
        space: The embedding space that it must have.

    Raises:
        CatalogError, OSError: as `write_lock` and `Catalog.open`.
        SpaceError: it is of another space.
    """
    with write_lock(path):
        catalog = Catalog.open(path)
        if space is not None:
            catalog.require(space)
        yield catalog


def _acquired(neighbour: Path, path: str | os.PathLike[str]) -> int | None:
    """A descriptor that holds the lock, or None while somebody else does."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(neighbour, flags, 0o666)
    except OSError as error:  # name the file that the caller asked for
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    try:
        if not lock_descriptor(descriptor):
            os.close(descriptor)
            return None
        # The writer before removes its file: a lock on a file without a name locks nobody out.
        if os.path.samestat(os.fstat(descriptor), neighbour.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
