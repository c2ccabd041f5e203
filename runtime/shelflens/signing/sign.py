"""Signing a file or a folder."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from shelflens.errors import SignatureError
from shelflens.files import atomic_writer
from shelflens.signing.bundle import (
    MAX_BUNDLE_BYTES,
    Envelope,
    pre_authentication,
    read_bundle,
    to_json,
)
from shelflens.signing.ecdsa import PrivateKey
from shelflens.signing.manifest import digests_of
from shelflens.signing.neighbours import signature_path
from shelflens.signing.statement import IGNORED, MAX_SERIAL, Statement, read_statement

MAX_DAYS = 36_500


def sign(
    path: Path, key: PrivateKey, *, serial: int | None = None, valid_days: int | None = None
) -> Statement:
    """Sign a file or folder, and write the signature beside it.

    Args:
        path: The file or folder.
        key: Whose signature.
        serial: Has to rise from one version to the next; None takes the seconds since 1970, or one
            more than that of the signature there is.
        valid_days: Days until the signature expires; None for ever.

    Raises:
        SignatureError: nothing that can be signed, or a serial that does not rise.
        OSError: a file cannot be read or written.
    """
    if path.suffix in (".sig", ".serial"):
        raise SignatureError(f"{path}: belongs to a signed file; give that file")
    target = signature_path(path)
    former = _former_serial(target)
    if serial is None:
        serial = max(int(time.time()), former + 1)
    if not former < serial <= MAX_SERIAL:
        raise SignatureError(
            f"{path}: serial {serial}; expected above that of {target.name}, which is {former}"
        )
    created = datetime.now(timezone.utc).replace(microsecond=0)
    expires = None if valid_days is None else created + timedelta(days=valid_days)
    statement = Statement(path.resolve().name, digests_of(path, IGNORED), serial, created, expires)
    payload = statement.to_json()
    read_statement(payload, path)  # a name that no reader takes is found here
    signature = key.sign(pre_authentication(payload))
    content = to_json(Envelope(payload, signature, key.public.hint))
    if len(content) > MAX_BUNDLE_BYTES:
        raise SignatureError(f"{path}: too many files for one signature")
    with atomic_writer(target) as stream:
        stream.write(content)
    return statement


def _former_serial(signature: Path) -> int:
    """The serial of a signature file, -1 where there is none. It only helps to count: it is not
    verified."""
    try:
        statement = read_statement(read_bundle(signature).payload, signature)
    except (SignatureError, FileNotFoundError):
        return -1
    return -1 if statement.serial is None else statement.serial
