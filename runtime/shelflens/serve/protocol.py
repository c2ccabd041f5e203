"""uvicorn's HTTP/1.1 with the time limits that it expects from a proxy in front of it."""

from __future__ import annotations

import asyncio
import json
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shelflens.serve.problem import MEDIA_TYPE, Problem
from shelflens.serve.settings import Settings


class TimedProtocol(H11Protocol):
    """Ends connections whose request head is not complete, or who do not read, for `limit_s`."""

    limit_s = Settings.idle_s

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        # asyncio does this for sockets that it made itself. Without it the body of an answer waits
        # for the client's acknowledgement of the head, 40 ms.
        if (connection := transport.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """It has sent something."""
        super().data_received(data)
        self._watch_head()

    def _watch_head(self) -> None:
        waiting = self.conn.their_state is h11.IDLE  # no whole head yet
        if waiting and self._head is None:
            self._head = self.loop.call_later(self.limit_s, self.transport.abort)
        elif not waiting and self._head is not None:
            self._head.cancel()
            self._head = None

    def on_response_complete(self) -> None:
        """A keep-alive connection waits for its next request by uvicorn's own limit."""
        super().on_response_complete()
        if self.conn.their_state is not h11.IDLE:
            self._watch_head()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._reader = self.loop.call_later(self.limit_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has disconnected."""
        if self._head is not None:
            self._head.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the form of the other errors."""
        problem = Problem(400, "request", expected="HTTP/1.1", got="something else", do="see /docs")
        body = json.dumps(problem.to_dict()).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
