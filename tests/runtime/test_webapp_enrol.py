"""The web app without a server: products added, confirmed, changed on the device, and exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from shelflens import Catalog, Embedder
from shelflens.serve.photo_check import sharpness
from shelflens.serve.product_texts import id_of
from shelflens.webapp.build import build
from tests.runtime.test_webapp_js import JS, node
from tests.support.axe import axe_source, check
from tests.support.browser_host import (
    DEMO,
    DESKTOP,
    PHONE,
    Host,
    state,
    write_camera_video,
)

pytestmark = pytest.mark.browser

KNOWN = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{KNOWN}-{number}.jpg" for number in (1, 2))
NAME = "Müsli “Honig & Mandel”"

STORED_VECTORS = """new Promise((resolve) => {
  indexedDB.open("shelflens /").onsuccess = ({target}) => {
    const all = target.result.transaction("edits").objectStore("edits").getAll();
    all.onsuccess = () => resolve(all.result[0].vectors.map((vector) => Array.from(vector)));
  };
})"""


@pytest.fixture(scope="module")
def store(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog without the product that the camera shows."""
    path = tmp_path_factory.mktemp("enrol") / "store.catalog"
    Catalog.open(built).remove([KNOWN]).save(path)
    return path


@pytest.fixture(scope="module")
def host(store: Path) -> Iterator[Host]:
    running = Host(build(store, store.with_name("page"), images=DEMO / "studio.csv"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows."""
    return write_camera_video(FRONT, tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture
def opened(chrome: Browser, host: Host) -> Iterator[Callable[..., Page]]:
    """opened(**context) -> the web app, ready; fails on a script's error."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_(page: Page | None = None, wanted: str = "ready", **more: Any) -> Page:
        if page is None:
            context = chrome.new_context(viewport=PHONE, permissions=["camera"], **more)
            contexts.append(context)
            page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(host.url)
        state(page, wanted)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def fill(page: Page, name: str = NAME) -> None:
    """From an answer to a form with two photos and a name."""
    page.click("#shutter")
    state(page, "answered")
    page.get_by_role("button", name="None of these: add it").click()
    state(page, "adding")
    expect(page.locator(".shots li")).to_have_count(1)
    page.set_input_files("#file", SIDE)
    expect(page.locator(".shots li")).to_have_count(2)
    page.fill("#text-name", name)
    page.fill("#text-price", "4.69")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text(f"{NAME} is in the catalog.")


def exported(page: Page, out: Path) -> Path:
    """The catalog, exported."""
    page.click("#list")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export the catalog").click()
    download.value.save_as(out)
    return out


def test_a_new_product_is_found_kept_exported_and_opened_by_python(
    opened: Callable[..., Page], store: Path, tmp_path: Path
) -> None:
    page = opened()
    fill(page)
    page.click("#shutter")
    expect(page.locator(".shots li")).to_have_count(3)
    expect(page.locator("#hint")).to_contain_text("Same side as photo")
    page.get_by_role("button", name="Remove photo 3").click()
    expect(page.locator(".shots li")).to_have_count(2)
    save(page)
    page.click("#shutter")
    state(page, "answered")
    expect(page.locator("#heading")).to_have_text(NAME)
    assert (page.locator(".hero img:not(.asked)").get_attribute("src") or "").startswith("blob:")
    page.reload()
    state(page, "ready")
    assert "30 products" in page.inner_text("#intro")
    page.click("#shutter")
    state(page, "answered")
    expect(page.locator("#heading")).to_have_text(NAME)
    catalog = Catalog.open(exported(page, tmp_path / "phone.catalog"))
    catalog.verify()
    before = Catalog.open(store)
    assert catalog.ids == [*before.ids, "müsli-“honig-&-mandel”"]
    assert catalog.at(29).attributes == {"name": NAME, "price": "4.69"}
    assert len(catalog.rows_of(29)) == 2
    answer = catalog.answer(Embedder.open().embed(FRONT))
    assert answer.matches[0].name == NAME
    vectors = np.array(page.evaluate(STORED_VECTORS), np.float32)
    python = before.add(["müsli-“honig-&-mandel”"] * 2, vectors, attributes=catalog.attributes)
    python.save(tmp_path / "python.catalog")
    assert (tmp_path / "python.catalog").read_bytes() == (tmp_path / "phone.catalog").read_bytes()


def test_confirm_change_delete_and_undo(
    opened: Callable[..., Page], store: Path, tmp_path: Path
) -> None:
    page = opened()
    page.click("#shutter")
    state(page, "answered")
    if not page.locator(".hero").count():  # not sure or unknown: the nearest can be confirmed
        page.locator("#answer :is(.choices .row, .carousel .card)").first.click()
    page.get_by_role("button", name="This is it").click()
    expect(page.locator("#said")).to_contain_text("The photo now belongs to")
    assert Catalog.open(exported(page, tmp_path / "1.catalog")).provenance.confirmed == 1
    product = Catalog.open(store).at(5)
    page.fill("#search", product.name)
    expect(page.locator(".choices li")).to_have_count(1)
    page.locator(".choices button").click()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Price").fill("77")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text(f"{product.name} is changed.")
    changed = Catalog.open(exported(page, tmp_path / "2.catalog"))
    assert changed.attributes[product.id]["price"] == "77"
    page.fill("#search", product.name)
    expect(page.locator(".choices li")).to_have_count(1)
    page.locator(".choices button").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#said")).to_have_text(f"{product.name} is deleted.")
    assert product.id not in Catalog.open(exported(page, tmp_path / "3.catalog")).ids
    for _ in range(3):
        page.click("#list")
        page.locator("#answer").get_by_role("button", name="Undo").click()
        expect(page.locator("#said")).to_have_text("The last change is taken back.")
    expect(page.locator("#answer").get_by_role("button", name="Undo")).to_have_count(0)
    assert exported(page, tmp_path / "4.catalog").read_bytes() == store.read_bytes()


def test_a_tab_that_dies_loses_nothing(opened: Callable[..., Page]) -> None:
    page = opened()
    fill(page)
    page.wait_for_timeout(300)
    context = page.context
    page.close()
    page = opened(context.new_page(), "adding")
    expect(page.locator(".shots li")).to_have_count(2)
    expect(page.locator("#text-name")).to_have_value(NAME)
    expect(page.locator("#said")).to_have_text("Continued where you left off.")
    save(page)
    context.pages[0].close()
    page = opened(context.new_page())
    assert "30 products" in page.inner_text("#intro")


def test_what_is_refused_stays_on_the_page(
    opened: Callable[..., Page], store: Path, tmp_path: Path
) -> None:
    page = opened()
    fill(page, "x" * 123)
    alert = page.get_by_role("alert")

    def pressed(words: str) -> None:
        page.get_by_role("button", name="Save").click()
        expect(alert).to_contain_text(words)

    pressed("Name: 3 characters too many.")
    page.fill("#text-name", Catalog.open(store).at(0).name)
    pressed("There is a product")
    page.fill("#text-name", "")
    pressed("Give the product a name.")
    (tmp_path / "no.jpg").write_bytes(b"no photo")
    page.set_input_files("#file", tmp_path / "no.jpg")
    expect(alert).to_contain_text("not an image that this browser can open")
    page.fill("#text-name", NAME)
    worker = page.workers[0]
    worker.evaluate(
        "IDBObjectStore.prototype.kept = IDBObjectStore.prototype.add;"
        "IDBObjectStore.prototype.add = () => { throw new DOMException('', 'QuotaExceededError') };"
        "null"
    )
    pressed("There is no space left on this device. Nothing was changed")
    worker.evaluate("IDBObjectStore.prototype.add = IDBObjectStore.prototype.kept; null")
    assert page.locator(".shots li").count() == 2
    save(page)  # with space again, the same form works


def test_two_tabs_see_each_other(opened: Callable[..., Page], tmp_path: Path) -> None:
    first = opened()
    second = opened(first.context.new_page())
    fill(first)
    save(first)
    names = second.evaluate(
        "shelflens.client.edit({act: 'remove', id: 'müsli-“honig-&-mandel”'})"
        ".then(() => shelflens.client.summary()).then(({products, edits}) => [products, edits])"
    )
    assert names == [29, 2]
    catalog = Catalog.open(exported(second, tmp_path / "second.catalog"))
    assert len(catalog) == 29


def test_changes_outlive_a_new_catalog(chrome: Browser, store: Path, tmp_path: Path) -> None:
    """A page with another catalog applies what still fits, and says what does not."""
    ids = Catalog.open(store).ids
    site = build(store, tmp_path / "page")
    host = Host(site)
    page = chrome.new_page(viewport=PHONE)
    page.goto(host.url)
    state(page, "ready")
    for product, price in ((ids[0], "5"), (ids[1], "6")):
        edit = {"act": "describe", "id": product, "texts": [["price", price]]}
        page.evaluate("(edit) => shelflens.client.edit(edit)", edit)
    for _ in range(200):
        if page.evaluate("navigator.serviceWorker.controller !== null"):
            break
        page.wait_for_timeout(100)
    smaller = tmp_path / "smaller.catalog"
    Catalog.open(store).remove([ids[1]]).save(smaller)
    shutil.copytree(build(smaller, tmp_path / "new"), site, dirs_exist_ok=True)
    page.reload()
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#intro")).to_contain_text("28 products", timeout=60_000)
    state(page, "ready")
    page.click("#list")
    expect(page.locator("#answer")).to_contain_text("2 changes on this device.")
    expect(page.locator("#answer")).to_contain_text("1 of them no longer fit")
    changed = Catalog.open(exported(page, tmp_path / "changed.catalog"))
    assert changed.attributes[ids[0]]["price"] == "5"
    page.context.close()
    host.stop()


def test_accessible_in_every_state(opened: Callable[..., Page]) -> None:
    axe = axe_source()
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
        fill(page)
        check(page, axe, f"{scheme} adding")
        page.set_viewport_size(DESKTOP)
        check(page, axe, f"{scheme} adding, desktop")
        page.set_viewport_size(PHONE)
        save(page)
        page.click("#list")
        expect(page.locator(".choices li").first).to_be_visible()
        check(page, axe, f"{scheme} list")
        page.locator(".choices button").first.click()
        page.get_by_role("button", name="Change").click()
        check(page, axe, f"{scheme} change")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_rules_are_those_of_python() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 40, 3), np.uint8), np.full((40, 40, 3), 9, np.uint8)]
    images.append((np.indices((40, 40)).sum(0)[..., None] * np.array([1, 2, 3])).astype(np.uint8))
    names = [
        "Oat Drink 1.5 L",
        "  a/b\\c  ",
        "---",
        "İ ü ß",
        "x" * 300,
        "東京 茶",
        "a\u200bb",
        "%2e",
    ]
    code = (
        f'import {{ sharpness }} from "{JS}/photo_check.js";\n'
        f'import {{ idOf }} from "{JS}/shop.js";\n'
        "out = { sharp: given.images.map((pixels) => sharpness(Uint8Array.from(pixels), 40)),\n"
        "  ids: given.names.map((name) => [idOf(name, new Set()), idOf(name, new Set([idOf(name, "
        "new Set())]))]) };"
    )
    given = {"images": [image.ravel().tolist() for image in images], "names": names}
    got = node(code, given)
    assert got["sharp"] == pytest.approx([sharpness(image) for image in images], rel=1e-4)
    for name, (first, second) in zip(names, got["ids"], strict=True):
        assert first == id_of(name, [])
        assert second == id_of(name, [first])


