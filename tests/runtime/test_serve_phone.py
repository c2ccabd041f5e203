"""`shelflens serve --phone`: addresses, authority, certificate, codes, and the door."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import ifaddr
import numpy as np
import pytest
import segno
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens.errors import ServeError
from shelflens.serve import addresses, authority, phone, qr_code
from shelflens.serve.door import COOKIE
from shelflens.serve.settings import Settings
from tests.support.server_process import PHOTO, Server, running

Run = Callable[..., tuple[int, str, str]]
LOCAL = Settings(host="127.0.0.1", port=8443)


def adapter(name: str, *found: str) -> Any:
    """An adapter as ifaddr gives it."""
    return SimpleNamespace(
        name=name, ips=[SimpleNamespace(ip=ip, is_IPv4=":" not in ip) for ip in found]
    )


def test_addresses_are_those_that_phones_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        adapter("lo", "127.0.0.1"),
        adapter("docker0", "172.17.0.1"),
        adapter("eth0", "169.254.7.7", "10.3.2.1", "fd00::2", "93.184.216.34"),
        adapter("wlan0", "192.168.1.20"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: found)
    assert addresses.private_addresses("0.0.0.0") == ["192.168.1.20", "10.3.2.1", "169.254.7.7"]
    assert addresses.private_addresses("10.3.2.1") == ["10.3.2.1"]
    with pytest.raises(ServeError, match=r"--phone --host 93\.184\.216\.34: expected an IPv4"):
        addresses.private_addresses("93.184.216.34")
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: found[:2])
    with pytest.raises(ServeError, match="connect it to the Wi-Fi"):
        addresses.private_addresses("0.0.0.0")


def test_the_authority_is_made_once_and_vouches_for_private_names_only(tmp_path: Path) -> None:
    made = phone.prepare(LOCAL, tmp_path / "phone")
    again = phone.prepare(LOCAL, tmp_path / "phone")
    assert made.authority
    assert again.authority
    assert again.authority.fingerprint == made.authority.fingerprint
    assert again.token == made.token
    for name in (phone.AUTHORITY, phone.CERTIFICATE, phone.TOKEN):
        assert stat.S_IMODE((tmp_path / "phone" / name).stat().st_mode) == 0o600
    extensions = made.authority.certificate.extensions
    limits = extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    permitted = limits.value.permitted_subtrees
    assert permitted
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    assert set(networks) == set(addresses.PRIVATE)
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert b"PRIVATE" not in made.authority.der


def test_the_certificate_follows_the_addresses(tmp_path: Path) -> None:
    pair = authority.open_authority(tmp_path / "authority.pem", "shop")
    path = tmp_path / "server.pem"

    def made(*names: str) -> x509.Certificate:
        return authority.open_certificate(path, pair, names, "shop.local").certificate

    first = made("192.168.1.20")
    assert made("192.168.1.20") == first
    second = made("192.168.1.21", "10.0.0.3")
    assert second != first
    found = second.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["shop.local", "localhost"]
    assert [str(ip) for ip in found.get_values_for_type(x509.IPAddress)] == [
        "192.168.1.21",
        "10.0.0.3",
    ]
    # Apple's limit for servers, and room until the next start.
    assert second.not_valid_after_utc - second.not_valid_before_utc <= timedelta(days=825)
    path.write_text("damaged")
    third = made("192.168.1.21", "10.0.0.3")
    third.verify_directly_issued_by(pair.certificate)
    elsewhere = authority.open_authority(tmp_path / "second.pem", "shop")
    fourth = authority.open_certificate(path, elsewhere, ["192.168.1.21"], "shop.local")
    fourth.certificate.verify_directly_issued_by(elsewhere.certificate)


def test_a_certificate_that_ends_soon_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = authority._now()
    pair = authority.open_authority(tmp_path / "authority.pem", "shop")
    path = tmp_path / "server.pem"
    first = authority.open_certificate(path, pair, ["10.0.0.3"], "shop.local")
    monkeypatch.setattr(authority, "_now", lambda: now + timedelta(days=300))
    kept = authority.open_certificate(path, pair, ["10.0.0.3"], "shop.local")
    assert kept.certificate == first.certificate
    monkeypatch.setattr(authority, "_now", lambda: now + timedelta(days=400))
    renewed = authority.open_certificate(path, pair, ["10.0.0.3"], "shop.local")
    assert renewed.certificate != first.certificate
    monkeypatch.setattr(authority, "_now", lambda: now + timedelta(days=3000))
    with pytest.raises(ServeError, match="this authority expires on"):
        authority.open_authority(tmp_path / "authority.pem", "shop")


def test_what_cannot_be_used_is_one_line(run: Run, built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    words = ["serve", "--catalog", built, "--phone", "--port", "0", "--phone-files", folder]
    for more, message in (
        (["--host", "8.8.8.8"], "expected an IPv4 address of a private network"),
        (["--host", "127.0.0.1", "--cert", PHOTO], "--cert without --key"),
        (["--host", "127.0.0.1", "--cert", PHOTO, "--key", PHOTO], "expected a PEM certificate"),
    ):
        status, out, err = run(*words, *more)
        assert (status, out) == (1, "")
        assert message in err
        assert len(err.splitlines()) == 1
    (folder / phone.AUTHORITY).write_text("-----BEGIN CERTIFICATE-----")
    status, out, err = run(*words, "--host", "127.0.0.1")
    assert (status, out) == (1, "")
    assert f"{folder / phone.AUTHORITY}: expected a certificate and its key" in err
    (folder / phone.AUTHORITY).unlink()
    (folder / phone.TOKEN).write_text("short")
    status, out, err = run(*words, "--host", "127.0.0.1")
    assert (status, out) == (1, "")
    assert "expected one line of 16 to 200" in err


def modules_of(lines: list[str]) -> NDArray[np.uint8]:
    """What a terminal shows of half blocks: 1 where it is white, uint8 [h, w]."""
    rows = []
    for line in lines:
        blocks = re.sub(r"\x1b\[[\d;]*m", "", line)
        rows.append([block in "█▀" for block in blocks])
        rows.append([block in "█▄" for block in blocks])
    return np.array(rows, np.uint8)


@given(st.text("abcXYZ09-_.~", min_size=1, max_size=150))
def test_a_terminal_shows_the_modules_of_the_code(text: str) -> None:
    link = f"https://192.168.100.200:8443/enter#{text}"
    code = np.array(segno.make(link, error="m", micro=False).matrix)
    shown = modules_of(qr_code.terminal(link))
    side = len(code)
    inner = shown[4 : 4 + side, 4 : 4 + side]
    np.testing.assert_array_equal(inner, 1 - code)
    assert shown.sum() - inner.sum() == shown.size - inner.size  # white around it


def read_code(image: NDArray[np.uint8]) -> set[str]:
    """What OpenCV reads from a grey image, at several sizes: it misses some."""
    readers = (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco())
    sizes = [cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA) for f in (1, 0.6)]
    return {reader.detectAndDecode(size)[0] for reader in readers for size in sizes} - {""}


def test_a_reader_reads_the_codes() -> None:
    for index in range(5):
        link = f"https://192.168.1.20:8443/enter#ldl4GEMR5jO4GabZVn87v{index}"
        shown = modules_of(qr_code.terminal(link)) * np.uint8(255)
        assert read_code(shown.repeat(10, 0).repeat(10, 1)) == {link}


def test_lines_without_a_terminal_hold_no_secret(tmp_path: Path) -> None:
    made = phone.prepare(LOCAL, tmp_path)
    plain = "\n".join(phone.phone_lines(made, 8443, 8444, codes=False))
    assert made.token not in plain
    assert str(tmp_path / phone.TOKEN) in plain
    assert "\x1b" not in plain
    shown = "\n".join(phone.phone_lines(made, 8443, 8444, codes=True))
    assert f"https://127.0.0.1:8443/enter#{made.token}" in shown
    assert "http://127.0.0.1:8444/" in shown
    assert made.authority
    assert made.authority.fingerprint[:47] in shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phone")


@pytest.fixture(scope="module")
def server(built: Path, folder: Path) -> Iterator[Server]:
    words = ("--catalog", built, "--phone", "--phone-files", folder, "--host", "127.0.0.1")
    with running(*words) as started:
        lines = [started.process.stdout.readline() for _ in range(6)]  # type: ignore[union-attr]
        started.lines += [line.rstrip("\n") for line in lines]
        yield started


def ask(
    server: Server, folder: Path, method: str, path: str, **headers: str
) -> tuple[int, Any, bytes]:
    """A request over HTTPS that trusts the made authority and nothing else."""
    certificate = x509.load_pem_x509_certificate((folder / phone.AUTHORITY).read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_token_becomes_a_cookie_and_opens_the_door(server: Server, folder: Path) -> None:
    token = (folder / phone.TOKEN).read_text().strip()
    status, headers, body = ask(server, folder, "GET", "/", sec_fetch_mode="navigate")
    assert status == 401
    assert headers["www-authenticate"].startswith("Bearer")
    assert b'data-say="enter.hint"' in body
    assert "default-src 'self'" in headers["content-security-policy"]
    assert ask(server, folder, "GET", "/enter")[0] == 200
    status, headers, _ = ask(server, folder, "POST", "/session", authorization="Bearer " + "x" * 22)
    assert status == 401
    assert "set-cookie" not in headers
    status, headers, _ = ask(server, folder, "POST", "/session", authorization=f"Bearer {token}")
    assert status == 200
    cookie = headers["set-cookie"]
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie
    pair = cookie.partition(";")[0]
    assert pair.startswith(f"{COOKIE}=")
    status, _, body = ask(server, folder, "GET", "/catalog", cookie=pair)
    assert status == 200
    assert json.loads(body)["products"] == 30
    wrong = f"{COOKIE}={'x' * 22}"
    status, _, body = ask(server, folder, "GET", "/", cookie=wrong, sec_fetch_mode="navigate")
    assert status == 401
    assert b'data-say="enter.hint"' in body
    status, headers, body = ask(server, folder, "GET", "/catalog", cookie=wrong)
    assert (status, headers["content-type"]) == (401, "application/problem+json")
    # Another site's page may not use the cookie.
    status, *_ = ask(server, folder, "GET", "/catalog", cookie=pair, sec_fetch_site="cross-site")
    assert status == 403


def test_guesses_by_cookie_are_slowed_down_too(built: Path, tmp_path: Path) -> None:
    words = ("--catalog", built, "--phone", "--phone-files", tmp_path, "--host", "127.0.0.1")
    with running(*words) as server:
        wrong = [f"{COOKIE}=guess-{index:016}" for index in range(14)]
        seen = [ask(server, tmp_path, "GET", "/catalog", cookie=guess)[0] for guess in wrong]
    assert seen[:10] == [401] * 10
    assert 429 in seen[10:]


def test_the_page_with_the_certificate_is_plain_and_holds_no_secret(
    server: Server, folder: Path
) -> None:
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", "\n".join(server.lines))
    assert found
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)

    def got(path: str) -> tuple[int, Any, bytes]:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    status, headers, page = got("/")
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    token = (folder / phone.TOKEN).read_text().strip()
    assert token.encode() not in page
    status, headers, der = got("/shelflens.crt")
    assert (status, headers["content-type"]) == (200, "application/x-x509-ca-cert")
    made = x509.load_der_x509_certificate(der)
    assert made == x509.load_pem_x509_certificate((folder / phone.AUTHORITY).read_bytes())
    digits = [text.strip() for text in server.lines[-3:-1]]
    assert " ".join(digits).encode() in page
    assert got("/catalog")[0] == got("/authority.pem")[0] == got("/token")[0] == 404
    connection.close()


def test_a_certificate_of_ones_own_needs_no_authority(tmp_path: Path) -> None:
    made = phone.prepare(LOCAL, tmp_path / "made")
    own = Settings(
        host="0.0.0.0", port=8443, cert=made.cert, key=made.key, hosts=("shop.example",),
        token="t" * 20,
    )  # fmt: skip
    used = phone.prepare(own, tmp_path / "own")
    assert used.authority is None
    assert used.enter_link(443) == f"https://shop.example:443/enter#{'t' * 20}"
    assert [path.name for path in (tmp_path / "own").iterdir()] == [".lock"]
    shown = "\n".join(phone.phone_lines(used, 443, 0, codes=True))
    assert "trust this machine" not in shown


def test_the_networks_are_private_to_everybody() -> None:
    for network in addresses.PRIVATE:
        assert not ipaddress.ip_network(network).is_global
