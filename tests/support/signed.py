"""Keys and signed files for the tests."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shelflens.signing.bundle import Envelope, pre_authentication, to_json
from shelflens.signing.ecdsa import PrivateKey, new_key_pair, read_private_key
from shelflens.signing.neighbours import signature_path
from shelflens.signing.trust import Trust


def key_pair(folder: Path, name: str = "shop", curve: str = "P-256") -> PrivateKey:
    """A new key, `NAME.key` and `NAME.pub` in a folder."""
    private = folder / f"{name}.key"
    new_key_pair(private, folder / f"{name}.pub", curve=curve, passphrase=None)
    return read_private_key(private, None)


def trusted(*keys: PrivateKey, **options: Any) -> Trust:
    """Trust in these keys."""
    return Trust([key.public for key in keys], **options)


def another_curve(curve: ec.EllipticCurve, folder: Path) -> PrivateKey:
    """A key that no command of ours makes."""
    return PrivateKey(ec.generate_private_key(curve), folder / "odd.key")


def bundle_of(path: Path) -> dict[str, Any]:
    """The bundle beside a file, as JSON."""
    values: dict[str, Any] = json.loads(signature_path(path).read_text())
    return values


def statement_of(path: Path) -> dict[str, Any]:
    """The statement that is signed beside a file, as JSON."""
    payload = base64.b64decode(bundle_of(path)["dsseEnvelope"]["payload"])
    values: dict[str, Any] = json.loads(payload)
    return values


def sign_payload(path: Path, payload: bytes, key: PrivateKey) -> None:
    """Write a signature beside a file over whatever was given: a trusted signer that errs."""
    envelope = Envelope(payload, key.sign(pre_authentication(payload)), key.public.hint)
    signature_path(path).write_bytes(to_json(envelope))
