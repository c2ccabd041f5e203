"""The web app in a real Chromium with a fake camera: open, scan, network off, scan again."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import Browser, Page, Playwright, expect

from shelflens import Embedder
from shelflens.cli import main
from shelflens.webapp.build import build
from tests.support.axe import axe_source, check
from tests.support.browser_host import (
    DEMO,
    DESKTOP,
    FAMILY_PACK,
    PHONE,
    Host,
    browser,
    restart_camera,
    state,
    store_with_family_pack,
    write_camera_video,
)
from tests.support.profiles import PRIMARIES, profile
from tests.support.server_process import running

pytestmark = pytest.mark.browser

GRANOLA = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
COCOA = DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
LATTE = DEMO / "unknown" / "cold-brew-oat-latte-minta-1.jpg"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo store, and a family pack whose front is that of the small one."""
    return store_with_family_pack(tmp_path_factory.mktemp("web-app-store"))


@pytest.fixture(scope="session")
def made(store: Path) -> Path:
    """The web app of that store."""
    return build(
        store / "store.catalog",
        store / "web-app",
        images=store / "products.csv",
        title="Corner Shop",
    )


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A copy of the web app, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "site"))


@pytest.fixture
def host(site: Path) -> Iterator[Host]:
    running = Host(site)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows."""
    return write_camera_video(GRANOLA, tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture
def opened(chrome: Browser, host: Host, camera: Path) -> Iterator[Callable[..., Page]]:
    """opened(**context) -> the page, ready; fails on a request to another host or an error."""
    contexts, elsewhere, errors = [], [], []

    def open_(
        wanted: str = "ready", permissions: tuple[str, ...] = ("camera",), **more: Any
    ) -> Page:
        write_camera_video(GRANOLA, camera)
        context = chrome.new_context(viewport=PHONE, permissions=list(permissions), **more)
        contexts.append(context)
        context.on("request", lambda request: elsewhere.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(host.url)
        state(page, wanted)
        return page

    yield open_
    for context in contexts:
        context.close()
    elsewhere_requests = [
        url for url in elsewhere if not url.startswith((host.url, "blob:" + host.url))
    ]
    assert not elsewhere_requests
    assert not errors


def scan(page: Page, photo: Path | None = None, camera: Path | None = None) -> str:
    """Show something to the camera, press the shutter, and read the heading of the answer."""
    if photo is not None and camera is not None:
        write_camera_video(photo, camera)
        restart_camera(page)
    page.click("#shutter")
    state(page, "answered")
    return page.inner_text("#heading")


def cached(page: Page) -> None:
    """Wait until the service worker has everything and serves the web app."""
    for _ in range(200):  # not wait_for_function, which the web app's policy forbids
        if page.evaluate("navigator.serviceWorker.controller !== null"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("no service worker after 20 s")


def test_open_scan_and_scan_again_with_the_network_off(
    opened: Callable[..., Page], host: Host
) -> None:
    page = opened()
    assert scan(page) == "Halren Granola Honey & Almond"
    assert "answers like this are right" in page.inner_text(".meter")
    assert page.inner_text("#spoken").startswith("Halren Granola Honey & Almond. ")
    assert page.evaluate("document.activeElement.id") == "heading"
    attributes = page.inner_text(".attributes")
    assert "4.69" in attributes
    assert "Breakfast" in attributes
    expect(page.locator(".hero img:not(.asked)")).to_be_visible()
    assert page.locator(".carousel .card").count() >= 3
    cached(page)
    host.stop()
    page.context.set_offline(True)
    page.reload()
    state(page, "ready")
    assert scan(page) == "Halren Granola Honey & Almond"
    page.locator(".carousel .card").first.click()
    expect(page.locator("#heading")).not_to_have_text("Halren Granola Honey & Almond")
    page.click(".back")
    expect(page.locator("#heading")).to_have_text("Halren Granola Honey & Almond")


def test_unknown_and_ambiguous(opened: Callable[..., Page], camera: Path) -> None:
    page = opened()
    assert scan(page, LATTE, camera) == "Not in this catalog"
    assert page.locator(".carousel .card").count() == 5
    page.click("#shutter")
    assert scan(page, COCOA, camera) == "Which one is it?"
    names = page.locator(".choices .name").all_inner_texts()
    assert {"Pomoro Hot Cocoa Caramel", FAMILY_PACK} <= set(names)
    assert "Choose one" in page.inner_text("#spoken")
    page.get_by_role("button", name=FAMILY_PACK).click()
    expect(page.locator("#heading")).to_have_text(FAMILY_PACK)
    assert page.inner_text(".kicker") == "Your choice"
    assert "9.49" in page.inner_text(".attributes")


def test_without_a_camera_a_photo_does(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened(permissions=())
    expect(page.locator("#notice")).to_contain_text("The camera is not allowed.")
    page.set_input_files("#file", DEMO / "photos" / "fruit-skyr-mango-lyune-ash-2.jpg")
    state(page, "answered")
    assert page.inner_text("#heading") == "Lyune & Ash Fruit Skyr Mango"
    (tmp_path / "no.jpg").write_bytes(b"no image")
    page.set_input_files("#file", tmp_path / "no.jpg")
    expect(page.locator("#spoken")).to_contain_text("not an image that this browser can open")


def test_a_machine_without_camera(playwright: Playwright, host: Host) -> None:
    with browser(playwright, None) as running:
        page = running.new_page(viewport=DESKTOP)
        page.goto(host.url)
        state(page, "ready")
        text = page.inner_text("#notice p")
        assert "choose a photo" in text.lower()
        assert page.is_enabled("#photo")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "data/store.catalog",
            "The catalog is damaged (the checksum of rows differs).",
        ),
        ("data/model.tflite.pack", "could not be loaded"),
        ("engine/litert.wasm.pack", "could not be loaded"),
    ],
)
def test_damaged_files_are_one_clear_line(
    opened: Callable[..., Page], site: Path, name: str, says: str
) -> None:
    data = bytearray((site / name).read_bytes())
    data[-40] ^= 1
    (site / name).write_bytes(data)
    page = opened("broken")
    alert = page.get_by_role("alert")
    assert says in alert.inner_text()
    assert "\n" not in alert.inner_text()
    assert page.is_disabled("#shutter")
    assert page.is_hidden("#hint")


def test_no_webassembly_is_one_clear_line(opened: Callable[..., Page], site: Path) -> None:
    worker = site / "js" / "worker.js"
    worker.write_text("self.WebAssembly = undefined;\n" + worker.read_text())
    page = opened("broken")
    assert "cannot run WebAssembly" in page.get_by_role("alert").inner_text()


def test_an_update_waits_until_the_person_agrees(
    opened: Callable[..., Page], host: Host, site: Path, store: Path, made: Path
) -> None:
    page = opened()
    cached(page)
    assert page.inner_text("h1") == "Corner Shop"
    caches = "caches.keys()"
    (before,) = page.evaluate(caches)
    newer = build(store / "store.catalog", store / "newer", title="Corner Shop 2")
    shutil.copytree(newer, site, dirs_exist_ok=True)
    asked = len(host.asked)
    page.reload()
    expect(page.locator("#update")).to_contain_text("A new version is ready")
    assert page.inner_text("h1") == "Corner Shop"  # the old one, whole
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("h1")).to_have_text("Corner Shop 2")
    state(page, "ready")
    (after,) = page.evaluate(caches)
    assert after != before
    fetched = {path for path, size in host.asked[asked:] if size}
    assert "/data/pictures.pack" in fetched
    assert "/engine/litert.wasm.pack" not in fetched  # did not change: taken from the old cache


def test_a_half_copied_update_changes_nothing(
    opened: Callable[..., Page], site: Path, store: Path
) -> None:
    page = opened()
    cached(page)
    before = page.evaluate("caches.keys()")
    newer = build(store / "store.catalog", store / "half", title="Half")
    shutil.copy(newer / "sw.js", site / "sw.js")  # the list is there, its files are not
    page.reload()
    state(page, "ready")
    page.wait_for_timeout(1500)
    assert page.is_hidden("#update")
    assert page.evaluate("caches.keys()") == before
    assert scan(page) == "Halren Granola Honey & Almond"


def test_served_by_shelflens_itself_behind_a_token(
    chrome: Browser, camera: Path, made: Path, store: Path, tmp_path: Path
) -> None:
    """Its policy, types and token suit the web app: all loads, and is kept for later."""
    token = "a-token-of-32-characters-or-more"
    secret = tmp_path / "token"
    secret.write_text(token)
    secret.chmod(0o600)
    write_camera_video(GRANOLA, camera)
    said: list[str] = []
    words = ("--catalog", store / "store.catalog", "--web-app", made, "--token-file", secret)
    with running(*words) as server:
        context = chrome.new_context(
            viewport=PHONE,
            permissions=["camera"],
            http_credentials={"username": "", "password": token},
        )
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.goto(f"http://localhost:{server.port}/")
        state(page, "ready")
        assert scan(page) == "Halren Granola Honey & Almond"
        cached(page)
        assert page.evaluate("crossOriginIsolated")
        server.stop()
        page.reload()
        state(page, "ready")
        assert scan(page) == "Halren Granola Honey & Almond"
        context.close()
    assert not [line for line in said if line.startswith("error")], said


def test_nothing_reaches_another_host(opened: Callable[..., Page], host: Host) -> None:
    page = opened()
    cached(page)
    tried = "fetch('https://example.invalid/').then(() => 'reached', () => 'refused')"
    assert page.evaluate(tried) == "refused"
    sent = {path for path, _ in host.asked}
    scan(page)
    assert {path for path, _ in host.asked} == sent  # a scan asks for nothing


def test_vectors_are_those_of_python(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened()
    embedder = Embedder.open()
    photos = sorted((DEMO / "photos").glob("*.jpg"))[::6]
    for photo in photos:
        cosine = float(vector_in_browser(page, photo) @ embedder.embed(photo))
        assert cosine > 0.999, photo.name
    for number, photo in enumerate(photos[:3]):  # the same pixels: no lossy decoder between
        same = tmp_path / f"{number}.png"
        Image.open(photo).save(same)
        assert float(vector_in_browser(page, same) @ embedder.embed(same)) > 0.9999


def test_large_photos_are_made_smaller_first_as_in_python(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    page, embedder = opened(), Embedder.open()
    for size in ((1500, 2000), (3024, 4032)):  # at 1/4 and at 1/8
        file = tmp_path / f"{size[0]}.jpg"
        Image.open(GRANOLA).resize(size, Image.Resampling.BICUBIC).save(file, quality=85)
        # Not the same pixels: averages of squares beside a scaled decode. The int8 network
        # turns differences of 1 into a few thousandths.
        assert float(vector_in_browser(page, file) @ embedder.embed(file)) > 0.995


def test_wide_gamut_photos_come_in_srgb(opened: Callable[..., Page], tmp_path: Path) -> None:
    page, embedder = opened(), Embedder.open()
    file = tmp_path / "photo.png"
    for name in PRIMARIES:
        with Image.open(GRANOLA) as image:
            source, target = ImageCms.createProfile("sRGB"), profile(name)
            wide = ImageCms.profileToProfile(
                image.convert("RGB"), source, ImageCms.ImageCmsProfile(io.BytesIO(target))
            )
        assert wide is not None
        wide.save(file, icc_profile=target)
        vector = vector_in_browser(page, file)
        assert float(vector @ embedder.embed(file)) > 0.98, name


def test_photos_are_turned_upright(opened: Callable[..., Page], tmp_path: Path) -> None:
    page, embedder = opened(), Embedder.open()
    for orientation in range(1, 9):
        file = tmp_path / f"turned-{orientation}.jpg"
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.open(GRANOLA).save(file, quality=95, exif=exif)
        assert float(vector_in_browser(page, file) @ embedder.embed(file)) > 0.995, orientation


def vector_in_browser(page: Page, photo: Path) -> Any:
    """The embedding of a photo, computed by the web app: float32 [d]."""
    code = """async (text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      return Array.from(await shelflens.client.vector(new Blob([bytes])));
    }"""
    data = base64.b64encode(photo.read_bytes()).decode()
    return np.array(page.evaluate(code, data), np.float32)


def test_accessible_in_every_state(opened: Callable[..., Page], camera: Path) -> None:
    axe = axe_source()
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
        check(page, axe, f"{scheme} ready")
        scan(page)
        check(page, axe, f"{scheme} match")
        page.click("#shutter")
        scan(page, LATTE, camera)
        check(page, axe, f"{scheme} unknown")
        page.click("#shutter")
        scan(page, COCOA, camera)
        check(page, axe, f"{scheme} ambiguous")
        page.set_viewport_size(DESKTOP)
        check(page, axe, f"{scheme} desktop")


def test_targets_are_large_enough_for_a_thumb(opened: Callable[..., Page]) -> None:
    page = opened()
    scan(page)
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["width"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shutter = page.locator("#shutter").bounding_box()
    assert shutter is not None
    assert shutter["y"] > PHONE["height"] * 0.8  # within reach of the thumb


@pytest.mark.parametrize("works", [True, False])
def test_a_barcode_decides_where_the_browser_reads_them(
    opened: Callable[..., Page], site: Path, store: Path, tmp_path: Path, works: bool
) -> None:
    with (store / "products.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (tmp_path / "coded.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*rows[0], "ean"])
        writer.writeheader()
        writer.writerows({**row, "ean": EAN * (row["product"] == "cocoa-family")} for row in rows)
    catalog = tmp_path / "coded.catalog"
    assert main(["catalog", "build", str(tmp_path / "coded.csv"), "--out", str(catalog)]) == 0
    shutil.copytree(build(catalog, tmp_path / "coded"), site, dirs_exist_ok=True)
    worker = site / "js" / "worker.js"
    worker.write_text(DETECTOR.replace("WORKS", json.dumps(works)) + worker.read_text())
    page = opened()
    if works:
        assert scan(page) == FAMILY_PACK
        note = page.inner_text(".meter")
        assert "About 99 of 100" in note
        assert "Read from its barcode. The picture looks like Halren Granola" in note
    else:
        assert scan(page) == "Halren Granola Honey & Almond"
        assert "barcode" not in page.inner_text(".meter")


EAN = "4006381333931"
DETECTOR = """
self.BarcodeDetector = class {
  static getSupportedFormats() { return Promise.resolve(["qr_code", "ean_13"]); }
  constructor({ formats }) {
    if (formats.join() !== "ean_13") throw new TypeError("unsupported");
  }
  async detect(photo) {
    if (!(photo instanceof ImageBitmap) || !photo.width) throw new TypeError("no photo");
    if (!WORKS) throw new DOMException("service unavailable", "NotSupportedError");
    return [{ format: "ean_13", rawValue: "4006381333931" }];
  }
};
"""
