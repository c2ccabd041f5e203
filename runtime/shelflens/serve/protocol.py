"""uvicorn's HTTP/1.1 with the limits that it expects from a proxy in front of it."""

from __future__ import annotations

import asyncio
import json
import socket
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shelflens.serve.connections import Client, Connections, address_key
from shelflens.serve.problem import MEDIA_TYPE, Problem, busy, quoted
from shelflens.serve.settings import Settings
from shelflens.serve.strict_http import StrictConnection


class LimitedProtocol(H11Protocol):
    """Ends connections that are too many, too slow, or not HTTP.

    Too slow is a request head that is not complete after `limit_s`, or who does not read for as
    long; the body has its own limits (`body`).
    """

    limit_s = Settings.idle_s
    connected = Connections(Settings.max_connections, Settings.max_per_address)

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        # asyncio does this for sockets that it made itself. Without it the body of an answer waits
        # for the client's acknowledgement of the head, 40 ms.
        if (connection := transport.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.conn = self.strict = StrictConnection()
        self.entry = Client(address_key(transport), self._is_idle, transport.abort)
        if self.connected.add(self.entry):
            self._watch_head()
        else:
            self._refuse(busy("as many connections as there may be"))

    def _is_idle(self) -> bool:
        return self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE

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
        self.connected.touch(self.entry)
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
        self.connected.remove(self.entry)
        for timer in (self._head, self._reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the form of the other errors."""
        self.connected.malformed += 1
        self._refuse(
            Problem(
                400,
                "request",
                expected="HTTP/1.1 as in RFC 9112",
                got=quoted(self.strict.fault or msg)[1:-1],
                do="let your HTTP library make the request",
            )
        )

    def _refuse(self, problem: Problem) -> None:
        """End the connection, with an answer where none has begun."""
        if self.cycle is not None:  # its handler gets no more, and is not to answer
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps(problem.to_dict()).encode()
            phrase = HTTPStatus(problem.status).phrase.encode()
            headers = [
                ("content-type", MEDIA_TYPE),
                ("content-length", str(len(body))),
                ("connection", "close"),
                *problem.headers.items(),
            ]
            for event in (
                h11.Response(status_code=problem.status, headers=headers, reason=phrase),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
