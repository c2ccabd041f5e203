"""`shelflens page check`: every fault of a host is found, and only those."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shelflens.webapp import check
from shelflens.webapp.check import RANGED

Run = Callable[..., tuple[int, str, str]]

FILES = {
    "index.html": b"<!doctype html><title>Shop</title>",
    "js/app.js": b"export {};",
    "app.css": b"body { margin: 0 }",
    "manifest.webmanifest": b'{"name": "Shop"}',
    "icon-192.png": b"\x89PNG\r\n\x1a\n",
    "data/app.json": b"{}",
    "data/model.tflite.pack": gzip.compress(b"model" * 99, mtime=0),
    RANGED: bytes(range(256)) * 3,
}
TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png",
    ".webmanifest": "application/manifest+json", ".json": "application/json",
}  # fmt: skip


def worker() -> bytes:
    """A service worker as `page build` writes it."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    return f"const BUILD = {json.dumps({'version': 'x', 'files': hashes})};\n".encode()


class Host:
    """A host of those files whose answers a test may change."""

    def __init__(self) -> None:
        self.files = {**FILES, "sw.js": worker()}
        self.headers: dict[str, dict[str, str]] = {}
        """By file name; "" for all."""
        self.statuses: dict[str, int] = {}
        self.ranges = True
        self.asked: list[str] = []
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/app/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/app/") or "index.html"
        self.asked.append(name)
        body = self.files.get(name)
        status = self.statuses.get(name, 404 if body is None else 200)
        headers = {"Cache-Control": "no-cache", "ETag": '"x"'}
        headers["Content-Type"] = TYPES.get(Path(name).suffix, "application/octet-stream")
        body = body or b""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if wanted and self.ranges and status == 200:
            first, last = int(wanted[1]), int(wanted[2])
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            body, status = body[first : last + 1], 206
        headers |= self.headers.get("", {}) | self.headers.get(name, {})
        request.send_response(status)
        for key, value in headers.items():
            if value:
                request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    running.stop()


def faults(run: Run, host: Host) -> list[str]:
    """The faults that are found."""
    status, out, err = run("page", "check", host.url)
    assert err == ""
    found = [line for line in out.splitlines() if line.startswith("FAULT")]
    assert status == (1 if found else 0)
    count = f"{len(found) or 'no'} fault{'s' * (len(found) != 1)}"
    assert out.splitlines()[-1] == f"{host.url}: {count}"
    return found


def test_a_good_host_has_no_fault_and_nothing_else_is_asked(run: Run, host: Host) -> None:
    assert faults(run, host) == []
    assert set(host.asked) == {*FILES, "sw.js"}
    host.ranges = False
    assert faults(run, host) == []
    host.headers["js/app.js"] = {"Content-Encoding": "gzip"}
    host.files["js/app.js"] = gzip.compress(FILES["js/app.js"])
    assert faults(run, host) == []


def change(name: str, value: bytes | None) -> Callable[[Host], None]:
    def act(host: Host) -> None:
        if value is None:
            del host.files[name]
        else:
            host.files[name] = value

    return act


def header(name: str, key: str, value: str) -> Callable[[Host], None]:
    return lambda host: host.headers.update({name: {key: value}})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change("app.css", None), r"files +app.css: expected 200, got 404; copy the whole folder"),
        (change("js/app.js", b"export{};"), r"files +js/app.js: not as it was built; .*rewrites"),
        (
            header("manifest.webmanifest", "Content-Type", "text/plain"),
            r"types +manifest.webmanifest: expected application/manifest\+json, got text/plain",
        ),
        (header("js/app.js", "Content-Type", ""), r"types +js/app.js: .* got no type"),
        (
            header("sw.js", "Cache-Control", "public, max-age=31536000, immutable"),
            r"caching +sw.js: caches may keep it for 31,536,000 s",
        ),
        (
            header("", "Permissions-Policy", "camera=(), microphone=()"),
            r"headers +Permissions-Policy: camera=\(\) switches the camera off",
        ),
        (
            header("", "Content-Security-Policy", "default-src 'self'"),
            r"headers +Content-Security-Policy allows no WebAssembly",
        ),
        (
            header(RANGED, "Content-Range", "bytes 0-99/768"),
            r"ranges +data/store.catalog: bytes 8 to 107 expected, got 206",
        ),
    ],
)
def test_a_fault_is_found(run: Run, host: Host, spoil: Callable[[Host], None], said: str) -> None:
    spoil(host)
    (line,) = faults(run, host)
    assert re.search(said, line)


def test_a_gzip_that_is_taken_for_the_hosts_own_is_named(run: Run, host: Host) -> None:
    host.headers["data/model.tflite.pack"] = {"Content-Encoding": "gzip"}
    (line,) = faults(run, host)
    assert "let it send no Content-Encoding for .pack" in line


def test_plain_http_elsewhere_is_a_fault(run: Run, host: Host) -> None:
    assert check._scheme("http://shop.example/").is_fault
    assert not check._scheme("http://localhost:8000/").is_fault
    assert not check._scheme("https://shop.example/").is_fault


def test_an_address_without_a_web_app_is_one_line(run: Run, host: Host, tmp_path: Path) -> None:
    host.statuses["index.html"] = 302
    host.headers["index.html"] = {"Location": "https://elsewhere.example/"}
    for words, said in (
        ([host.url], "a redirect to https://elsewhere.example/; give that address"),
        (["shop.example"], "expected an address such as https://"),
        (["http://127.0.0.1:9/"], "cannot be reached"),
        ([host.url, "--authority", tmp_path / "none.pem"], "none.pem: No such file"),
        ([host.url, "--authority", Path(__file__)], "expected a certificate, PEM or DER"),
    ):
        status, out, err = run("page", "check", *words)
        assert (status, out) == (1, "")
        assert said in err
        assert len(err.splitlines()) == 1
    host.statuses.clear()
    host.files["sw.js"] = b"// another page's"
    status, _, err = run("page", "check", host.url)
    assert status == 1
    assert "no web app that shelflens page build made" in err
    host.statuses["index.html"] = 401
    assert "give --token-file" in run("page", "check", host.url)[2]
