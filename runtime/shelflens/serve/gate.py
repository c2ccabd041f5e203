"""Around every request: who may ask, what the browser may do with the answer, one log line."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import sys
import time
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelflens.serve.problem import Problem, shown
from shelflens.serve.settings import Settings

LINGER_S = 1.0
LINGER_BYTES = 8 << 20

OPEN = "/healthz"
"""Answered without a token: says nothing but that the server runs."""

SECURITY = {
    # The page's engine is WebAssembly; its workers and its camera pictures may be blobs.
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    # Together they isolate the page, which WebAssembly threads need.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}


class Gate:
    """ASGI middleware: Host, token, cross-site requests; security headers; the log."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._hosts = settings.allowed_hosts
        self._token = settings.token.encode() if settings.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        headers = Headers(scope=scope)
        answer = Answer(receive, send, body=_has_body(headers))
        try:
            self._check(headers, scope["path"])
            await self.app(scope, answer.receive, answer.send)
        except Problem as problem:
            await problem.response()(scope, answer.receive, answer.send)
        except ClientDisconnect:
            answer.status = 499
        finally:
            if self.settings.log:
                spent = (time.perf_counter() - start) * 1e3
                _log(scope, answer.status, answer.size, spent)

    def _check(self, headers: Headers, path: str) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _without_port(host) not in self._hosts:
            raise Problem(
                421,
                "host",
                expected=" or ".join(sorted(self._hosts)),
                got=shown(host),
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
        if self._token is not None and path != OPEN:
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


class Answer:
    """One response on its way out: security headers, counts, and an orderly refusal.

    A request that is answered before its body was read ends its connection. Were that closed at
    once, the system would throw the answer away with what still arrives (RFC 9112, 9.6): so the
    answer goes out whole, and what arrives for a moment is dropped.
    """

    def __init__(self, receive: Receive, send: Send, *, body: bool) -> None:
        self._receive, self._send = receive, send
        self._unread = body
        self._cut = False
        self.status = 0
        self.size = 0

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        """The next part of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            if self._unread:
                self._cut = True
                headers["connection"] = "close"
        self.size += len(message.get("body", b""))
        last = message["type"] == "http.response.body" and not message.get("more_body")
        if not (self._cut and last):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._drop(), LINGER_S)
        await self._send({"type": "http.response.body", "body": b""})

    async def _drop(self) -> None:
        dropped = 0
        while self._unread and dropped < LINGER_BYTES:
            dropped += len((await self.receive()).get("body", b""))


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


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
    what = f"{shown(scope['method'])[1:-1]} {shown(scope['path'], 200)[1:-1]}"
    when = time.strftime("%Y-%m-%dT%H:%M:%S")
    print(f"{when} {client} {what} {status} {size} B {ms:.1f} ms", file=sys.stderr, flush=True)
