"""`serve --phone`: certificate, token and links by which a phone reaches this machine."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shelflens.errors import ServeError
from shelflens.files import atomic_writer, lock_descriptor
from shelflens.serve.addresses import local_name, private_addresses
from shelflens.serve.settings import Settings, read_token

if TYPE_CHECKING:  # a server with a certificate of its own needs no cryptography
    from shelflens.serve.authority import Pair

PORT = 8443
TOKEN_BYTES = 16
"""128 bits: more than can be guessed, and a small code."""

AUTHORITY, CERTIFICATE, TOKEN = "authority.pem", "server.pem", "token"


@dataclass(frozen=True)
class Phone:
    """How a phone reaches the server."""

    addresses: tuple[str, ...]
    """IPv4 addresses or a public name; the codes use the first."""
    token: str
    authority: Pair | None
    """None where --cert is of an authority that phones know already."""
    cert: Path
    key: Path
    token_source: str
    """Where the token can be read."""

    def page_link(self, port: int) -> str:
        """The address of the server."""
        return f"https://{self.addresses[0]}:{port}/"

    def enter_link(self, port: int) -> str:
        """The address that lets a phone in; the token is in the fragment, which is never sent."""
        return f"{self.page_link(port)}enter#{self.token}"

    def setup_link(self, port: int) -> str:
        """The address of the page that offers the authority's certificate."""
        return f"http://{self.addresses[0]}:{port}/"


def default_folder() -> Path:
    """Where certificate and token are kept, of this user."""
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "shelflens" / "phone"


def prepare(settings: Settings, folder: Path) -> Phone:
    """Certificate and token for a server with these settings; what is missing is made and kept.

    Args:
        settings: Where it listens; its certificate and token are used where it has them.
        folder: For those that are made.

    Raises:
        ServeError: no address that a phone can reach; a file there that cannot be used.
        OSError: a file cannot be read or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        token, source = _token(settings, folder)
        if settings.cert and settings.key:
            names = settings.hosts or tuple(private_addresses(settings.host))
            return Phone(names, token, None, settings.cert, settings.key, source)
        from shelflens.serve.authority import open_authority, open_certificate

        addresses = private_addresses(settings.host)
        authority = open_authority(folder / AUTHORITY, local_name().removesuffix(".local"))
        pair = open_certificate(folder / CERTIFICATE, authority, addresses, local_name())
        return Phone(tuple(addresses), token, authority, pair.path, pair.path, source)


def _token(settings: Settings, folder: Path) -> tuple[str, str]:
    if settings.token:
        return settings.token, "the token that was given"
    path = folder / TOKEN
    if not path.exists():
        with atomic_writer(path, private=True) as stream:
            stream.write(f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode())
    token = read_token(str(path))
    if token is None:  # never of a file
        raise ServeError(f"{path}: no token")
    return token, f"the token in {path}"


@contextmanager
def _locked(folder: Path, wait_s: float = 10.0) -> Iterator[None]:
    """Of two servers that start at once, one makes the files."""
    with (folder / ".lock").open("wb") as lock:
        deadline = time.monotonic() + wait_s
        while not lock_descriptor(lock.fileno()):
            if time.monotonic() > deadline:
                raise ServeError(f"{folder}: another server is making its certificate; try again")
            time.sleep(0.05)
        yield


def phone_lines(phone: Phone, port: int, setup_port: int, *, codes: bool) -> list[str]:
    """What the terminal shows.

    Args:
        phone: From `prepare`.
        port: Of the server.
        setup_port: Of the page with the certificate; 0 without one.
        codes: Whether a person looks at it: show codes, and links with the token.
    """
    lines = []
    if phone.authority is not None:
        link = phone.setup_link(setup_port)
        lines += ["", f"1  Once per phone, let it trust this machine:  {link}"]
        if codes:
            lines += _code(link)
        lines += ["   The certificate there must have the SHA-256 fingerprint"]
        digits = phone.authority.fingerprint
        lines += [f"   {digits[:48].strip()}", f"   {digits[48:].strip()}"]
    step = "2" if phone.authority is not None else "1"
    if codes:
        link = phone.enter_link(port)
        lines += ["", f"{step}  Open it on the phone:  {link}", *_code(link)]
        lines += ["   Whoever has this code may ask; keep it in the shop."]
    else:
        lines += [f"{step}  Open {phone.page_link(port)} and type {phone.token_source}"]
    if len(phone.addresses) > 1:
        lines.append(f"   This machine's addresses: {', '.join(phone.addresses)}")
    return lines


def _code(text: str) -> list[str]:
    from shelflens.serve.qr_code import terminal

    encoding = sys.stdout.encoding or "ascii"
    try:
        "▀▄█".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ["   (this terminal cannot show a QR code: type the address)"]
    return [f"   {line}" for line in terminal(text)]
