"""`shelflens serve` as a process over loopback, for tests."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shelflens.model.embedder import BUNDLED_MODEL

PHOTO = sorted((BUNDLED_MODEL.parent / "demo" / "photos").glob("*.jpg"))[0]


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        self.process, self.lines = process, lines
        found = re.fullmatch(r"serving  (https?)://(\S+):(\d+)   .*", lines[0])
        assert found, lines
        self.scheme, self.port = found[1], int(found[3])

    def post(self, body: bytes = PHOTO.read_bytes(), **headers: str) -> tuple[int, Any, Any]:
        """POST /lookup on a connection of its own: status, headers, JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Content-Type": "image/jpeg", **headers}
            connection.request("POST", "/lookup", body, given)
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def peak_mib(self) -> float:
        """The largest memory it ever had, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Ask it to end: its exit status and what it said on standard error."""
        self.process.send_signal(how)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@contextmanager
def running(*words: object, start: tuple[str, ...] = ("-m", "shelflens")) -> Iterator[Server]:
    """A server on a free port, ended by its id at the end in any case."""
    command = [sys.executable, *start, "serve", "--port", "0", *map(str, words)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SHELFLENS_TOKEN": ""},
    )
    assert process.stdout
    assert process.stderr
    try:
        lines = [process.stdout.readline()[:-1]]
        if not lines[0]:
            raise AssertionError(process.stderr.read())
        lines += [process.stdout.readline()[:-1] for _ in range(2)]
        yield Server(process, lines)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
