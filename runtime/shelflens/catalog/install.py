"""A catalog file put in use, with the previous one kept beside it, and brought back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.lock import write_lock
from shelflens.errors import CatalogError
from shelflens.files import atomic_writer, sync_folder


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Where the catalog before is kept: `STORE.catalog.previous`."""
    target = Path(path).resolve()
    return target.with_name(f"{target.name}.previous")


def install(new: str | os.PathLike[str], path: str | os.PathLike[str]) -> Catalog:
    """Copy a catalog file over another at once; a reader sees one of them, whole.

    What is checked is the copy that is then renamed. The file before stays as `previous_path`.

    Raises:
        CatalogError: `new` is damaged, or another writer does not finish; nothing is changed.
        OSError: a file cannot be read or written; nothing is changed.
    """
    target = Path(path).resolve()
    with write_lock(target):
        catalog = Catalog.open(new)
        with atomic_writer(target) as stream:
            _copy(catalog, stream)
            keep_previous(target)
        return Catalog.open(target)


def rollback(path: str | os.PathLike[str]) -> Catalog:
    """Put the previous catalog in use again; the one in use becomes the previous.

    Raises:
        CatalogError: there is none, it is damaged, or another writer does not finish.
        OSError: a file cannot be read or written.
    """
    target = Path(path).resolve()
    with write_lock(target):
        previous = previous_path(target)
        if not previous.exists():
            raise CatalogError(f"{path}: no previous catalog; shelflens catalog install keeps one")
        catalog = Catalog.open(previous)
        with atomic_writer(target) as stream:
            _copy(catalog, stream)
            kept = _second_name(target)
        if kept:  # a kill before this loses only the catalog that was rolled back
            kept.replace(previous)
            sync_folder(target.parent)
        return Catalog.open(target)


def keep_previous(target: Path) -> None:
    """Give the file that is about to be replaced its second name, `previous_path`."""
    if kept := _second_name(target):
        kept.replace(previous_path(target))  # a kill from here on loses nothing


def _copy(catalog: Catalog, stream: BinaryIO) -> None:
    """Write the bytes of the file that a catalog was opened from, checked before and after."""
    source = catalog.source
    if source is None:  # never of an opened one
        raise CatalogError("this catalog is no file")
    source.verify()
    source.content.copy(0, len(source.content.bytes), stream)
    source.require_unchanged()


def _second_name(target: Path) -> Path | None:
    """A second name for a file, or a copy where the file system has none; None without a file."""
    if not target.exists():
        return None
    kept = target.with_name(f".{target.name}.kept.tmp")
    kept.unlink(missing_ok=True)
    try:
        os.link(target, kept)
    except OSError:
        shutil.copy2(target, kept)
    return kept
