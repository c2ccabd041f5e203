"""A certificate authority for one machine, and certificates of its addresses.

The authority may vouch for private addresses and names under `.local` only (X.509 name constraints,
RFC 5280, 4.2.1.10): a phone that trusts it believes nothing about any other site because of it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from shelflens.errors import ServeError
from shelflens.files import atomic_writer
from shelflens.serve.addresses import PRIVATE

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as missing:
    raise ServeError("--phone needs cryptography: pip install 'shelflens[phone]'") from missing

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 730
"""Apple refuses certificates of servers that are valid for more than 825 days."""
RENEW_DAYS = 365
"""A certificate that is valid for less is made anew."""

_DNS = ("local", "localhost")
_NOT_CRITICAL = False


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, in one file."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    path: Path

    @property
    def der(self) -> bytes:
        """The certificate as phones install it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as phones show it: pairs of hexadecimal digits."""
        digits = hashlib.sha256(self.der).hexdigest().upper()
        return " ".join(digits[index : index + 2] for index in range(0, 64, 2))


def open_authority(path: Path, machine: str) -> Pair:
    """The authority of a machine, made where there is none yet.

    Args:
        path: PEM, certificate and private key; mode 0600.
        machine: The machine's name, for people.

    Raises:
        ServeError: the file is no such pair, or has expired.
        OSError: it cannot be read or written.
    """
    if path.exists():
        pair = _read(path)
        if pair.certificate.not_valid_after_utc - _now() < timedelta(days=CERTIFICATE_DAYS):
            day = pair.certificate.not_valid_after_utc.date()
            raise ServeError(
                f"{path}: this authority expires on {day}; remove it, start again, and let the "
                "phones trust the new one"
            )
        return pair
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ShelfLens on {machine}"[:64])])
    permitted: list[x509.GeneralName] = [x509.DNSName(suffix) for suffix in _DNS]
    permitted += [x509.IPAddress(network) for network in PRIVATE]
    signs = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.NameConstraints(permitted, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _write(Pair(certificate, key, path))


def open_certificate(path: Path, authority: Pair, addresses: Sequence[str], name: str) -> Pair:
    """A server's certificate of these addresses, made anew where it does not fit any more.

    Args:
        path: PEM, certificate and private key; mode 0600.
        authority: Signs it.
        addresses: IPv4 addresses of private networks.
        name: A name under `.local`.

    Raises:
        OSError: it cannot be read or written.
    """
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.IPv4Address(address)) for address in addresses]
    wanted = x509.SubjectAlternativeName(names)
    if path.exists() and (pair := _usable(path, authority, wanted)) is not None:
        return pair
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    issuer = authority.certificate.subject
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(subject, issuer, key.public_key(), CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(wanted, _NOT_CRITICAL)
        .add_extension(usage, _NOT_CRITICAL)
        .add_extension(signer, _NOT_CRITICAL)
        .sign(authority.key, hashes.SHA256())
    )
    return _write(Pair(certificate, key, path))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    # From yesterday: the clock of a phone may be behind.
    start = _now() - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), _NOT_CRITICAL)
    )


def _usable(path: Path, authority: Pair, wanted: x509.SubjectAlternativeName) -> Pair | None:
    """The pair of a file, unless it is another authority's, of other addresses, or too old."""
    try:
        pair = _read(path)
        pair.certificate.verify_directly_issued_by(authority.certificate)
        found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except Exception:  # whatever is wrong with it, a new one replaces it
        return None
    left = pair.certificate.not_valid_after_utc - _now()
    begun = pair.certificate.not_valid_before_utc <= _now()
    return pair if found.value == wanted and begun and left.days >= RENEW_DAYS else None


def _read(path: Path) -> Pair:
    content = path.read_bytes()
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, None)
        matches = certificate.public_key() == key.public_key()
    except (ValueError, TypeError) as error:
        raise ServeError(_damaged(path)) from error
    if not (matches and isinstance(key, ec.EllipticCurvePrivateKey)):
        raise ServeError(_damaged(path))
    return Pair(certificate, key, path)


def _damaged(path: Path) -> str:
    return (
        f"{path}: expected a certificate and its key, PEM, as --phone makes them; remove it, start "
        "again, and let the phones trust the new one"
    )


def _write(pair: Pair) -> Pair:
    key = pair.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with atomic_writer(pair.path, private=True) as stream:
        stream.write(pair.certificate.public_bytes(serialization.Encoding.PEM) + key)
    return pair


def _now() -> datetime:
    return datetime.now(timezone.utc)
