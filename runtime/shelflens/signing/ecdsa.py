"""Keys and signatures of files, by `cryptography`.

ECDSA on the curves of the OpenSSF Model Signing algorithm registry, each with the hash of its size.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelflens.errors import SignatureError

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as missing:
    raise SignatureError("signatures need cryptography: pip install 'shelflens[sign]'") from missing

NEW_CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
"""What new keys may have."""

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
_MAX_KEY_BYTES = 1 << 16
_BAD_KEY = (ValueError, TypeError, UnsupportedAlgorithm)


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures."""

    key: ec.EllipticCurvePublicKey
    path: Path

    @property
    def hint(self) -> str:
        """SHA-256 of its PEM text, by which a bundle names it."""
        return hashlib.sha256(_public_pem(self.key)).hexdigest()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the holder of the private key signed these bytes."""
        try:
            self.key.verify(signature, data, ec.ECDSA(_HASHES[self.key.curve.name]()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs."""

    key: ec.EllipticCurvePrivateKey
    path: Path

    @property
    def public(self) -> PublicKey:
        """The key that checks its signatures."""
        return PublicKey(self.key.public_key(), self.path)

    def sign(self, data: bytes) -> bytes:
        """An ECDSA signature, DER."""
        return self.key.sign(data, ec.ECDSA(_HASHES[self.key.curve.name]()))


def new_key_pair(private: Path, public: Path, *, curve: str, passphrase: bytes | None) -> PublicKey:
    """Make a key pair, the private half (PKCS #8) for its owner's eyes only.

    Args:
        private: The file of the private key; mode 0600.
        public: The file of the public key.
        curve: One of `NEW_CURVES`.
        passphrase: What the private key is encrypted with; None leaves it plain.

    Raises:
        SignatureError: one of the files is there already.
        OSError: a file cannot be written.
    """
    key = ec.generate_private_key(NEW_CURVES[curve]())
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    if public.exists():
        raise SignatureError(f"{public}: is there already; a key is never overwritten")
    _write_new(private, pem, 0o600)
    try:
        _write_new(public, _public_pem(key.public_key()), 0o644)
    except BaseException:
        private.unlink()
        raise
    return PublicKey(key.public_key(), public)


def read_public_key(path: Path) -> PublicKey:
    """Read a public key, PEM.

    Raises:
        SignatureError: a private key, a certificate, several keys, or of another kind.
        OSError: it cannot be read.
    """
    content = _content(path)
    if b"PRIVATE KEY-----" in content:
        raise SignatureError(
            f"{path}: is a private key, which stays where files are signed; expected the .pub"
        )
    if b"BEGIN CERTIFICATE" in content:
        raise SignatureError(f"{path}: is a certificate; expected the public key, PEM")
    if content.count(b"-----BEGIN") > 1:
        raise SignatureError(f"{path}: holds several keys; give each in a file of its own")
    try:
        key = serialization.load_pem_public_key(content)
    except _BAD_KEY as error:
        raise SignatureError(f"{path}: no public key, PEM, or a damaged one") from error
    return PublicKey(_supported(key, ec.EllipticCurvePublicKey, path), path)


def read_private_key(path: Path, passphrase: bytes | None) -> PrivateKey:
    """Read a private key, PEM.

    Raises:
        SignatureError: no such key, of another kind, or another passphrase than this.
        OSError: it cannot be read.
    """
    content = _content(path)
    if b"PUBLIC KEY-----" in content:
        raise SignatureError(f"{path}: is a public key, which signs nothing; expected the .key")
    encrypted = b"ENCRYPTED" in content
    if encrypted and passphrase is None:
        raise SignatureError(f"{path}: is encrypted; give --passphrase-file (- asks for it)")
    try:
        key = serialization.load_pem_private_key(content, passphrase if encrypted else None)
    except _BAD_KEY as error:
        what = "another passphrase" if encrypted else "no private key, PEM"
        raise SignatureError(f"{path}: {what}, or a damaged one") from error
    return PrivateKey(_supported(key, ec.EllipticCurvePrivateKey, path), path)


def _supported(key: Any, kind: type[Any], path: Path) -> Any:
    if not isinstance(key, kind) or key.curve.name not in _HASHES:
        found = getattr(getattr(key, "curve", None), "name", type(key).__name__.strip("_"))
        raise SignatureError(
            f"{path}: is a key of {found}; expected P-256, P-384 or P-521 (shelflens keys new)"
        )
    return key


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(_MAX_KEY_BYTES + 1)
    if len(content) > _MAX_KEY_BYTES:
        raise SignatureError(f"{path}: more than {_MAX_KEY_BYTES:,} bytes, no key")
    return content


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise SignatureError(f"{path}: is there already; a key is never overwritten") from error
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
