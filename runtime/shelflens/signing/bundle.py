"""A signed statement in a file: a Sigstore bundle (v0.3, JSON) around a DSSE envelope.

As OpenSSF Model Signing 1.0 has it for keys, so that its own tools read these files too.
https://github.com/ossf/model-signing-spec, https://github.com/secure-systems-lab/dsse
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelflens.errors import SignatureError

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

MAX_BUNDLE_BYTES = 1 << 20
"""Of a signature file: 1 KB for a file, 200 bytes more for each file of a folder."""

_MAX_DIGITS = 20


@dataclass(frozen=True)
class Envelope:
    """What a bundle holds, not yet verified."""

    payload: bytes
    signature: bytes
    hint: str | None
    """SHA-256 of the signer's public key, PEM; None where the bundle does not say."""

    @property
    def signed(self) -> bytes:
        """What the signature is over: DSSE's pre-authentication encoding of the payload."""
        return pre_authentication(self.payload)


def pre_authentication(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (PAE) of a payload of `PAYLOAD_TYPE`."""
    head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} "
    return head.encode() + payload


def to_json(envelope: Envelope) -> bytes:
    """The content of a signature file."""
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": envelope.hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(envelope.signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode() + b"\n"


def read_bundle(path: Path) -> Envelope:
    """Read a signature file; nothing in it is believed yet.

    Raises:
        SignatureError: no bundle of this form.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_BUNDLE_BYTES + 1)
    if len(content) > MAX_BUNDLE_BYTES:
        raise SignatureError(f"{path}: more than {MAX_BUNDLE_BYTES:,} bytes, no signature")
    bundle = strict_json(content, path)
    if (found := _text(bundle, "mediaType", path)) != MEDIA_TYPE:
        raise SignatureError(f"{path}: expected a Sigstore bundle ({MEDIA_TYPE}), got {found!r}")
    envelope = _object(bundle, "dsseEnvelope", path)
    if (found := _text(envelope, "payloadType", path)) != PAYLOAD_TYPE:
        raise SignatureError(f"{path}: its payload is {found!r}; expected {PAYLOAD_TYPE!r}")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise SignatureError(f"{path}: expected exactly one signature; sign the file again")
    signature = signatures[0] if isinstance(signatures[0], dict) else {}
    return Envelope(
        _bytes(envelope, "payload", path),
        _bytes(signature, "sig", path),
        _hint(_object(bundle, "verificationMaterial", path), path),
    )


def strict_json(content: bytes, where: object) -> dict[str, Any]:
    """A JSON object, UTF-8; keys that repeat and numbers that are none are refused.

    Raises:
        SignatureError: anything else.
    """
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_whole_number,
        )
    except (ValueError, RecursionError) as error:
        raise SignatureError(f"{where}: no signature of ours, or damaged (no JSON)") from error
    if not isinstance(value, dict):
        raise SignatureError(f"{where}: no signature of ours, or damaged (no JSON object)")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that repeats")
    return found


def _whole_number(text: str) -> int:
    if len(text) > _MAX_DIGITS:  # converting a million digits takes seconds
        raise ValueError("a number of so many digits")
    return int(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _hint(material: dict[str, Any], path: Path) -> str | None:
    key = material.get("publicKey")
    if "certificate" in material or "x509CertificateChain" in material or key is None:
        raise SignatureError(f"{path}: signed with a certificate; expected a key")
    if not isinstance(key, dict):
        raise damaged(path, "publicKey")
    hint = key.get("hint")  # bundles before 1.1 carry the key itself, which proves nothing
    if hint is not None and not isinstance(hint, str):
        raise damaged(path, "hint")
    return hint


def _object(values: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = values.get(key)
    if not isinstance(found, dict):
        raise damaged(path, key)
    return found


def _text(values: dict[str, Any], key: str, path: Path) -> str:
    found = values.get(key)
    if not isinstance(found, str):
        raise damaged(path, key)
    return found[:200]


def _bytes(values: dict[str, Any], key: str, path: Path) -> bytes:
    found = values.get(key)
    if not isinstance(found, str) or not found:
        raise damaged(path, key)
    try:
        return base64.b64decode(found.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise damaged(path, key) from error


def damaged(where: object, key: str) -> SignatureError:
    """The error of a signature file, or of what is signed in it, without a sound value of a key."""
    return SignatureError(f"{where}: no signature of ours, or damaged ({key})")
