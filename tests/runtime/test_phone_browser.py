"""`serve --phone` with a Chromium that trusts the made authority, and with one that does not."""

from __future__ import annotations

import http.server
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Error, Page, Playwright

from shelflens.serve import authority, phone
from shelflens.webapp.build import build
from tests.support.browser_host import DEMO, PHONE, state, write_camera_video
from tests.support.phone_shop import (
    Shop,
    fetch_certificate,
    launched,
    open_shop,
    phone_of,
    trust,
)

pytestmark = pytest.mark.browser
GRANOLA = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
SCREENSHOTS = os.environ.get("SHELFLENS_SCREENSHOTS")
"""A folder for the pages as they look, for a person."""


@pytest.fixture(scope="module")
def shop(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("phone")
    page = build(built, root / "page", images=DEMO / "studio.csv", title="Corner Shop")
    with open_shop(built, root / "files", "--web-app", page) as shop:
        yield shop


@pytest.fixture(scope="module")
def trusting(
    playwright: Playwright, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Page]]:
    """trusting() -> a page of a phone that has installed the certificate of the setup page."""
    home = tmp_path_factory.mktemp("home")
    camera = write_camera_video(GRANOLA, home / "camera.mjpeg")
    flag = f"--use-file-for-fake-video-capture={camera}"
    with launched(playwright, tmp_path_factory.mktemp("new")) as browser:
        page = browser.new_page(viewport=PHONE)
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(shop.link)
        page = browser.new_page(viewport=PHONE)  # the first may still be loading its error page
        fetch_certificate(page, shop, home / "shelflens.crt")
        look(page, "setup")
    trust(home, home / "shelflens.crt")
    with launched(playwright, home, flag, "--host-resolver-rules=MAP bank.example 127.0.0.1") as ok:
        yield lambda: phone_of(ok)


def look(page: Page, name: str) -> None:
    """Keep the page as a picture, where somebody wants to see it."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def test_from_the_code_to_an_answer_and_offline(trusting: Callable[[], Page], shop: Shop) -> None:
    page = trusting()
    page.goto(f"{shop.link}enter#{shop.token}")
    state(page, "ready")
    assert page.url == shop.link
    assert shop.token not in page.evaluate("document.cookie + location.href")
    for _ in range(200):  # not wait_for_function, which the web app's policy forbids
        if page.evaluate("navigator.serviceWorker.controller !== null"):
            break
        page.wait_for_timeout(100)
    session = page.context.new_cdp_session(page)
    problems = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A private window installs nothing, and every context of a test is one.
    assert {problem["errorId"] for problem in problems} <= {"in-incognito"}
    page.context.set_offline(True)
    page.reload()
    state(page, "ready")
    page.click("#shutter")
    state(page, "answered")
    assert page.inner_text("#heading") == "Halren Granola Honey & Almond"
    look(page, "answer")


def test_a_new_token_lets_an_installed_app_in_again(
    trusting: Callable[[], Page], shop: Shop
) -> None:
    page = trusting()
    page.goto(f"{shop.link}enter#{shop.token}")
    state(page, "ready")
    page.context.clear_cookies()
    page.goto(f"{shop.link}enter#{shop.token}")  # not from the app's own cache
    state(page, "ready")
    assert page.evaluate("fetch('/catalog').then((answer) => answer.status)") == 200


def test_the_door_asks_for_the_token(trusting: Callable[[], Page], shop: Shop) -> None:
    page = trusting()
    page.goto(shop.link)
    look(page, "door")
    page.fill("#token", "wrong")
    page.click("button")
    page.wait_for_selector("#answer .error")
    assert "The token is wrong" in page.inner_text("#answer")
    page.fill("#token", shop.token)
    page.click("button")
    state(page, "ready")


def test_the_page_brings_the_next_phone(trusting: Callable[[], Page], shop: Shop) -> None:
    page = trusting()
    page.goto(f"{shop.link}enter#{shop.token}")
    state(page, "ready")
    page.goto(f"{shop.link}phone")
    look(page, "phone")
    page.set_viewport_size({"width": 900, "height": 1400})
    read = [read_code(page.locator("img.code").nth(index).screenshot()) for index in range(2)]
    assert read == [{shop.setup}, {f"{shop.link}enter#{shop.token}"}]


def read_code(png: bytes) -> set[str]:
    """What OpenCV reads on a screenshot, at several sizes: it misses some."""
    grey = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    readers = (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco())
    sizes = [cv2.resize(grey, None, fx=factor, fy=factor) for factor in (1.0, 1.5, 2.0)]
    return {reader.detectAndDecode(size)[0] for reader in readers for size in sizes} - {""}


def test_the_authority_cannot_vouch_for_another_site(
    trusting: Callable[[], Page], shop: Shop, tmp_path: Path
) -> None:
    pair = authority.open_authority(shop.folder / phone.AUTHORITY, "any")
    for name, wanted in (("bank.example", "ERR_CERT_"), ("localhost", "")):
        with https_site(signed(pair, name, tmp_path / f"{name}.pem")) as port:
            page = trusting()
            if wanted:
                with pytest.raises(Error, match=wanted):
                    page.goto(f"https://{name}:{port}/")
            else:
                answer = page.goto(f"https://{name}:{port}/")
                assert answer
                assert answer.ok


def signed(pair: authority.Pair, name: str, path: Path) -> Path:
    """A certificate of any name, which the private key of the authority can sign."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    issuer = pair.certificate.subject
    certificate = (
        authority._builder(subject, issuer, key.public_key(), 90)
        .add_extension(names, critical=False)
        .sign(pair.key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def https_site(certificate: Path) -> Iterator[int]:
    """A site with that certificate; gives its port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
