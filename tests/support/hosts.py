"""Web servers of the system, run with a configuration for the time of a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def program(name: str, package: str) -> str:
    """The path of a program.

    Raises:
        RuntimeError: it is not installed.
    """
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise RuntimeError(f"no {name} here, which this test needs: apt install {package}")
    return path


@contextmanager
def started(command: list[str], port: int, home: Path) -> Iterator[None]:
    """A server as a process, once it listens; ended by its id in any case."""
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home)}
    log = home / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise AssertionError(log.read_text())
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError(f"{command[0]} does not listen: {log.read_text()}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
