"""Requests to the host of a web app, for `shelflens page check` alone."""

from __future__ import annotations

import gzip
import http.client
import ssl
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shelflens.errors import WebAppError

TIMEOUT_S = 20.0
MAX_BYTES = 1 << 30
"""Of one file."""


@dataclass(frozen=True)
class Reply:
    """What a host answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    """As a browser sees it: a compression that the host announces is undone."""

    def header(self, name: str) -> str:
        """A header in lower case, or nothing."""
        return str(self.headers.get(name, "")).lower()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """A redirect is an answer here, to be reported."""


class HostClient:
    """Asks one host as a browser does, and follows no redirect."""

    def __init__(self, *, authority: Path | None = None, token: str | None = None) -> None:
        """Prepare requests; nothing is sent yet.

        Args:
            authority: A certificate, PEM or DER, that is trusted beside the system's.
            token: Sent with every request.

        Raises:
            WebAppError: no certificate.
            OSError: it cannot be read.
        """
        context = ssl.create_default_context()
        if authority is not None:
            content = authority.read_bytes()
            pem = b"BEGIN CERTIFICATE" in content
            try:
                context.load_verify_locations(cadata=content.decode() if pem else content)
            except (ssl.SSLError, ValueError) as error:
                raise WebAppError(f"{authority}: expected a certificate, PEM or DER") from error
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), _NoRedirect
        )
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, url: str, **headers: str) -> Reply:
        """Ask for a file.

        Args:
            url: http or https.
            headers: Further headers, `_` for `-`.

        Raises:
            WebAppError: the host cannot be reached, its certificate does not hold, or it sends what
                is not HTTP.
        """
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        request = urllib.request.Request(url, headers={**self._headers, **named})
        try:
            try:
                response = self._opener.open(request, timeout=TIMEOUT_S)
            except urllib.error.HTTPError as answered:
                response = answered
            with response:
                body = response.read(MAX_BYTES)
                return Reply(response.status, response.headers, _decoded(body, response.headers))
        except urllib.error.URLError as error:
            raise WebAppError(f"{_host(url)}: {_reason(error.reason)}") from error
        except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
            raise WebAppError(f"{_host(url)}: no whole answer ({error})") from error


def _decoded(body: bytes, headers: http.client.HTTPMessage) -> bytes:
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _reason(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate does not hold ({reason.verify_message}); phones will refuse it; for "
            "a certificate of your own authority, give --authority FILE"
        )
    return f"cannot be reached ({reason})"
