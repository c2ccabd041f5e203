"""Who changed which catalog, and what a server or camera put to use: a JSON line for each.

The lines go to the file that the variable SHELFLENS_AUDIT names, and nowhere without it. The file
is opened for each line and only added to, so that the system may rotate it at any time (logrotate,
without `copytruncate`); a new one has mode 0600. Photos and customers are not in it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.errors import CatalogError

VARIABLE = "SHELFLENS_AUDIT"

_details: ContextVar[dict[str, str] | None] = ContextVar("details", default=None)


@contextmanager
def detailed(**details: str) -> Iterator[None]:
    """Lines that this thread writes inside the block hold these texts too, such as the product."""
    before = _details.set({**(_details.get() or {}), **details})
    try:
        yield
    finally:
        _details.reset(before)


@contextmanager
def audited(path: str | os.PathLike[str]) -> Iterator[None]:
    """Write a line when the block has changed a catalog file, also when it then raises.

    To be used by who holds the lock of the file, so that no other change is taken for this one.
    """
    if not os.environ.get(VARIABLE):
        yield
        return
    before = _fingerprint(path)
    try:
        yield
    finally:
        after = _fingerprint(path)
        if after != before:
            write_line("changed", path, before, after)


def write_line(
    act: str, path: str | os.PathLike[str], before: str | None, after: str | None
) -> None:
    """Write a line, where SHELFLENS_AUDIT says so.

    What cannot be written is a warning: the change is made already.

    Args:
        act: "changed" or "put to use".
        path: The file.
        before: The fingerprint of the one before; None for none.
        after: That of the new one.
    """
    log = os.environ.get(VARIABLE)
    if not log:
        return
    line = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "act": act,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]),
        **(_details.get() or {}),
        **_who(),
        "file": str(Path(path).resolve()),
        "from": before,
        "to": after,
    }
    try:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            data = (json.dumps(line) + "\n").encode()
            if os.write(handle, data) < len(data):  # one write, so that lines stay whole
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(handle)
    except OSError as error:
        print(f"warning: {VARIABLE} {log}: {error.strerror}", file=sys.stderr, flush=True)


def file_fingerprint(path: str | os.PathLike[str]) -> str | None:
    """SHA-256 of a model file, where lines are written; None where not, or without a file."""
    if not os.environ.get(VARIABLE):
        return None
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _fingerprint(path: str | os.PathLike[str]) -> str | None:
    try:
        return Catalog.open(path).fingerprint
    except (CatalogError, OSError):
        return None


def _who() -> dict[str, str | int]:
    """The account that the system runs this process for; not what its environment claims."""
    if sys.platform == "win32":
        import getpass

        return {"user": getpass.getuser(), "pid": os.getpid()}
    import pwd

    number = os.getuid()
    try:
        user = pwd.getpwuid(number).pw_name
    except KeyError:
        user = str(number)
    who: dict[str, str | int] = {"user": user, "pid": os.getpid()}
    if number == 0 and (behind := os.environ.get("SUDO_USER")):
        who["sudo_user"] = behind
    return who
