"""The files beside a signed one: its signature, and the highest serial that was in use here.

When a file is replaced, its signature moves with it in three steps, of which any may be the last
before a power cut: the new signature is laid beside the old one, the file is replaced, the
signatures are renamed. A reader tries both.
"""

from __future__ import annotations

import json
from pathlib import Path

from shelflens.errors import SignatureError
from shelflens.files import atomic_writer, sync_folder, write_text
from shelflens.signing.bundle import read_bundle, strict_json
from shelflens.signing.manifest import difference, digests_of
from shelflens.signing.statement import IGNORED, MAX_SERIAL, read_statement

_MAX_STATE_BYTES = 4096


def signature_path(path: Path) -> Path:
    """Where the signature of a file or folder lies: `NAME.sig` beside it; links are followed."""
    return _beside(path, ".sig")


def next_signature_path(path: Path) -> Path:
    """Where the signature of a file that is about to be replaced lies before it is."""
    return _beside(path, ".sig.next")


def serial_path(path: Path) -> Path:
    """Where the highest serial is remembered."""
    return _beside(path, ".serial")


def read_serial(path: Path) -> int | None:
    """The highest serial of a file that was in use here, None before the first.

    Raises:
        SignatureError: the state file is damaged.
        OSError: it cannot be read.
    """
    state = serial_path(path)
    try:
        with state.open("rb") as stream:
            content = stream.read(_MAX_STATE_BYTES)
    except FileNotFoundError:
        return None
    try:
        serial = strict_json(content, state).get("serial")
    except SignatureError:
        serial = None
    if type(serial) is not int or not 0 <= serial <= MAX_SERIAL:
        raise SignatureError(
            f"{state}: damaged, so an older file could not be told from a newer one; "
            "remove it, or install with --allow-rollback"
        )
    return serial


def write_serial(path: Path, serial: int | None) -> None:
    """Remember a serial; None forgets it.

    Of two processes that write at once the lower one may stay, until the higher is used again.

    Raises:
        OSError: it cannot be written.
    """
    state = serial_path(path)
    if serial is None:
        state.unlink(missing_ok=True)
    else:
        write_text(state, json.dumps({"serial": serial}) + "\n")


def stage_signature(signature: Path | None, target: Path) -> None:
    """Lay a signature, if there is one, beside the file that is about to be replaced.

    Raises:
        OSError: it cannot be read or written.
    """
    staged = next_signature_path(target)
    if signature is None or not signature.exists():
        staged.unlink(missing_ok=True)
        return
    content = signature.read_bytes()
    with atomic_writer(staged) as stream:
        stream.write(content)


def settle_signature(target: Path, previous: Path) -> None:
    """Rename the signatures of a file that was replaced, and of the one that was kept of it."""
    staged, signature, kept = (
        next_signature_path(target),
        signature_path(target),
        signature_path(previous),
    )
    if signature.exists():
        content = signature.read_bytes()
        with atomic_writer(kept) as stream:
            stream.write(content)
    else:
        kept.unlink(missing_ok=True)
    if staged.exists():
        staged.replace(signature)  # at once: a reader finds the one or the other
    else:
        signature.unlink(missing_ok=True)
    sync_folder(signature.parent)


def settle_after_crash(target: Path, previous: Path) -> None:
    """Finish what a power cut may have left, or undo it: the staged signature fits the file, or
    belongs to one that did not come."""
    staged = next_signature_path(target)
    if not staged.exists():
        return
    try:
        statement = read_statement(read_bundle(staged).payload, staged)
        fits = not difference(statement.digests, digests_of(target, IGNORED))
    except (SignatureError, OSError):
        fits = False
    if fits:
        settle_signature(target, previous)
    else:
        staged.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    target = path.resolve()
    if not target.name:
        raise SignatureError(f"{path}: has no name to put a signature beside")
    return target.with_name(target.name + suffix)
