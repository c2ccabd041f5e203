"""Notifies systemd that the service is ready and alive, if it was started by systemd.

A datagram to a local socket, as sd_notify(3) describes; the only module with a socket, and it
opens no other family than AF_UNIX.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping


class Notifier:
    """Sends to the socket named by `NOTIFY_SOCKET`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._last_sent = -float("inf")

    def send_lines(self, *lines: str) -> None:
        """Send such as READY=1, WATCHDOG=1, STATUS=...; a socket that is gone is no error."""
        if not self._address:
            return
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            try:
                connection.connect(self._address)
                connection.send("\n".join(line.replace("\n", " ") for line in lines).encode())
            except OSError:
                pass

    def keep_alive(self, status: str) -> None:
        """Reset the watchdog and send the status, once a second at most."""
        now = time.monotonic()
        if now - self._last_sent >= 1:
            self._last_sent = now
            self.send_lines("WATCHDOG=1", f"STATUS={status}")
