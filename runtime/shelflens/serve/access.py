"""Who may ask: host names, token, cross-site requests; and a log line per request."""

from __future__ import annotations

import base64
import binascii
import hmac
import sys
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from shelflens.serve.problem import Problem, quoted
from shelflens.serve.response import TrackedResponse, has_body
from shelflens.serve.settings import Settings

OPEN_PATH = "/healthz"
"""Answered without a token: tells only that the server runs."""


class AccessControl:
    """ASGI middleware around every request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._hosts = settings.allowed_hosts
        self._token = settings.token.encode() if settings.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with the reason."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        headers = Headers(scope=scope)
        response = TrackedResponse(receive, send, body=has_body(headers))
        try:
            self._check(headers, scope["path"])
            await self.app(scope, response.receive, response.send)
        except Problem as problem:
            await problem.response()(scope, response.receive, response.send)
        except ClientDisconnect:
            response.status = 499
        finally:
            if self.settings.log:
                spent = (time.perf_counter() - start) * 1e3
                _log(scope, response.status, response.size, spent)

    def _check(self, headers: Headers, path: str) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _without_port(host) not in self._hosts:
            raise Problem(
                421,
                "host",
                expected=" or ".join(sorted(self._hosts)),
                got=quoted(host),
                do="use that name, or start the server with --allow-host",
            )
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") not in (
            "navigate",
            None,
        ):
            raise Problem(
                403,
                "sec-fetch-site",
                expected="same-origin",
                got="a request from a page of another site",
                do="open the page that this server serves",
            )
        if self._token is not None and path != OPEN_PATH:
            given = _credential(headers.get("authorization", ""))
            if not hmac.compare_digest(given, self._token):
                raise Problem(
                    401,
                    "authorization",
                    expected="Bearer and the token",
                    got="another" if given else "none",
                    do="send the header Authorization: Bearer TOKEN; in a browser, type the token "
                    "as the password and leave the name empty",
                    headers={
                        # Alone: Chromium takes a list of schemes for a damaged one.
                        "www-authenticate": 'Basic realm="shelflens", charset="UTF-8"'
                    },
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
