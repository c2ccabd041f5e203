"""The web app in a real Firefox and WebKit: open, scan, add a product, network off, scan again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import Embedder
from shelflens.webapp.build import build
from tests.support.axe import axe_source
from tests.support.browser_host import DEMO, PHONE, Host, store_with_family_pack
from tests.support.webdriver import ENGINES, Window, running_firefox

pytestmark = pytest.mark.browser

GRANOLA = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
COCOA = DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
NAME = "Halren Granola Honey & Almond"
CAMERA_ON = "window.shelflens.camera.on"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    store = store_with_family_pack(tmp_path)
    running = Host(build(store / "store.catalog", store / "page", images=store / "products.csv"))
    yield running
    running.stop()


def choose(page: Window, photo: Path) -> None:
    """Scan a photo from a file."""
    page.run("document.querySelector('#file').hidden = false")
    page.type("#file", str(photo))
    page.run("document.querySelector('#file').hidden = true")


def accessible(page: Window, where: str) -> None:
    """Fail on what axe finds."""
    page.run(f"{axe_source()}; window.axe ??= axe;")
    found = page.run(
        "return axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', "
        "'wcag21aa', 'wcag22aa']}).then(({violations}) => violations.map(({id, nodes}) => "
        "[id, nodes[0].html]))"
    )
    assert not found, f"{where}: {json.dumps(found, indent=1)}"


@pytest.mark.parametrize("engine", ENGINES)
def test_open_scan_add_and_scan_again_with_the_network_off(engine: str, host: Host) -> None:
    with ENGINES[engine]() as page:
        page.size(PHONE["width"] + 110, PHONE["height"])
        page.open(host.url)
        page.state("ready")
        page.wait(CAMERA_ON)
        page.click("#shutter")  # what the fake camera shows is no product
        page.state("answered")
        assert page.text("#heading") == "Not in this catalog"
        accessible(page, "unknown")
        page.click("#shutter")
        choose(page, GRANOLA)
        page.state("answered")
        assert page.text("#heading") == NAME
        assert page.run("return document.querySelectorAll('.carousel .card').length") >= 1
        accessible(page, "match")
        page.click("#shutter")
        choose(page, COCOA)
        page.state("answered")
        assert page.text("#heading") == "Which one is it?"
        page.click(".acts .quiet:last-child")  # none of these: add it
        page.state("adding")
        choose(page, GRANOLA)
        page.wait("document.querySelectorAll('.shots li').length === 2")
        page.type("#text-name", "Cocoa of another engine")
        page.click("form .main")
        page.wait("document.querySelector('#said').textContent.includes('is in the catalog')")
        page.wait("navigator.serviceWorker.controller !== null")
        host.stop()
        page.open(host.url)
        page.state("ready")
        assert page.text("#intro").startswith("32 products")
        choose(page, GRANOLA)
        page.state("answered")
        assert page.run("return document.querySelector('#heading').textContent")


@pytest.mark.parametrize("engine", ENGINES)
def test_vectors_are_those_of_python(engine: str, host: Host, tmp_path: Path) -> None:
    photo = tmp_path / "page" / "photo.png"  # the same pixels: no lossy decoder between
    Image.open(GRANOLA).save(photo)
    with ENGINES[engine]() as page:
        page.open(host.url)
        page.state("ready")
        vector = page.run(
            "const still = await (await fetch(arguments[0])).blob();"
            "const own = window.shelflens.client;"
            "return Array.from(await own.vector(still))",
            photo.name,
        )
        assert float(np.array(vector, np.float32) @ Embedder.open().embed(photo)) > 0.999


def test_arabic_runs_right_to_left(host: Host) -> None:
    with running_firefox("ar,en") as page:
        page.open(host.url)
        page.state("ready")
        html = "document.documentElement"
        assert page.run(f"return [{html}.lang, {html}.dir]") == ["ar", "rtl"]
        choose(page, GRANOLA)
        page.state("answered")
        accessible(page, "Arabic match")
