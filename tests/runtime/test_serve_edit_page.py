"""The page of those who may edit, in a real Chromium with a fake camera."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, expect

from shelflens import Catalog
from tests.support.axe import axe_source, check
from tests.support.browser_host import DEMO, DESKTOP, PHONE, write_camera_video
from tests.support.server_process import Server, running

pytestmark = pytest.mark.browser

TOKEN = "a-token-to-edit-with-0123456789"
KNOWN = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{KNOWN}-{number}.jpg" for number in (1, 2))
TAKE = re.compile("^Good|^Looks like .* there already")
"""What is said of a photo that is sharp and of a new side; the demo store has look-alikes."""

NAME = "Müsli “Honig & Mandel”"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows."""
    return write_camera_video(FRONT, tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """A catalog without the product that the camera shows."""
    path = tmp_path / "store.catalog"
    Catalog.open(built).remove([KNOWN]).save(path)
    return path


@pytest.fixture
def server(store: Path, tmp_path: Path) -> Iterator[Server]:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    with running("--catalog", store, "--edit-token-file", secret) as server:
        yield server


@pytest.fixture
def opened(chrome: Browser, server: Server, camera: Path) -> Iterator[Callable[..., Page]]:
    """opened(**context) -> the page; fails on a script's error."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_(**more: Any) -> Page:
        write_camera_video(FRONT, camera)
        given: dict[str, Any] = {"viewport": PHONE, "permissions": ["camera"], **more}
        credentials: Any = {"username": "", "password": TOKEN}
        context = chrome.new_context(http_credentials=credentials, **given)
        contexts.append(context)
        return goto(context.new_page(), server, errors)

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def goto(page: Page, server: Server, errors: list[str]) -> Page:
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://localhost:{server.port}/edit")
    page.wait_for_selector("body[data-ready=yes]")
    return page


def tab(page: Page, name: str) -> None:
    page.click(f"#tabs [data-tab={name}]")


def show(page: Page, camera: Path, photo: Path) -> None:
    """Let the camera see another photo."""
    now = page.get_attribute("body", "data-tab") or ""
    tab(page, "list")
    write_camera_video(photo, camera)
    tab(page, now)
    for _ in range(100):  # not wait_for_function, which the page's policy forbids
        if page.evaluate("document.getElementById('video').videoWidth > 0"):
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(300)


def fill(page: Page, camera: Path, name: str = NAME) -> None:
    """Two photos and a name."""
    tab(page, "add")
    show(page, camera, FRONT)
    page.click("#shutter")
    expect(page.locator("#shots li")).to_have_count(1)
    show(page, camera, SIDE)
    page.click("#shutter")
    expect(page.locator("#shots li")).to_have_count(2)
    page.fill("#text-name", name)
    page.fill("#text-price", "4.69")


def test_a_new_product_is_added_by_camera_and_found(
    opened: Callable[..., Page], camera: Path, store: Path
) -> None:
    page = opened()
    page.click("#shutter")
    expect(page.locator("#check h2")).to_be_visible()
    before = page.inner_text("#check ol")
    assert NAME not in before
    page.get_by_role("button", name="None of these: add it").click()
    expect(page.locator("#shots li")).to_have_count(1)
    expect(page.locator("#shots li p")).to_have_text(TAKE)
    expect(page.locator("#hint")).to_contain_text("Same side as photo 1")
    show(page, camera, SIDE)
    expect(page.locator("#hint")).to_have_text(TAKE)
    page.click("#shutter")
    expect(page.locator("#shots li")).to_have_count(2)
    page.click("#save")
    expect(page.locator("#adderror")).to_have_text("Give the product a name.")
    page.fill("#text-name", NAME)
    page.fill("#text-price", "4.69")
    page.fill("#text-key", "aisle")
    page.fill("#text-value", "7")
    page.click("#save")
    expect(page.locator("#done")).to_have_text(f"{NAME} is in the catalog.")
    catalog = Catalog.open(store)
    assert catalog.at(len(catalog) - 1).name == NAME
    assert catalog.at(len(catalog) - 1).attributes["aisle"] == "7"
    page.click("#shutter")
    expect(page.locator("#check h2")).to_have_text(NAME)
    page.click("#undo")
    expect(page.locator("#done")).to_have_text("The last change is taken back.")
    assert NAME not in {Catalog.open(store).at(n).name for n in range(len(Catalog.open(store)))}


def test_this_is_it_keeps_the_photo(opened: Callable[..., Page], store: Path) -> None:
    page = opened()
    page.click("#shutter")
    first = page.locator("#check li").first
    name = first.locator("strong").inner_text()
    first.get_by_role("button").click()
    expect(page.locator("#done")).to_contain_text(name)
    assert Catalog.open(store).provenance.confirmed == 1
    page.click("#undo")
    expect(page.locator("#done")).to_have_text("The last change is taken back.")
    assert Catalog.open(store).provenance.confirmed == 0


def test_a_tab_that_dies_loses_nothing(
    opened: Callable[..., Page], camera: Path, server: Server, store: Path
) -> None:
    page = opened()
    fill(page, camera)
    page.wait_for_timeout(300)
    context = page.context
    page.close()  # no event that a page could answer is needed
    page = goto(context.new_page(), server, [])
    expect(page.locator("#shots li")).to_have_count(2)
    expect(page.locator("#text-name")).to_have_value(NAME)
    expect(page.locator("#done")).to_have_text("Continued where you left off.")
    page.click("#save")
    expect(page.locator("#done")).to_contain_text("is in the catalog")
    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    assert page.get_attribute("body", "data-tab") == "check"
    assert Catalog.open(store).rows_of(len(Catalog.open(store)) - 1).stop > 0


def test_what_is_refused_stays_on_the_page(
    opened: Callable[..., Page], camera: Path, server: Server, store: Path, tmp_path: Path
) -> None:
    page = opened()
    fill(page, camera, "x" * 123)
    page.click("#save")
    expect(page.locator("#adderror")).to_have_text("Name: 3 characters too many.")
    page.fill("#text-name", Catalog.open(store).at(0).name)
    page.click("#save")
    expect(page.locator("#adderror")).to_contain_text("a name that no product has")
    (tmp_path / "no.jpg").write_bytes(b"no photo")
    page.set_input_files("#file", tmp_path / "no.jpg")
    expect(page.locator("#adderror")).to_contain_text("photo 3: expected a JPEG, PNG or WebP")
    page.locator("#shots li").nth(2).get_by_role("button").click()
    expect(page.locator("#shots li")).to_have_count(2)
    page.fill("#text-name", NAME)
    server.stop()
    page.click("#save")
    expect(page.locator("#adderror")).to_contain_text("The server cannot be reached. Nothing is")
    assert page.locator("#shots li").count() == 2
    assert page.input_value("#text-name") == NAME


def test_products_are_searched_changed_and_deleted(
    opened: Callable[..., Page], store: Path
) -> None:
    page = opened()
    tab(page, "list")
    expect(page.locator("#found")).to_have_text("29 products")
    product = Catalog.open(store).at(4)
    page.fill("#search", product.name)
    expect(page.locator("#products li")).to_have_count(1)
    expect(page.locator("#products .badge")).to_contain_text("needs more photos")
    page.get_by_role("button", name=f"Change {product.name}").click()
    page.get_by_label("Price").last.fill("12.34")
    page.locator("#dialog").get_by_role("button", name="Save").click()
    expect(page.locator("#products li")).to_contain_text("12.34")
    assert Catalog.open(store).attributes[product.id]["price"] == "12.34"
    page.get_by_role("button", name=f"Delete {product.name}").click()
    expect(page.locator("#found")).to_have_text("0 products")
    page.click("#undo")
    expect(page.locator("#products li")).to_have_count(1)
    page.get_by_role("button", name=f"Add photos of {product.name}").click()
    page.set_input_files("#file", FRONT)
    expect(page.locator("#shots li")).to_have_count(1)
    page.click("#save")
    expect(page.locator("#done")).to_have_text(f"{product.name} has more photos now.")
    assert len(Catalog.open(store).rows_of(4)) == 2


def test_two_editors_see_each_other(opened: Callable[..., Page], store: Path) -> None:
    mine, yours = opened(), opened()
    product = Catalog.open(store).at(2)
    for page in (mine, yours):
        tab(page, "list")
        page.fill("#search", product.name)
        page.get_by_role("button", name=f"Change {product.name}").click()
    for page, price in ((mine, "1"), (yours, "2")):
        page.get_by_label("Price").last.fill(price)
        page.locator("#dialog").get_by_role("button", name="Save").click()
    expect(mine.locator("#done")).to_have_text(f"{product.name} is changed.")
    expect(yours.locator("#dialogerror")).to_contain_text("somebody else has set")
    assert Catalog.open(store).attributes[product.id]["price"] == "1"
    assert yours.get_by_label("Price").last.input_value() == "2"  # what was typed is there


def test_blurred_and_known_photos_are_named(
    opened: Callable[..., Page], store: Path, tmp_path: Path
) -> None:
    page = opened(permissions=[])
    expect(page.locator("#problem")).to_contain_text("The camera is not allowed.")
    tab(page, "add")
    blurred, known = tmp_path / "blurred.jpg", DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
    with Image.open(FRONT) as image:
        image.resize((448, 448)).filter(ImageFilter.GaussianBlur(8)).save(blurred)
    page.set_input_files("#file", [blurred, known])
    expect(page.locator("#shots p").nth(0)).to_contain_text("Blurred")
    expect(page.locator("#shots p").nth(1)).to_contain_text("which is there already")


def test_accessible_in_every_state(opened: Callable[..., Page], camera: Path) -> None:
    axe = axe_source()
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
        page.click("#shutter")
        expect(page.locator("#check ol")).to_be_visible()
        check(page, axe, f"{scheme} check")
        page.get_by_role("button", name="None of these: add it").click()
        expect(page.locator("#shots p")).to_have_text(TAKE)
        page.click("#save")
        check(page, axe, f"{scheme} add")
        page.click("#discard")
        tab(page, "list")
        expect(page.locator("#products li").first).to_be_visible()
        check(page, axe, f"{scheme} list")
        page.locator("#products li").first.get_by_role("button").first.click()
        check(page, axe, f"{scheme} dialog")
        page.click("#close")
        for viewport in (PHONE, DESKTOP):
            page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for button in page.locator("button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
