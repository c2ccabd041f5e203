"""Undo: for every change of a catalog the delta that leads back, kept beside it.

`STORE.catalog.undo/FINGERPRINT.delta` turns the catalog of that fingerprint into the one before,
byte for byte. So a change by anybody who keeps no such delta ends the history: what it would undo
is not the catalog any more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from shelflens.catalog.apply import apply
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.diff import diff, save_delta
from shelflens.errors import CatalogError

UNDO_STEPS = 50
"""Changes that can be undone, the newest first."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def undo_folder(path: str | os.PathLike[str]) -> Path:
    """Where the deltas of a catalog are kept: `STORE.catalog.undo`."""
    target = Path(path).resolve()
    return target.with_name(f"{target.name}.undo")


def can_undo(path: str | os.PathLike[str], fingerprint: str) -> bool:
    """Whether the change that made the catalog of this fingerprint can be undone."""
    return bool(_FINGERPRINT.fullmatch(fingerprint)) and _delta(path, fingerprint).is_file()


def save_undoable(changed: Catalog, before: Catalog, path: str | os.PathLike[str]) -> Catalog:
    """Save a changed catalog, and the delta that leads back to the one before.

    To be called with the writers' lock, as `lock.opened_to_change` gives it.

    Args:
        changed: The new catalog.
        before: The one that the file holds, opened from it.
        path: The file.

    Returns:
        The new catalog, opened. Where its delta cannot be written or made, the change stands and
        `can_undo` says no.

    Raises:
        CatalogError, OSError: as `Catalog.save`; nothing is changed.
    """
    changed.save(path)
    after = Catalog.open(path)
    if after.fingerprint == before.fingerprint:
        return after
    with suppress(CatalogError, OSError):
        folder = undo_folder(path)
        folder.mkdir(exist_ok=True)
        save_delta(diff(after, before), after, _delta(path, after.fingerprint))
        _forget_old(folder)
    return after


def undo(path: str | os.PathLike[str], fingerprint: str) -> Catalog:
    """Take back the change that made the catalog of this fingerprint, if it is still in use.

    Args:
        path: The file.
        fingerprint: The catalog that is in use, as who asks knows it.

    Returns:
        The catalog before.

    Raises:
        CatalogError: nothing to undo, or the catalog has changed since; nothing is changed.
        OSError: a file cannot be read or written; nothing is changed.
    """
    if not can_undo(path, fingerprint):
        raise CatalogError(f"{path}: there is no change to undo")
    delta = _delta(path, fingerprint)
    catalog = apply(path, delta)
    delta.unlink(missing_ok=True)
    return catalog


def _delta(path: str | os.PathLike[str], fingerprint: str) -> Path:
    return undo_folder(path) / f"{fingerprint}.delta"


def _forget_old(folder: Path) -> None:
    deltas = sorted(folder.glob("*.delta"), key=lambda file: file.stat().st_mtime_ns)
    for delta in deltas[:-UNDO_STEPS]:
        delta.unlink(missing_ok=True)
