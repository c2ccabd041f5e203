"""The settings of the server, and what it refuses to start with."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shelflens.errors import ServeError

TOKEN_VARIABLE = "SHELFLENS_TOKEN"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,200}")  # RFC 6750's alphabet; shorter can be guessed
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """Where to listen, who may ask, and the limits of requests."""

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    edit_token: str | None = None
    """Whoever carries it may change the catalog, and look up; None lets nobody."""
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False
    """Reachable from other machines without HTTPS and without a token."""
    hosts: tuple[str, ...] = ()
    """Further names that the Host header may have; see `allowed_hosts`."""
    web_app: Path | None = None
    log: bool = False
    barcodes: bool = True
    """Whether those of products decide, where the catalog has them and they can be read."""

    workers: int = min(2, os.cpu_count() or 1)
    """Lookups at once: one decodes while another runs the model, which they share."""
    queue_size: int = 8
    """Lookups that may wait; the next is refused with 503. Eight take a Pi 4 about 1 s."""
    max_bytes: int = 20 << 20
    """Of one request; a 48-megapixel JPEG of a phone has about 15 MB."""
    max_held_bytes: int = 64 << 20
    """Of all requests being received or answered."""
    max_photos: int = 10
    """In one request."""
    max_k: int = 100
    upload_s: float = 30.0
    """For a whole body."""
    idle_s: float = 10.0
    """Between two parts of a body, for the head of a request, and for a client that does not read.
    """
    max_connections: int = 200
    max_per_address: int = 64
    """Connections; a browser opens 6. All clients behind a proxy have its address."""
    catalog_s: float = 10.0
    """For work on the whole catalog, such as similar products under conditions."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.cert else "http"

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """Names the Host header may have, without the port; None allows every name.

        Any site can let its own name resolve to this server (DNS rebinding), but the header then
        holds that name. On loopback only this machine's names are allowed; elsewhere a token or a
        certificate keeps such a site out. A server with neither is asked by its address or the
        machine's name.
        """
        given = {name.lower() for name in self.hosts}
        if self.loopback:
            own = f"[{self.host}]" if ":" in self.host else self.host
            return frozenset({*given, *LOOPBACK_NAMES, own})
        if given or self.token or self.cert:
            return frozenset(given) or None
        machine = socket.gethostname().lower()
        return frozenset({*LOOPBACK_NAMES, machine, f"{machine}.local", self.host.lower()})

    def allows_host(self, name: str) -> bool:
        """Whether the Host header may have this name, without the port.

        Args:
            name: In lower case.
        """
        allowed = self.allowed_hosts
        if allowed is None or name in allowed:
            return True
        return not (self.loopback or self.hosts) and _is_address(name)

    def check_pair(self) -> None:
        """Refuse a certificate without a key, or the other way round.

        Raises:
            ServeError: one line.
        """
        if (self.cert is None) != (self.key is None):
            given, missing = ("--cert", "--key") if self.cert else ("--key", "--cert")
            raise ServeError(f"{given} without {missing}: HTTPS needs both, as PEM files")

    def check(self) -> None:
        """Refuse settings that expose the server unprotected, or cannot work.

        Raises:
            ServeError: one line that says what to do.
        """
        self.check_pair()
        if not 0 <= self.port <= 65535:
            raise ServeError(f"--port: expected 0 to 65535, got {self.port}")
        if not (self.loopback or self.token or self.cert or self.insecure):
            raise ServeError(
                f"--host {self.host}: others could reach the server unprotected; add --token-file "
                f"FILE (or {TOKEN_VARIABLE}), or --cert PEM --key PEM for HTTPS, or --insecure"
            )
        if self.edit_token is not None and self.edit_token == self.token:
            raise ServeError(
                "--edit-token-file: the same as the token of those who look up, who could then "
                "change the catalog; make another"
            )
        if self.web_app is not None and not (self.web_app / "index.html").is_file():
            raise ServeError(
                f"--web-app {self.web_app}: expected a folder with index.html; make one with "
                "shelflens page build"
            )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def read_token(
    path: str | None,
    environment: Mapping[str, str] = os.environ,
    option: str = "--token-file",
) -> str | None:
    """The token from a file, else from the environment; None where neither is.

    Args:
        path: The file.
        environment: Where `TOKEN_VARIABLE` may be.
        option: What messages call it.

    Raises:
        ServeError: too short, or characters that do not fit a header; a file others may read.
        OSError: the file cannot be read.
    """
    where = f"{option} {path}" if path else TOKEN_VARIABLE
    if path:
        mode = Path(path).stat().st_mode
        if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
            raise ServeError(f"{where}: others on this machine may read it; chmod 600 {path}")
        text = Path(path).read_bytes()[:1000].decode("utf-8", "replace").strip()
    else:
        text = environment.get(TOKEN_VARIABLE, "").strip()
        if not text:
            return None
    if not _TOKEN.fullmatch(text):
        raise ServeError(
            f"{where}: expected one line of 16 to 200 letters, digits and ._~+/=- ; "
            "make one with: openssl rand -hex 32"
        )
    return text
