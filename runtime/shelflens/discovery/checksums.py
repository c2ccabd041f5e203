"""Checksums of a profile: one for each event, and one for all of them with what is said of them.

SQLite checks the structure of its file, not the values in it. An event's checksum finds a value
that has changed; that of the profile finds an event that is missing or another's.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping

from shelflens.errors import ProfileError

BYTES = 16


def event_checksum(
    number: int, at: float, kind: str, product: str, name: str, blob: bytes
) -> bytes:
    """BLAKE2b of an event's values, 16 bytes.

    Hashed are the number as int64 and the time as float64, little-endian, then kind, product and
    name as UTF-8 and the vector's bytes, each after its length as uint64.

    Raises:
        ProfileError: a value of another type, which was never written.
    """
    try:
        digest = hashlib.blake2b(struct.pack("<qd", number, at), digest_size=BYTES)
        for part in (
            *(text.encode("utf-8", "surrogateescape") for text in (kind, product, name)),
            bytes(blob),
        ):
            digest.update(struct.pack("<Q", len(part)) + part)
    except (struct.error, AttributeError, TypeError, ValueError) as error:
        raise ProfileError("a value of another type") from error
    return digest.digest()


def profile_checksum(checksums: Iterable[bytes], metadata: Mapping[str, str]) -> str:
    """BLAKE2b of the events' checksums, in the order of their numbers, and of the metadata; hex.

    Args:
        checksums: 16 bytes each.
        metadata: Texts by key; sorted by key, each key and text after its length as uint64.
    """
    digest = hashlib.blake2b(digest_size=BYTES)
    for checksum in checksums:
        digest.update(checksum)
    for pair in sorted(metadata.items()):
        for text in pair:
            part = text.encode("utf-8", "surrogateescape")
            digest.update(struct.pack("<Q", len(part)) + part)
    return digest.hexdigest()
