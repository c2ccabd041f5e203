"""A catalog file put in use, with the previous one kept beside it, and brought back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.lock import write_lock
from shelflens.errors import CatalogError
from shelflens.files import Check, atomic_writer, sync_folder
from shelflens.signing.neighbours import (
    settle_after_crash,
    settle_signature,
    signature_path,
    stage_signature,
)

if TYPE_CHECKING:  # installing without --trust needs no cryptography
    from shelflens.signing.trust import Trust, Verified


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Where the catalog before is kept: `STORE.catalog.previous`."""
    target = Path(path).resolve()
    return target.with_name(f"{target.name}.previous")


def install(
    new: str | os.PathLike[str], path: str | os.PathLike[str], *, trust: Trust | None = None
) -> Catalog:
    """Copy a catalog file over another at once; a reader sees one of them, whole.

    What is checked is the copy that is then renamed. The file before stays as `previous_path`.
    Signatures move with their files.

    Args:
        new: The file.
        path: What it replaces.
        trust: Who has to have signed it; None takes an unsigned file too.

    Raises:
        CatalogError: `new` is damaged, or another writer does not finish; nothing is changed.
        SignatureError: as `Trust.check`; nothing is changed.
        OSError: a file cannot be read or written; nothing is changed.
    """
    target = Path(path).resolve()
    with write_lock(target):
        previous = previous_path(target)
        settle_after_crash(target, previous)
        verified: list[Verified] = []
        catalog = Catalog.open(new, check=_verifier(trust, target, verified))
        stage_signature(verified[0].path if verified else signature_path(Path(new)), target)
        with atomic_writer(target) as stream:
            _copy(catalog, stream)
            keep_previous(target)
        return settled(target, trust, verified)


def rollback(path: str | os.PathLike[str], *, trust: Trust | None = None) -> Catalog:
    """Put the previous catalog in use again; the one in use becomes the previous.

    Args:
        path: The catalog.
        trust: Who has to have signed the previous one; None takes an unsigned file too.

    Raises:
        CatalogError: there is none, it is damaged, or another writer does not finish.
        SignatureError: as `Trust.check`; nothing is changed.
        OSError: a file cannot be read or written.
    """
    target = Path(path).resolve()
    with write_lock(target):
        previous = previous_path(target)
        if not previous.exists():
            raise CatalogError(f"{path}: no previous catalog; shelflens catalog install keeps one")
        settle_after_crash(target, previous)
        verified: list[Verified] = []
        catalog = Catalog.open(previous, check=_verifier(trust, target, verified))
        stage_signature(verified[0].path if verified else signature_path(previous), target)
        with atomic_writer(target) as stream:
            _copy(catalog, stream)
            kept = _second_name(target)
        if kept:  # a kill before this loses only the catalog that was rolled back
            kept.replace(previous)
            sync_folder(target.parent)
        return settled(target, trust, verified)


def _verifier(trust: Trust | None, target: Path, verified: list[Verified]) -> Check | None:
    """A check against the serials of the target, whose outcome is appended."""
    if trust is None:
        return None
    return lambda path, content: verified.append(trust.verify(path, content, used_as=target))


def settled(target: Path, trust: Trust | None, verified: list[Verified]) -> Catalog:
    """The catalog that is in use now, its signature beside it and its serial remembered."""
    settle_signature(target, previous_path(target))
    if trust is not None:
        # Not before: a device whose power fails must not refuse the catalog that it still has.
        trust.remember(target, verified[0])
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
