"""--http: a page, and JSON, that say what the camera loop sees; read-only, without photos."""

from __future__ import annotations

import html
import ipaddress
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shelflens.errors import UsageError

KEPT = 20
"""Answers that are shown."""
STALE_S = 30.0
"""Without a frame for so long, `/healthz` is 503: no camera waits so long between two."""
MAX_CLIENTS, CLIENT_S = 8, 5.0
"""Requests at once, and seconds for each."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>ShelfLens: {last}</title>
<style>
:root {{ color-scheme: light dark; --soft: #55605b; --line: #d5dad7; --green: #1d5c47;
  --amber: #8a5a00; --red: #a32020; }}
@media (prefers-color-scheme: dark) {{ :root {{ --soft: #a9b4af; --line: #39423e; --green: #8fd3b8;
  --amber: #f0bd62; --red: #ff9a92; }} }}
body {{ margin: 0 auto; max-width: 42rem; padding: 1.5rem 1rem;
  font: 1.0625rem/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }}
.match {{ color: var(--green); }} .ambiguous {{ color: var(--amber); }}
.unknown {{ color: var(--red); }}
p, td {{ color: var(--soft); }}
table {{ border-collapse: collapse; width: 100%; margin-top: 1.5rem; }}
td {{ padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }}
td.name {{ color: inherit; overflow-wrap: anywhere; }}
</style></head><body>
<h1 class="{decision}">{last}</h1>
<p>{state}</p>
<table>{rows}</table>
<p>{catalog}<br>{publish}</p>
</body></html>
"""


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; without a host this machine only.

    Raises:
        UsageError: another form.
    """
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535) or (colon and not host):
        raise UsageError(f"--http {text}: expected a port such as 8090, or 0.0.0.0:8090")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


class StatusSite:
    """Serves what it was told last, in threads of its own."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Listen.

        Raises:
            OSError: the port is taken, or may not be opened; names host and port.
        """
        self._status: dict[str, Any] = {"state": "starting", "catalog": "", "publish": ""}
        self._answers: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._frame_at = time.monotonic()
        self._lock = threading.Lock()
        site = self

        class Handler(_Handler):
            status_site = site

        try:
            self._server = _Server(address, Handler)
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{address[0]}:{address[1]}") from error
        self.port = int(self._server.server_address[1])
        thread = threading.Thread(target=self._server.serve_forever, name="shelflens status")
        thread.daemon = True
        thread.start()

    def update(self, **status: Any) -> None:
        """Note what is going on; called after every frame."""
        with self._lock:
            self._status |= status

    def frame(self) -> None:
        """A frame was seen."""
        self._frame_at = time.monotonic()

    def answer(self, values: Mapping[str, Any]) -> None:
        """An answer was given, as `watch --json` prints it."""
        kept = ("time", "decision", "id", "name", "confidence", "basis", "candidates")
        with self._lock:
            self._answers.appendleft({key: values.get(key) for key in kept})

    @property
    def is_alive(self) -> bool:
        """Whether frames come."""
        return time.monotonic() - self._frame_at < STALE_S

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        with self._lock:
            return {**self._status, "alive": self.is_alive, "answers": list(self._answers)}

    def page(self) -> str:
        """As HTML."""
        now = self.to_dict()
        answers = now["answers"]
        rows = "".join(
            f"<tr><td>{html.escape(_clock(answer['time']))}</td>"
            f'<td class="name">{html.escape(_words(answer))}</td>'
            f"<td>{answer['confidence']:.2f}</td></tr>"
            for answer in answers
        )
        return _PAGE.format(
            last=html.escape(_words(answers[0]) if answers else "nothing yet"),
            decision=answers[0]["decision"] if answers else "",
            rows=rows,
            **{name: html.escape(str(now[name])) for name in ("state", "catalog", "publish")},
        )

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _words(answer: Mapping[str, Any]) -> str:
    if answer["decision"] == "match":
        return str(answer["name"])
    if answer["decision"] == "ambiguous":
        return "one of " + ", ".join(map(str, answer["candidates"][:3]))
    return "not in this catalog"


def _clock(at: str) -> str:
    """The time of day here, of a time in UTC."""
    return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._free = threading.BoundedSemaphore(MAX_CLIENTS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, or not at all where there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, then make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    status_site: StatusSite
    timeout = CLIENT_S
    server_version, sys_version = "shelflens", ""

    def do_GET(self) -> None:
        """The page, or its values as JSON."""
        site = self.status_site
        if not _is_own(self.headers.get("Host", "")):
            self._send(421, "text/plain", "ask by this machine's address or name")
        elif self.path == "/":
            self._send(200, "text/html", site.page())
        elif self.path == "/status.json":
            self._send(200, "application/json", json.dumps(site.to_dict(), ensure_ascii=False))
        elif self.path == "/healthz":
            alive = site.is_alive
            text = json.dumps({"status": "ok" if alive else f"no frame for {STALE_S:g} s"})
            self._send(200 if alive else 503, "application/json", text)
        else:
            self._send(404, "text/plain", "no such page")

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """No line per request."""


def _is_own(host: str) -> bool:
    """Whether a Host header is an address, or a name of this machine: no other site's page reads
    this one by letting its own name lead here (DNS rebinding)."""
    name = host.lower()
    if not name.endswith("]"):
        name = name.rpartition(":")[0] or name
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        machine = socket.gethostname().lower()
        return name in ("localhost", machine, f"{machine.partition('.')[0]}.local")
    return True
