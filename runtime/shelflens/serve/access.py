"""Who may ask: host names, token, cross-site requests; and a log line per request."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import sys
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from shelflens.serve.connections import network
from shelflens.serve.guesses import WrongTokens
from shelflens.serve.metrics import Metrics
from shelflens.serve.problem import Problem, quoted
from shelflens.serve.response import TrackedResponse, has_body
from shelflens.serve.settings import Settings

OPEN_PATH = "/healthz"
"""Answered without a token: tells only whether the server works."""

EDIT_PATH = "/edit"
"""What lies here and below changes the catalog, and wants the token for that."""


class AccessControl:
    """ASGI middleware around every request."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self._metrics = metrics
        given = [settings.token, settings.edit_token]
        self._token, self._edit_token = (token.encode() if token else None for token in given)
        self._wrong_tokens = WrongTokens()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with the reason."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        headers = Headers(scope=scope)
        response = TrackedResponse(receive, send, body=has_body(headers))
        try:
            self._check(scope, headers)
            await self.app(scope, response.receive, response.send)
        except Problem as problem:
            await problem.response()(scope, response.receive, response.send)
        except ClientDisconnect:
            response.status = 499
        finally:
            spent = time.perf_counter() - start
            self._metrics.count_request(scope["path"], response.status, spent)
            if self.settings.log:
                _log(scope, response.status, response.size, spent * 1e3)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "").lower()
        if not self.settings.allows_host(_without_port(host)):
            raise Problem(
                421,
                "host",
                expected=" or ".join(sorted(self.settings.allowed_hosts or ())),
                got=quoted(host),
                do="use that name, or start the server with --allow-host",
            )
        self._check_site(scope["method"], host, headers)
        path, header = scope["path"], headers.get("authorization", "")
        if self._edit_token is not None and f"{path}/".startswith(f"{EDIT_PATH}/"):
            self._check_token(scope, header, (self._edit_token,))
        elif self._token is not None and path != OPEN_PATH:
            accepted = (self._token, self._edit_token) if self._edit_token else (self._token,)
            self._check_token(scope, header, accepted)

    def _check_site(self, method: str, host: str, headers: Headers) -> None:
        """Refuse what a page of another site makes a browser send.

        Such a page may link here, but not read an answer or send a form. Older browsers send no
        Sec-Fetch-Site, and with GET no Origin.
        """
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin.lower(), host):
            raise _another_site("origin", f"this server's own, {quoted(host)}", quoted(origin))
        link = headers.get("sec-fetch-mode") == "navigate" and method in ("GET", "HEAD")
        if headers.get("sec-fetch-site") == "cross-site" and not link:
            raise _another_site(
                "sec-fetch-site", "same-origin", "a request from a page of another site"
            )

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, separator, name = origin.partition("://")
        port = {"http": ":80", "https": ":443"}.get(scheme)
        if not (separator and port):  # "null": a page that hides where it is from
            return False
        if name.removesuffix(port) == host.removesuffix(port):
            return True
        # Behind a proxy the Host header may be this server's own name.
        return _without_port(name) in {given.lower() for given in self.settings.hosts}

    def _check_token(self, scope: Scope, header: str, accepted: tuple[bytes, ...]) -> None:
        given = _credential(header)
        address = network(scope["client"][0]) if scope.get("client") else "-"
        wait_s = self._wrong_tokens.wait_s(address, time.monotonic()) if given else 0
        if wait_s > 0:
            raise Problem(
                429,
                "authorization",
                expected="the token",
                got="too many others from this address",
                do="ask again in a second",
                headers={"retry-after": str(math.ceil(wait_s))},
            )
        if any(hmac.compare_digest(given, token) for token in accepted):
            return
        # The token to look up is no guess, but not enough here: a browser asks for another.
        reader = self._token is not None and hmac.compare_digest(given, self._token)
        if given and not reader:
            self._wrong_tokens.count(address, time.monotonic())
        to_edit = accepted == (self._edit_token,)
        raise Problem(
            401,
            "authorization",
            expected="Bearer and the token of those who may edit"
            if to_edit
            else "Bearer and the token",
            got="the token to look up" if reader else "another" if given else "none",
            do="send the header Authorization: Bearer TOKEN; in a browser, type the token "
            "as the password and leave the name empty",
            headers={
                # Alone: Chromium takes a list of schemes for a damaged one.
                "www-authenticate": 'Basic realm="shelflens", charset="UTF-8"'
            },
        )


def _another_site(what: str, expected: str, got: str) -> Problem:
    return Problem(
        403,
        what,
        expected=expected,
        got=got,
        do="open the page that this server serves; behind a proxy, name it with --allow-host",
    )


def _credential(header: str) -> bytes:
    """The token that a header carries: Bearer, or the password of Basic, which browsers ask for."""
    scheme, _, rest = header.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest.encode("utf-8", "replace")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _log(scope: Scope, status: int, size: int, ms: float) -> None:
    client = scope["client"][0] if scope.get("client") else "-"
    what = f"{quoted(scope['method'])[1:-1]} {quoted(scope['path'], 200)[1:-1]}"
    when = time.strftime("%Y-%m-%dT%H:%M:%S")
    print(f"{when} {client} {what} {status} {size} B {ms:.1f} ms", file=sys.stderr, flush=True)
