"""Clients of the server that are ambiguous, idle, greedy, guessing, or of another site."""

from __future__ import annotations

import http.client
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens.serve.connections import Client, Connections, network
from shelflens.serve.guesses import BURST, MAX_ADDRESSES, WrongTokens
from shelflens.serve.strict_http import FREE_CHUNKS, MAX_HEAD_BYTES
from tests.attacks.http_framing import SEEDS, disagreements, mutated, ours
from tests.attacks.http_load import honest_beside_idle, statuses
from tests.support.server_process import PHOTO, Server, running

NEXT = b"GET /catalog HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED = {
    "length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "both Content-Length and Transfer-Encoding",
    ),
    "chunks and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "both Content-Length and Transfer-Encoding",
    ),
    "two lengths": (
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        "several Content-Length",
    ),
    "a list of lengths": (POST + b"Content-Length: 5, 5\r\n\r\nabcde", "no number"),
    "a signed length": (POST + b"Content-Length: +5\r\n\r\nabcde", "no number"),
    "a huge length": (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabcde", "Content-Length"),
    "a folded header": (POST + b"X: y\r\n z\r\nContent-Length: 5\r\n\r\nabcde", "next line"),
    "a bare line feed": (POST + b"X: y\nContent-Length: 5\r\n\r\nabcde", "CR LF"),
    "a bare carriage return": (POST + b"X: y\rContent-Length: 5\r\n\r\nabcde", "header"),
    "a blank before the colon": (POST + b"Content-Length : 5\r\n\r\nabcde", "header"),
    "two encodings": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding",
    ),
    "another encoding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding"),
    "chunks in HTTP/1.0": (
        CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
        "Transfer-Encoding in HTTP/1.0",
    ),
    "another version": (NEXT.replace(b"1.1", b"2.0"), "another version"),
    "no host": (b"GET /catalog HTTP/1.1\r\n\r\n", "Host"),
    "two hosts": (NEXT[:-2] + b"Host: localhost\r\n\r\n", "Host"),
    "another target": (NEXT.replace(b"/catalog", b"catalog"), "begin with /"),
    "a long head": (NEXT[:-2] + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", "too long"),
    "a chunk of no size": (CHUNKED + b"x\r\nabc\r\n0\r\n\r\n", "chunk"),
    "a huge chunk": (CHUNKED + b"f" * 21 + b"\r\nabc", "chunk"),
    "a signed chunk": (CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", "chunk"),
    "a chunk with a blank": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", "chunk"),
    "a chunk with another end": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", "chunk"),
    "a line feed in an extension": (CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n", "chunk"),
    "an end without a return": (CHUNKED + b"3\r\nabc\r\n0\r\n\n", "chunk"),
    "a length in the trailers": (
        CHUNKED + b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
        "belongs into the head",
    ),
    "small chunks": (CHUNKED + b"1\r\na\r\n" * (FREE_CHUNKS + 1), "small chunks"),
}


def answers(received: bytes, status: bytes = rb"\d+") -> int:
    """How many responses there are."""
    return len(re.findall(rb"HTTP/1\.1 %b [A-Z]" % status, received))


@pytest.fixture(scope="module")
def server(built: Path) -> Iterator[Server]:
    with running("--catalog", built) as server:
        yield server
        assert server.stop() == (0, "")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused_and_ends_the_connection(server: Server, name: str) -> None:
    data, words = REFUSED[name]
    with server.connect() as raw:
        raw.sendall(data + NEXT)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert answers(answer) == 1, "what follows is not another request"
    assert words in json.loads(body)["detail"]


def test_what_is_refused_is_counted(server: Server) -> None:
    def count() -> float:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return float(re.findall(r"^shelflens_connections_malformed_total (\S+)", text, re.M)[0])

    before = count()
    assert statuses(server.port, [b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"]) == {"400": 1}
    assert count() == before + 1


def test_an_error_in_a_body_that_is_answered_already_ends_the_connection(server: Server) -> None:
    with server.connect() as raw:
        raw.sendall(CHUNKED.replace(b"/lookup", b"/none") + b"3\r\nabc\r\nx\r\n" + NEXT)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answers(answer) == 1


def test_requests_behind_each_other_are_answered_in_turn(server: Server) -> None:
    photo = PHOTO.read_bytes()
    chunks = b"%x\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(photo), photo)
    with server.connect() as raw:
        raw.sendall(NEXT + CHUNKED + chunks + NEXT[:-2] + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answers(answer, b"200") == 3
    assert answer.count(b'"decision": "match"') == 1


def test_no_other_parser_divides_the_bytes_otherwise() -> None:
    taken, cut_short, wrong = disagreements(4000, seed=7)
    assert not wrong
    assert taken > 1000
    assert cut_short > 100


def test_pieces_make_no_difference() -> None:
    for data in (*SEEDS, *mutated(random.Random(8), 400)):
        if len(data) > 2000:  # a byte at a time
            continue
        whole = ours(data)
        for pieces in (2, 3, len(data)):
            assert ours(data, pieces) == whole, data


def test_no_request_gets_an_internal_error(server: Server) -> None:
    counts = statuses(server.port, mutated(random.Random(9), 300))
    assert not {status for status in counts if status == "silent" or status.startswith("50")}
    assert {"200", "400"} <= set(counts)
    assert server.post()[0] == 200


@pytest.mark.parametrize("honest_from", ["127.0.0.3", "127.0.0.2"])
def test_idle_connections_make_room(built: Path, honest_from: str) -> None:
    with running("--catalog", built) as server:
        counts = honest_beside_idle(
            server.port, idle=210, honest=32, idle_from="127.0.0.2", honest_from=honest_from
        )
        assert counts == {"200": 32}
        assert server.stop() == (0, "")


def test_a_share_that_is_busy_is_refused_with_the_reason() -> None:
    ended: list[str] = []
    connections = Connections(limit=6, share=3)

    def client(address: str, name: str, *, idle: bool) -> Client:
        return Client(address, lambda: idle, lambda: ended.append(name))

    busy = [client("a", f"a{n}", idle=False) for n in range(3)]
    assert all(map(connections.add, busy))
    assert not connections.add(client("a", "a3", idle=True))
    idle = [client("b", f"b{n}", idle=True) for n in range(3)]
    assert all(map(connections.add, idle))
    connections.touch(idle[0])
    assert connections.add(client("b", "b3", idle=True))
    assert ended == ["b1"]  # not b0, which was answered since
    assert not connections.add(client("c", "c0", idle=True)), "the largest share is busy"
    connections.remove(busy[0])
    assert connections.add(client("c", "c0", idle=True))
    assert len(connections) == 6


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.booleans()), max_size=80))
def test_no_address_has_more_than_its_share(
    steps: list[tuple[str, bool, bool]],
) -> None:
    connections = Connections(limit=7, share=3)
    held: dict[Client, bool] = {}
    for address, idle, leaves in steps:
        if leaves and held:
            gone = next(iter(held))
            connections.remove(gone)
            del held[gone]
            continue
        client = _leaving(address, idle, held)
        if connections.add(client):
            held[client] = idle
        counts = Counter(client.address for client in held)
        assert len(held) == len(connections) <= 7
        assert max(counts.values(), default=0) <= 3


def _leaving(address: str, idle: bool, held: dict[Client, bool]) -> Client:
    """A client that leaves those who are held when it is ended."""

    def end() -> None:
        del held[client]

    client = Client(address, lambda: idle, end)
    return client


def test_an_address_is_a_network_of_ipv6() -> None:
    assert network("192.0.2.7") == "192.0.2.7"
    assert network("::ffff:192.0.2.7") == "192.0.2.7"
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:1::1")
    assert network("fe80::1%eth0") == "fe80::"


def test_wrong_tokens_slow_an_address_down() -> None:
    tokens = WrongTokens()
    for _ in range(BURST):
        assert tokens.wait_s("a", 100.0) == 0
        tokens.count("a", 100.0)
    assert tokens.wait_s("a", 100.0) == pytest.approx(1)
    assert tokens.wait_s("a", 100.75) == pytest.approx(0.25)
    assert tokens.wait_s("b", 100.0) == 0
    assert tokens.wait_s("a", 101.0) == 0
    for n in range(5 * MAX_ADDRESSES):
        tokens.count(str(n), 200.0)
    assert len(tokens) == MAX_ADDRESSES


def test_guesses_get_429_and_one_a_second(built: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-32-characters-or-more")
    token.chmod(0o600)
    with running("--catalog", built, "--token-file", token) as server:

        def ask(given: str) -> tuple[int, str | None]:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", "/catalog", headers={"Authorization": f"Bearer {given}"})
            response = connection.getresponse()
            body = response.read()
            connection.close()
            assert token.read_text().encode() not in body
            return response.status, response.headers["retry-after"]

        start = time.monotonic()
        got = Counter(ask(f"guess-{n}")[0] for n in range(BURST + 20))
        spent = time.monotonic() - start
        assert set(got) == {401, 429}
        assert got[401] <= BURST + spent + 1
        assert ask(token.read_text()) == (429, "1")  # right or wrong is not told
        time.sleep(1.1)
        assert ask(token.read_text())[0] == 200
        assert server.stop() == (0, "")
