"""`shelflens serve --phone` on loopback, and Chromiums of users who trust it or do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from shelflens.serve import phone
from tests.support.browser_host import PHONE, chromium
from tests.support.server_process import Server, running


@dataclass
class Shop:
    """A server that lets phones in."""

    server: Server
    folder: Path
    """Where it keeps certificate and token."""
    link: str
    setup: str
    """The address of the page with the authority's certificate."""

    @property
    def token(self) -> str:
        """Of those who may look up."""
        return (self.folder / phone.TOKEN).read_text().strip()


@contextmanager
def open_shop(catalog: Path, folder: Path, *words: object) -> Iterator[Shop]:
    """Serve a catalog to phones.

    Args:
        catalog: The file.
        folder: For certificate and token.
        words: Further ones of the command.
    """
    phones = ("--phone", "--phone-files", folder, "--host", "127.0.0.1")
    with running("--catalog", catalog, *phones, *words) as server:
        setup = None
        while setup is None:
            line = server.process.stdout.readline()  # type: ignore[union-attr]
            assert line, "the server ended"
            setup = re.search(r"http://127\.0\.0\.1:\d+/", line)
        yield Shop(server, folder, f"https://127.0.0.1:{server.port}/", setup[0])


@contextmanager
def launched(playwright: Playwright, home: Path, *flags: str) -> Iterator[Browser]:
    """A Chromium of a user of its own, who trusts what is in that home."""
    browser = playwright.chromium.launch(
        executable_path=chromium(),
        args=["--no-sandbox", "--use-fake-device-for-media-stream", *flags],
        env={**os.environ, "HOME": str(home)},
    )
    try:
        yield browser
    finally:
        browser.close()


def fetch_certificate(page: Page, shop: Shop, out: Path) -> Path:
    """The authority's certificate, downloaded from the setup page."""
    page.goto(shop.setup)
    with page.expect_download() as download:
        page.click("a.button")
    download.value.save_as(out)
    return out


def trust(home: Path, certificate: Path) -> None:
    """Let the Chromium of a home trust an authority, as its settings do."""
    certutil = shutil.which("certutil")
    assert certutil, "no certutil here, which this test needs: apt install libnss3-tools"
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (
        ["-N", "--empty-password"],
        ["-A", "-t", "C,,", "-n", "shop", "-i", str(certificate)],
    ):
        subprocess.run([certutil, "-d", f"sql:{store}", *words], check=True, capture_output=True)


def phone_of(browser: Browser) -> Page:
    """A page of a phone with a camera."""
    return browser.new_context(viewport=PHONE, permissions=["camera"]).new_page()