def open_product(page: Page, name: str) -> None:
    """One product of the list."""
    page.click("#list")
    page.fill("#search", name)
    expect(page.locator(".choices li")).to_have_count(1)
    page.locator(".choices button").click()


def test_photos_are_added_to_a_product(
    opened: Callable[..., Page], store: Path, tmp_path: Path
) -> None:
    product = Catalog.open(store).at(5)
    page = opened()
    open_product(page, product.name)
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator("#heading")).to_have_text(f"More photos of {product.name}")
    expect(page.locator("#text-name")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Take 1 more photo.")
    page.set_input_files("#file", FRONT)
    expect(page.locator(".shots li")).to_have_count(1)
    page.wait_for_timeout(300)
    page.reload()  # the product that gets the photos is part of the draft
    state(page, "adding")
    expect(page.locator("#heading")).to_have_text(f"More photos of {product.name}")
    page.click("#list")
    page.get_by_role("button", name="Add a product").click()
    expect(page.get_by_role("alert")).to_have_text("Save or discard this first.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text(f"{product.name} has more photos now.")
    catalog = Catalog.open(exported(page, tmp_path / "more.catalog"))
    assert len(catalog.rows_of(5)) == len(Catalog.open(store).rows_of(5)) + 1
    assert catalog.attributes == Catalog.open(store).attributes


def test_changes_leave_as_a_delta_that_python_applies(
    opened: Callable[..., Page], store: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    page = opened()
    page.click("#list")
    expect(page.get_by_role("button", name="Export the changes")).to_have_count(0)
    page.get_by_role("button", name="Add a product").click()
    page.set_input_files("#file", FRONT)
    expect(page.locator(".shots li")).to_have_count(1)
    page.set_input_files("#file", SIDE)
    expect(page.locator(".shots li")).to_have_count(2)
    page.fill("#text-name", NAME)
    save(page)
    whole = exported(page, tmp_path / "phone.catalog")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export the changes").click()
    assert download.value.suggested_filename == "store.delta"
    delta = tmp_path / "phone.delta"
    download.value.save_as(delta)
    python = tmp_path / "python.delta"
    assert run("catalog", "diff", store, whole, "--out", python)[0] == 0
    assert delta.read_bytes() == python.read_bytes()
    target = shutil.copy(store, tmp_path / "elsewhere.catalog")
    assert run("catalog", "apply", target, delta)[0] == 0
    assert Path(target).read_bytes() == whole.read_bytes()
    assert delta.stat().st_size < whole.stat().st_size / 4


DETECTOR = """
self.shown = [];
self.BarcodeDetector = class {
  static async getSupportedFormats() { return ["ean_13"]; }
  async detect() { return self.shown.map((rawValue) => ({ rawValue })); }
};
null
"""


def test_a_barcode_is_read_checked_and_kept(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened()
    worker = page.workers[0]
    worker.evaluate(DETECTOR)
    page.click("#list")
    page.get_by_role("button", name="Add a product").click()
    expect(page.locator("#text-barcode")).to_have_value("")
    worker.evaluate("self.shown = ['4006381333932']; null")  # a wrong digit is no code
    page.set_input_files("#file", FRONT)
    expect(page.locator(".shots li")).to_have_count(1)
    assert page.input_value("#text-barcode") == ""
    worker.evaluate("self.shown = ['4006381333931']; null")
    page.set_input_files("#file", SIDE)
    expect(page.locator("#text-barcode")).to_have_value("4006381333931")
    page.fill("#text-name", NAME)
    page.fill("#text-barcode", "4006381333930")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("the last digit does not fit the others")
    page.fill("#text-barcode", "4006381333931")
    save(page)
    catalog = Catalog.open(exported(page, tmp_path / "coded.catalog"))
    assert catalog.at(len(catalog) - 1).attributes["barcode"] == "4006381333931"
    # Now it is known by its code, and whoever adds it again is told.
    page.get_by_role("button", name="Add a product").click()
    page.set_input_files("#file", FRONT)
    expect(page.get_by_role("alert")).to_contain_text(f"Barcode 4006381333931 is the one of {NAME}")


def test_two_tabs_that_change_the_same_text(opened: Callable[..., Page], store: Path) -> None:
    mine = opened()
    yours = opened(mine.context.new_page())
    product = Catalog.open(store).at(2)
    for page in (mine, yours):
        open_product(page, product.name)
        page.get_by_role("button", name="Change").click()
    for page, price in ((mine, "1"), (yours, "2")):
        page.get_by_label("Price").fill(price)
        page.get_by_role("button", name="Save").click()
    expect(mine.locator("#said")).to_have_text(f"{product.name} is changed.")
    expect(yours.get_by_role("alert")).to_contain_text("Meanwhile somebody changed “Price” to “1”")
    assert yours.get_by_label("Price").input_value() == "2"  # what was typed is there
    mine.click("#list")
    mine.get_by_role("button", name="Undo").last.click()
    expect(mine.locator("#said")).to_have_text("The last change is taken back.")


def test_photos_for_a_product_that_another_tab_deleted(
    opened: Callable[..., Page], store: Path
) -> None:
    page = opened()
    product = Catalog.open(store).at(7)
    open_product(page, product.name)
    page.get_by_role("button", name="Add photos").click()
    page.set_input_files("#file", FRONT)
    expect(page.locator(".shots li")).to_have_count(1)
    page.evaluate("(id) => shelflens.client.edit({ act: 'remove', id })", product.id)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text(f"The catalog has no product “{product.id}”.")
    expect(page.locator(".shots li")).to_have_count(1)


def test_a_full_device_refuses_and_keeps_what_is_there(
    opened: Callable[..., Page], host: Host
) -> None:
    """The browser's own quota, not a stand-in."""
    page = opened()
    session = page.context.new_cdp_session(page)
    origin = {"origin": host.url}
    # Before the first write: the browser remembers for half a minute how much space is left.
    session.send("Storage.overrideQuotaForOrigin", {**origin, "quotaSize": 1})
    fill(page)
    expect(page.get_by_role("alert")).to_contain_text("cannot keep the draft")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "There is no space left on this device. Nothing was changed"
    )
    expect(page.locator(".shots li")).to_have_count(2)
    session.send("Storage.overrideQuotaForOrigin", origin)
    save(page)
    assert "30 products" in page.inner_text("#intro")
