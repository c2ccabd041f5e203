"""Catalogs that somebody drops into a folder, put in use when a trusted key signed them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from shelflens.catalog.install import install
from shelflens.errors import ShelfLensError
from shelflens.files import sync_folder
from shelflens.signing.trust import Trust

SUFFIX = ".catalog"
REFUSED = "refused"
"""The folder below for files that are not used."""

SETTLE_S = 2.0
"""A file that did not change for so long has arrived: a copy over a network takes time."""
PATIENCE_S = 60.0
"""For the signature of a file that has arrived."""

_Seen = tuple[int, int, int] | None


def receive(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str],
    trust: Trust,
    *,
    report: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[int, int]:
    """Install the catalogs of a folder, each with its signature beside it, until none is left.

    Files come and go while this runs: what is still being copied is waited for. A file that was
    installed is removed; one that is refused is moved to the folder `REFUSED` with its signature.

    Args:
        folder: Where files are dropped: `NAME.catalog`, `NAME.catalog.sig`.
        path: The catalog in use, which they replace.
        trust: Who has to have signed them.
        report: Called with one line per file.
        sleep: Waits some seconds.
        clock: Seconds, on a clock that does not go back.

    Returns:
        How many were installed, and refused.

    Raises:
        OSError: the folder cannot be read or written.
    """
    root = Path(folder)
    root.stat()
    seen: dict[Path, tuple[_Seen, _Seen, float]] = {}
    installed = refused = 0
    while waiting := _dropped(root):
        for file in waiting:
            now, signature = clock(), file.with_name(f"{file.name}.sig")
            state = _identity(file), _identity(signature)
            if file not in seen or seen[file][:2] != state:
                seen[file] = (*state, now)
            quiet = now - seen[file][2]
            plain = file.is_file() and not file.is_symlink()
            if quiet < SETTLE_S or (plain and state[1] is None and quiet < PATIENCE_S):
                continue
            problem = _installed(file, path, trust)
            if not problem:
                installed += 1
                report(f"{file.name}: in use as {os.fspath(path)}")
                signature.unlink(missing_ok=True)
                file.unlink(missing_ok=True)
            else:
                refused += 1
                report(f"refused, and moved to {REFUSED}/: {problem}")
                _move(file, signature)
            seen.pop(file, None)
        if waiting := _dropped(root):
            sleep(SETTLE_S / 4)
    return installed, refused


def _dropped(root: Path) -> list[Path]:
    """What is called a catalog, in the order of the names; a hidden file is still being copied."""
    return sorted(
        path for path in root.iterdir() if path.suffix == SUFFIX and not path.name.startswith(".")
    )


def _installed(file: Path, path: str | os.PathLike[str], trust: Trust) -> str:
    """Why a file was not put in use, or nothing."""
    # A link could lead to what only this account may read.
    if file.is_symlink() or not file.is_file():
        return f"{file.name}: is a link or a folder; expected the file itself"
    try:
        install(file, path, trust=trust)
    except (ShelfLensError, OSError) as error:
        return " ".join(str(error).split())
    return ""


def _move(file: Path, signature: Path) -> None:
    """Put what was refused aside, with its signature."""
    aside = file.parent / REFUSED
    aside.mkdir(exist_ok=True)
    for path in (signature, file):
        if path.is_symlink() or path.exists():
            target = aside / path.name
            if target.is_dir() and not target.is_symlink():
                target = aside / f"{path.name}.{time.time_ns()}"
            path.replace(target)
    sync_folder(file.parent)


def _identity(path: Path) -> _Seen:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
