"""Idle and greedy clients of a server, beside honest ones."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from tests.support.server_process import PHOTO

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z]")


def honest_beside_idle(
    port: int, *, idle: int, honest: int, idle_from: str, honest_from: str
) -> Counter[str]:
    """Open idle connections from one address, then ask from another, all at once.

    A client asks again after a 503 that says when, as the answer tells it to.

    Returns:
        Counts of the clients' final statuses, or names of exceptions.
    """
    with ExitStack() as stack:
        for _ in range(idle):
            with suppress(OSError):
                source = (idle_from, 0)
                stack.enter_context(
                    socket.create_connection(("127.0.0.1", port), 5, source_address=source)
                )
        with ThreadPoolExecutor(honest) as pool:
            return Counter(pool.map(lambda _: _lookup(port, honest_from), range(honest)))


def _lookup(port: int, address: str, tries: int = 20) -> str:
    status = ""
    for _ in range(tries):
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=30, source_address=(address, 0)
        )
        try:
            connection.request(
                "POST", "/lookup", PHOTO.read_bytes(), {"Content-Type": "image/jpeg"}
            )
            response = connection.getresponse()
            response.read()
            status = str(response.status)
            if not (response.status == 503 and response.headers["retry-after"]):
                return status
        except OSError as error:
            return type(error).__name__
        finally:
            connection.close()
        time.sleep(0.5)
    return status


def statuses(port: int, inputs: Iterable[bytes]) -> Counter[str]:
    """Send each input on a connection of its own, and nothing after it.

    Returns:
        Counts of the statuses of all responses, and of `silent` connections that did not end.
    """
    counts: Counter[str] = Counter()
    for data in inputs:
        with socket.create_connection(("127.0.0.1", port), 15) as raw, suppress(ConnectionError):
            received = b""
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                while part := raw.recv(65536):
                    received += part
            except TimeoutError:
                counts["silent"] += 1
            counts.update(found.decode() for found in _STATUS.findall(received))
    return counts
