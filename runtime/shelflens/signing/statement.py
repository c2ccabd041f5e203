"""What is signed: an in-toto statement that names the SHA-256 of every file.

The predicate is that of OpenSSF Model Signing 1.0. It has no room for more, so the serial number
and the expiry are annotations of the subject, which its readers pass over and in-toto provides for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from shelflens.errors import SignatureError
from shelflens.signing.bundle import damaged, strict_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"

IGNORED = (".git", ".gitattributes", ".github", ".gitignore")
"""What the specification leaves out of a folder."""

MAX_SERIAL = (1 << 53) - 1
"""Every reader of JSON has whole numbers up to this."""

WHOLE_FILE = "."
"""The name of a file that is signed by itself: what the reference implementation (1.1) writes and
compares with. The specification says its name; both are read."""

_SERIAL, _CREATED, _EXPIRES = "shelflens_serial", "shelflens_created", "shelflens_expires"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True)
class Statement:
    """Which files are signed, and from when to when."""

    name: str
    """Of the file or folder when it was signed; for people."""
    digests: Mapping[str, str]
    """SHA-256, hexadecimal, by path below the folder, or by `WHOLE_FILE`."""
    serial: int | None = None
    """Rises from one version to the next; None where it was signed with another tool."""
    created: datetime | None = None
    expires: datetime | None = None
    ignored: tuple[str, ...] = field(default=IGNORED)
    """Paths below the folder that are not signed."""

    def to_json(self) -> bytes:
        """The payload of an envelope."""
        names = sorted(self.digests)
        annotations: dict[str, Any] = {}
        if self.serial is not None:
            annotations[_SERIAL] = self.serial
        for key, time in ((_CREATED, self.created), (_EXPIRES, self.expires)):
            if time is not None:
                annotations[key] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        statement = {
            "_type": STATEMENT_TYPE,
            "subject": [
                {
                    "name": self.name,
                    "digest": {"sha256": _root(self.digests, names)},
                    "annotations": annotations,
                }
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": list(self.ignored),
                },
                "resources": [
                    {"name": name, "algorithm": "sha256", "digest": self.digests[name]}
                    for name in names
                ],
            },
        }
        return json.dumps(statement, ensure_ascii=False).encode()


def read_statement(payload: bytes, where: object) -> Statement:
    """Read a payload whose signature was verified: also a trusted signer may err.

    Raises:
        SignatureError: a statement of another kind, or one that contradicts itself.
    """
    values = strict_json(payload, where)
    for key, wanted in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if values.get(key) != wanted:
            raise SignatureError(
                f"{where}: its {key} is {str(values.get(key))[:80]!r}; expected {wanted}"
            )
    subjects, predicate = values.get("subject"), values.get("predicate")
    if not (isinstance(subjects, list) and len(subjects) == 1 and isinstance(subjects[0], dict)):
        raise damaged(where, "subject")
    if not isinstance(predicate, dict):
        raise damaged(where, "predicate")
    subject = subjects[0]
    digests = _digests(predicate.get("resources"), where)
    root = subject.get("digest")
    if not isinstance(root, dict) or root.get("sha256") != _root(digests, list(digests)):
        raise damaged(where, "digest of the subject")
    annotations = subject.get("annotations") or {}
    if not isinstance(annotations, dict) or not isinstance(subject.get("name"), str):
        raise damaged(where, "subject")
    return Statement(
        subject["name"][:200],
        digests,
        _serial(annotations.get(_SERIAL), where),
        _time(annotations.get(_CREATED), where),
        _time(annotations.get(_EXPIRES), where),
        _ignored(predicate.get("serialization"), where),
    )


def _root(digests: Mapping[str, str], names: list[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digests[name]) for name in names)).hexdigest()


def _digests(resources: Any, where: object) -> dict[str, str]:
    """The digests by name, in the order of the file."""
    if not isinstance(resources, list) or not resources:
        raise damaged(where, "resources")
    found: dict[str, str] = {}
    for entry in resources:
        if not isinstance(entry, dict):
            raise damaged(where, "resources")
        name, digest = entry.get("name"), entry.get("digest")
        if not isinstance(name, str) or name in found or not _is_below(name):
            raise damaged(where, f"the name {str(name)[:80]!r}")
        if entry.get("algorithm") != "sha256":
            kind = str(entry.get("algorithm"))[:40]
            raise SignatureError(f"{where}: a digest by {kind!r}; expected sha256")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise damaged(where, f"the digest of {name[:80]!r}")
        found[name] = digest
    return found


def _is_below(name: str) -> bool:
    """Whether a name is a path below a folder, or stands for a whole file."""
    if name == WHOLE_FILE:
        return True
    parts = name.split("/")
    return not (set(parts) & {"", ".", ".."}) and "\\" not in name and "\0" not in name


def _ignored(serialization: Any, where: object) -> tuple[str, ...]:
    if not isinstance(serialization, dict):
        raise damaged(where, "serialization")
    if (serialization.get("method"), serialization.get("hash_type")) != ("files", "sha256"):
        raise SignatureError(
            f"{where}: signed in shards or by another hash; expected files, sha256"
        )
    if serialization.get("allow_symlinks") is not False:
        raise SignatureError(f"{where}: signed through symbolic links; sign it without them")
    paths = serialization.get("ignore_paths", [])
    if not isinstance(paths, list) or not all(
        isinstance(path, str) and _is_below(path) and path != WHOLE_FILE for path in paths
    ):
        raise damaged(where, "ignore_paths")
    return tuple(dict.fromkeys([*IGNORED, *paths]))


def _serial(value: Any, where: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= MAX_SERIAL:
        raise damaged(where, _SERIAL)
    return value


def _time(value: Any, where: object) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            found = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
            return found.replace(tzinfo=timezone.utc)
    except ValueError:
        pass
    raise damaged(where, f"the time {str(value)[:40]!r}")
