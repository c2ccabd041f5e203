"""Mutated requests, and how our parser and others divide the same bytes into requests."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import h11
import httptools

from shelflens.serve.strict_http import StrictConnection

SEEDS = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n0\r\nX: y\r\n\r\n",
    b"GET /docs HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
)
PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b";",
        b"0",
        b"5",
        b"\xff",
        b"\r\n\r\n",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", b"content-length:5, 5\r\n"),
    *(b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n", b"Content-Length: -1\r\n"),
    *(b"Content-Length : 5\r\n", b"Content-Length:\r\n 5\r\n", b"Content-Length: 5\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked, identity\r\n"),
    *(b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding:\tchunked\r\n"),
    *(b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\n chunked\r\n"),
    *(b"0\r\n\r\n", b"0\r\n", b"ffffffffffffffffffff\r\n", b"-1\r\n", b"0x3\r\n", b" 3\r\n"),
    *(b"1" * 40 + b"\r\n", b"Host: evil.example\r\n", b"GET /catalog HTTP/1.1\r\n"),
    *(b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/0.9", b" HTTP/1.1", b"X: " + b"a" * 20_000),
    *(b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n"),
)

METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE")
"""llhttp takes no method that it does not know; the others any token."""


@dataclass(frozen=True)
class Seen:
    """A request as a parser has it."""

    method: bytes
    target: bytes
    body: bytes


Parser = Callable[[bytes], list[Seen]]
"""The whole requests in some bytes, up to what is refused or cut short."""


def mutated(generator: random.Random, count: int) -> Iterator[bytes]:
    """Requests, one to three behind each other, with one to three changes."""
    for _ in range(count):
        data = bytearray(b"".join(generator.choices(SEEDS, k=generator.randint(1, 3))))
        for _ in range(generator.randint(1, 3)):
            start = generator.randrange(len(data) + 1)
            if generator.random() < 0.5:  # where a line begins
                start = data.rfind(b"\n", 0, start) + 1
            match generator.randrange(4):
                case 0:
                    data[start:start] = generator.choice(PIECES)
                case 1:
                    del data[start : start + generator.randint(1, 6)]
                case 2:
                    data[start : start + 1] = generator.choice(PIECES)
                case _:
                    end = data.find(b"\n", start) + 1
                    data[start:start] = data[start:end]  # a line twice
        yield bytes(data)


def ours(data: bytes, pieces: int = 1) -> list[Seen]:
    """As the server has it, when the bytes arrive in so many pieces."""
    return _by_h11(StrictConnection(), data, pieces)


def lenient(data: bytes) -> list[Seen]:
    """As h11 alone has it."""
    return _by_h11(h11.Connection(h11.SERVER), data)


def _by_h11(connection: h11.Connection, data: bytes, pieces: int = 1) -> list[Seen]:
    seen: list[Seen] = []
    size = -(-len(data) // pieces)
    waiting = [data[start : start + size] for start in range(0, len(data), size)]
    method = target = body = b""
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA and waiting:
                connection.receive_data(waiting.pop(0))
                continue
            if isinstance(event, h11.Request):
                method, target, body = event.method, event.target, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                seen.append(Seen(method, target, body))
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return seen
                connection.start_next_cycle()
            else:
                return seen
    except h11.RemoteProtocolError:
        return seen


class _Collector:
    """Callbacks of llhttp."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.target = self.body = b""

    def on_message_begin(self) -> None:
        self.target = self.body = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.seen.append(Seen(self.parser.get_method(), self.target, self.body))

    parser: httptools.HttpRequestParser


def by_llhttp(data: bytes) -> list[Seen]:
    """As llhttp has it, the parser of Node.js."""
    collector = _Collector()
    collector.parser = httptools.HttpRequestParser(collector)
    with suppress(httptools.HttpParserError):
        collector.parser.feed_data(data)
    return collector.seen


def disagreements(count: int, seed: int) -> tuple[int, int, list[bytes]]:
    """Let all parsers read the same mutated requests.

    Returns:
        How many requests ours took, how many inputs had one that it did not take whole, and the
        inputs in which it took a request that h11 or llhttp has otherwise.
    """
    taken = cut_short = 0
    wrong = []
    for data in mutated(random.Random(seed), count):
        found = ours(data)
        taken += len(found)
        cut_short += len(found) < len(lenient(data))
        known = [*itertools.takewhile(lambda request: request.method in METHODS, found)]
        if found != lenient(data)[: len(found)] or known != by_llhttp(data)[: len(known)]:
            wrong.append(data)
    return taken, cut_short, wrong
