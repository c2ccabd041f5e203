"""`shelflens serve` as a process, over loopback: start, stop, slow and greedy clients, HTTPS."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.server_process import PHOTO, running

PRODUCT = PHOTO.stem.rpartition("-")[0]
TOKEN = "a-token-of-32-characters-or-more"

IMPATIENT = """
import sys
from pathlib import Path
from shelflens import Embedder
from shelflens.catalog.reload import Reloader
from shelflens.serve.run import serve
from shelflens.serve.settings import Settings
web_app = Path(sys.argv[-3]) if sys.argv[-3] != "0" else None
reloader = Reloader(sys.argv[-1], Embedder.open)
serve(reloader, Settings(port=0, web_app=web_app, upload_s=2.0, idle_s=1.0))
"""
"""A server with limits that a test can wait for."""


def test_it_starts_answers_and_ends(built: Path) -> None:
    with running("--catalog", built, "--log") as server:
        assert "30 products" in server.lines[1]
        assert "int8" in server.lines[2]
        status, _, answer = server.post()
        assert (status, answer["matches"][0]["id"]) == (200, PRODUCT)
        code, err = server.stop()
    assert code == 0
    (line,) = err.splitlines()
    assert re.fullmatch(r"\S+ 127\.0\.0\.1 POST /lookup 200 \d+ B [\d.]+ ms", line)


def test_the_log_is_off_and_ctrl_c_ends_it_too(built: Path) -> None:
    with running("--catalog", built) as server:
        server.post()
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        assert server.post(b"no form", **form)[0] == 400
        assert server.stop(signal.SIGINT) == (0, "")


def test_what_hinders_the_start_is_one_line(
    run: Callable[..., tuple[int, str, str]], built: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = run("serve", "--catalog", built, "--port", port)
    assert (status, out) == (1, "")
    assert err.startswith(f"shelflens serve: 127.0.0.1:{port}: Address already in use")
    (tmp_path / "bad.pem").write_text("no certificate")
    bad = ["--cert", tmp_path / "bad.pem", "--key", tmp_path / "bad.pem"]
    for words, message in (
        (["--catalog", built, "--host", "0.0.0.0"], "--token-file FILE"),
        (["--catalog", tmp_path / "none.catalog"], "none.catalog: No such file"),
        (["--catalog", PHOTO], "is a picture (JPEG); expected a catalog file"),
        (["--catalog", built, *bad], "expected a PEM certificate"),
        (["--catalog", built, "--web-app", tmp_path], "shelflens page build"),
    ):
        status, out, err = run("serve", *words, "--port", "0")
        assert (status, out) == (1, "")
        assert message in err
        assert len(err.splitlines()) == 1


def test_without_the_extra_it_says_what_to_install(built: Path) -> None:
    code = (
        "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None;"
        "from shelflens.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "serve", "--catalog", str(built), "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'shelflens[serve]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_body_that_is_too_large_is_not_read(built: Path) -> None:
    with running("--catalog", built, "--max-mb", "1") as server:
        with server.connect() as raw:
            raw.sendall(
                b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                b"Content-Length: 10000000000\r\n\r\n" + b"x" * 1000
            )
            start = time.monotonic()
            head = raw.recv(100)
            assert head.startswith(b"HTTP/1.1 413 ")
            while raw.recv(65536):
                pass
            assert time.monotonic() - start < 5, "the connection must end"
        # A client that sends everything before it reads still sees the answer.
        status, headers, body = server.post(b"x" * (3 << 20))
        assert (status, headers["connection"]) == (413, "close")
        assert "1,048,576 bytes" in body["detail"]
        with server.connect() as raw:  # 100-continue: refused before a byte of the body
            raw.sendall(
                b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                b"Content-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
        assert server.peak_mib() < 250
        assert server.stop() == (0, "")


def test_slow_clients_are_cut_and_others_answered(built: Path) -> None:
    with running("--catalog", built, start=("-c", IMPATIENT)) as server:
        head, body = server.connect(), server.connect()
        silent = server.connect()
        head.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        body.sendall(
            b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        start = time.monotonic()
        assert server.post()[0] == 200
        for _ in range(3):  # a byte now and then does not help
            time.sleep(0.3)
            head.sendall(b"a")
        for connection in (head, silent):
            with suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        assert body.recv(100).startswith(b"HTTP/1.1 408 ")
        while body.recv(65536):
            pass
        assert time.monotonic() - start < 8
        for connection in (head, body, silent):
            connection.close()
        assert server.stop()[0] == 0


def test_a_client_that_does_not_read_is_cut(built: Path, tmp_path: Path) -> None:
    size = 64 << 20
    (tmp_path / "index.html").write_text("page")
    with (tmp_path / "model.tflite").open("wb") as stream:
        stream.truncate(size)
    with running(tmp_path, "--catalog", built, start=("-c", IMPATIENT)) as server:
        with server.connect() as raw:
            raw.sendall(b"GET /model.tflite HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(3)
            got = 0
            with suppress(ConnectionResetError):
                while part := raw.recv(1 << 20):
                    got += len(part)
        assert 0 < got < size
        assert server.peak_mib() < 200
        assert server.stop()[0] == 0


def test_what_is_not_http_gets_a_problem(built: Path) -> None:
    with running("--catalog", built) as server:
        with server.connect() as raw:
            raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 400
        assert server.stop() == (0, "")


def test_fifty_at_once_are_answered_or_told_to_wait(built: Path) -> None:
    with running("--catalog", built) as server:
        server.post()
        before = server.peak_mib()
        padded = PHOTO.read_bytes() + b"\0" * (4 << 20)
        with ThreadPoolExecutor(50) as pool:
            got = list(pool.map(lambda _: server.post(padded), range(50)))
        statuses = [status for status, _, _ in got]
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) >= 10
        assert 503 in statuses
        for status, headers, answer in got:
            if status == 200:
                assert answer["matches"][0]["id"] == PRODUCT
            else:
                assert headers["retry-after"] == "1"
        # 64 MiB of photos held, twice while they are joined, and what is on its way.
        assert server.peak_mib() - before < 220
        assert server.post()[0] == 200
        assert server.stop() == (0, "")


def test_a_request_in_progress_is_answered_before_the_end(built: Path) -> None:
    with running("--catalog", built) as server:
        photo = PHOTO.read_bytes()
        with server.connect() as raw:
            raw.sendall(
                b"POST /lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                + f"Content-Length: {len(photo)}\r\n\r\n".encode()
                + photo[:1000]
            )
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            raw.sendall(photo[1000:])
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert server.stop() == (0, "")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)]
    words += ["-days", "2", "-out", str(cert)]
    subprocess.run(words, capture_output=True, check=True)
    return cert, key


def test_https_with_a_token(built: Path, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    words = ["--catalog", built, "--cert", cert, "--key", key, "--token-file", token]
    with running(*words) as server:
        assert server.scheme == "https"
        context = ssl.create_default_context(cafile=str(cert))

        def get(headers: dict[str, str]) -> int:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", server.port, timeout=10, context=context
            )
            connection.request("GET", "/catalog", headers=headers)
            status = connection.getresponse().status
            connection.close()
            return status

        assert get({}) == 401
        assert get({"Authorization": f"Bearer {TOKEN}"}) == 200
        assert server.stop() == (0, "")
