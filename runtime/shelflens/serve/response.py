"""One response on its way out: security headers, counts, and an orderly refusal."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Send

LINGER_S = 1.0
LINGER_BYTES = 8 << 20
"""How long, and how much, is received and discarded after a refusal."""

SECURITY = {
    # The web app's engine is WebAssembly; its workers and camera images may be blobs.
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    # Together they isolate the page, which threads in WebAssembly need.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}


class TrackedResponse:
    """One response on its way out: security headers, counts, and an orderly refusal.

    A request that is answered before its body was read ends its connection. If that were closed at
    once, the operating system could drop the response together with what still arrives (RFC 9112,
    9.6): so the response is sent whole, and what arrives for a moment is discarded.
    """

    def __init__(self, receive: Receive, send: Send, *, body: bool) -> None:
        self._receive, self._send = receive, send
        self._unread = body
        self._ends_connection = False
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
                self._ends_connection = True
                headers["connection"] = "close"
        self.size += len(message.get("body", b""))
        last = message["type"] == "http.response.body" and not message.get("more_body")
        if not (self._ends_connection and last):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._discard(), LINGER_S)
        await self._send({"type": "http.response.body", "body": b""})

    async def _discard(self) -> None:
        discarded = 0
        while self._unread and discarded < LINGER_BYTES:
            discarded += len((await self.receive()).get("body", b""))


def has_body(headers: Headers) -> bool:
    """Whether a request announces a body."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
