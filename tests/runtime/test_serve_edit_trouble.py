"""The page of those who may edit when the server's disk is full, and barcodes, in Chromium."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from shelflens import Catalog
from tests.support.barcodes import draw_photo
from tests.support.browser_host import DEMO, PHONE, browser
from tests.support.server_process import running

pytestmark = pytest.mark.browser

BUSY_MS = 30_000
"""For what the server computes, on a machine with other work."""

TOKEN = "a-token-to-edit-with-0123456789"
KNOWN = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{KNOWN}-{number}.jpg" for number in (1, 2))
NAME = "Honey Granola"
EAN = "4006381333931"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stderr.strip()}; this test needs root, for a small disk"
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def page(small_disk: Path, built: Path, tmp_path: Path) -> Iterator[Page]:
    """The editor of a catalog on that disk, without the product that the photos show."""
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    store = small_disk / "store.catalog"
    Catalog.open(built).remove([KNOWN]).save(store)
    errors: list[str] = []
    with (
        running("--catalog", store, "--edit-token-file", secret) as server,
        sync_playwright() as playwright,
        browser(playwright, None) as chrome,
    ):
        credentials = {"username": "", "password": TOKEN}
        context = chrome.new_context(viewport=PHONE, http_credentials=credentials)  # type: ignore[arg-type]
        opened = context.new_page()
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(f"http://localhost:{server.port}/edit")
        opened.wait_for_selector("body[data-ready=yes]")
        yield opened
        context.close()
    assert not errors


def add(page: Page, *photos: Path) -> None:
    """Photos and a name in the form."""
    page.click("#tabs [data-tab=add]")
    page.set_input_files("#file", list(photos))
    expect(page.locator("#shots li")).to_have_count(len(photos))
    page.fill("#text-name", NAME)


def test_no_space_left_on_the_server(page: Page, small_disk: Path) -> None:
    store = small_disk / "store.catalog"
    before = store.read_bytes()
    add(page, FRONT, SIDE)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 4096)
        except OSError:
            pass
    page.click("#save")
    expect(page.locator("#adderror")).to_contain_text(
        "no space left on the server; make room", timeout=BUSY_MS
    )
    assert store.read_bytes() == before
    Catalog.open(store).verify()
    assert {path.name for path in small_disk.rglob("*.part*")} == set()
    expect(page.locator("#shots li")).to_have_count(2)
    expect(page.locator("#text-name")).to_have_value(NAME)
    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    expect(page.locator("#shots li")).to_have_count(2)  # nor is the draft lost
    filler.unlink()
    page.click("#save")
    expect(page.locator("#done")).to_have_text(f"{NAME} is in the catalog.", timeout=BUSY_MS)
    assert Catalog.open(store).at(29).name == NAME


def test_the_server_reads_the_barcode_of_a_photo(
    page: Page, small_disk: Path, tmp_path: Path
) -> None:
    label = tmp_path / "label.jpg"
    grey = draw_photo(EAN, np.random.default_rng(0), angle=20.0)
    Image.fromarray(grey).convert("RGB").save(label, quality=90)
    add(page, FRONT, label)
    expect(page.locator("#text-barcode")).to_have_value(EAN, timeout=BUSY_MS)
    page.fill("#text-barcode", EAN[:-1] + "2")
    page.click("#save")
    expect(page.locator("#adderror")).to_contain_text("the last digit does not fit the others")
    page.fill("#text-barcode", EAN)
    page.click("#save")
    expect(page.locator("#done")).to_have_text(f"{NAME} is in the catalog.", timeout=BUSY_MS)
    assert Catalog.open(small_disk / "store.catalog").at(29).attributes["barcode"] == EAN
    add(page, label)
    expect(page.locator("#adderror")).to_contain_text(
        f"Barcode {EAN} is the one of {NAME}", timeout=BUSY_MS
    )
