"""`/edit` behind `serve --phone`, in a Chromium that trusts the made authority."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shelflens import Catalog
from shelflens.webapp.build import build
from tests.support.browser_host import DEMO, state, write_camera_video
from tests.support.phone_shop import (
    Shop,
    fetch_certificate,
    launched,
    open_shop,
    phone_of,
    trust,
)

pytestmark = pytest.mark.browser

BUSY_MS = 30_000
"""For what the server computes, on a machine with other work."""

KNOWN = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{KNOWN}-{number}.jpg" for number in (1, 2))
EDIT_TOKEN = "a-token-to-edit-with-0123456789"
NAME = "Honey Granola, 350 g"


@pytest.fixture(scope="module")
def store(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog without the product that the camera shows."""
    path = tmp_path_factory.mktemp("phone") / "store.catalog"
    Catalog.open(built).remove([KNOWN]).save(path)
    return path


@pytest.fixture(scope="module")
def shop(store: Path) -> Iterator[Shop]:
    secret = store.with_name("edit-token")
    secret.write_text(EDIT_TOKEN)
    secret.chmod(0o600)
    app = build(store, store.with_name("page"), images=DEMO / "studio.csv")
    words = ("--web-app", app, "--edit-token-file", secret)
    with open_shop(store, store.with_name("files"), *words) as running:
        yield running


@pytest.fixture(scope="module")
def chrome(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A phone's browser that has installed the certificate of the setup page."""
    home = tmp_path_factory.mktemp("home")
    camera = write_camera_video(FRONT, home / "camera.mjpeg")
    with sync_playwright() as playwright:
        with launched(playwright, tmp_path_factory.mktemp("new")) as new:
            trust(home, fetch_certificate(new.new_page(), shop, home / "shelflens.crt"))
        flag = f"--use-file-for-fake-video-capture={camera}"
        with launched(playwright, home, flag) as browser:
            yield browser


@pytest.fixture
def reader(chrome: Browser, shop: Shop) -> Iterator[Page]:
    """A phone that has scanned the code, so that it may look up."""
    page = phone_of(chrome)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{shop.link}enter#{shop.token}")
    state(page, "ready")
    yield page
    page.context.close()
    assert not errors


def status(page: Page, path: str) -> int:
    """What a request with the page's cookie is answered with."""
    return int(page.evaluate("(path) => fetch(path).then(({ status }) => status)", path))


def enter(page: Page, token: str) -> None:
    page.fill("#token", token)
    page.click("button")


def edit_page(page: Page) -> None:
    page.wait_for_selector("body[data-ready=yes]")


def test_the_token_to_look_up_does_not_open_the_editor(
    reader: Page, shop: Shop, store: Path
) -> None:
    before = store.read_bytes()
    answer = reader.goto(f"{shop.link}edit")
    assert answer
    assert answer.status == 401
    expect(reader.locator("#hint")).to_have_text("Type the token of those who may edit.")
    enter(reader, shop.token)
    expect(reader.locator("#answer .error")).to_have_text(
        "That is the token to look up. Editing needs another."
    )
    enter(reader, "wrong")
    expect(reader.locator("#answer .error")).to_contain_text("The token is wrong")
    assert status(reader, "/edit/products") == 401
    assert status(reader, "/catalog") == 200  # it may still look up
    for method, path in (("DELETE", f"products/{KNOWN}"), ("POST", "undo"), ("POST", "products")):
        code = "([path, method]) => fetch(path, { method }).then(({ status }) => status)"
        assert reader.evaluate(code, [f"/edit/{path}", method]) == 401
    assert store.read_bytes() == before


def test_a_product_is_added_found_and_taken_back(reader: Page, shop: Shop, store: Path) -> None:
    # Under the service worker of the installed web app, which must not answer for the editor.
    for _ in range(200):
        if reader.evaluate("navigator.serviceWorker.controller !== null"):
            break
        reader.wait_for_timeout(100)
    before = store.read_bytes()
    reader.goto(f"{shop.link}edit")
    enter(reader, EDIT_TOKEN)
    edit_page(reader)
    assert EDIT_TOKEN not in reader.evaluate("document.cookie + location.href")
    expect(reader.locator("#problem")).to_be_hidden()  # a secure page: the camera runs
    reader.click("#shutter")
    reader.get_by_role("button", name="None of these: add it").click()
    expect(reader.locator("#shots li")).to_have_count(1)
    reader.set_input_files("#file", SIDE)
    expect(reader.locator("#shots li")).to_have_count(2)
    reader.fill("#text-name", NAME)
    reader.click("#save")
    expect(reader.locator("#done")).to_have_text(f"{NAME} is in the catalog.", timeout=BUSY_MS)
    reader.click("#shutter")
    expect(reader.locator("#check h2")).to_have_text(NAME, timeout=BUSY_MS)
    reader.click("#tabs [data-tab=list]")
    reader.fill("#search", NAME)
    expect(reader.locator("#products li")).to_have_count(1)
    image = reader.locator("#products img")
    assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    reader.click("#undo")
    expect(reader.locator("#done")).to_have_text("The last change is taken back.", timeout=BUSY_MS)
    assert store.read_bytes() == before
    # One cookie for both, so the web app still works, and editing needs no token again.
    reader.goto(shop.link)
    state(reader, "ready")
    reader.goto(f"{shop.link}edit")
    edit_page(reader)


def test_a_lost_right_is_said_and_nothing_is_lost(reader: Page, shop: Shop, store: Path) -> None:
    before = store.read_bytes()
    reader.goto(f"{shop.link}edit")
    enter(reader, EDIT_TOKEN)
    edit_page(reader)
    reader.click("#tabs [data-tab=add]")
    reader.set_input_files("#file", [FRONT, SIDE])
    expect(reader.locator("#shots li")).to_have_count(2)
    reader.fill("#text-name", NAME)
    reader.context.clear_cookies()
    reader.click("#save")
    expect(reader.locator("#adderror")).to_contain_text("Open this page again")
    assert store.read_bytes() == before
    reader.reload()
    enter(reader, EDIT_TOKEN)
    edit_page(reader)
    expect(reader.locator("#shots li")).to_have_count(2)
    expect(reader.locator("#text-name")).to_have_value(NAME)
    reader.click("#discard")


def test_the_readers_code_ends_editing(reader: Page, shop: Shop) -> None:
    reader.goto(f"{shop.link}edit")
    enter(reader, EDIT_TOKEN)
    edit_page(reader)
    reader.goto(f"{shop.link}enter#{shop.token}")
    state(reader, "ready")
    assert status(reader, "/edit/products") == 401


def test_no_other_site_may_edit_with_the_cookie(
    reader: Page, shop: Shop, store: Path, open_site: Callable[[str], str]
) -> None:
    before = store.read_bytes()
    reader.goto(f"{shop.link}edit")
    enter(reader, EDIT_TOKEN)
    edit_page(reader)
    reader.goto(open_site("a page of somebody else"))
    sent = reader.evaluate(
        """(address) => fetch(address, { method: "DELETE", credentials: "include",
          mode: "cors" }).then(({ status }) => String(status), (error) => error.name)""",
        f"{shop.link}edit/products/{Catalog.open(store).ids[0]}",
    )
    assert sent == "TypeError"
    assert store.read_bytes() == before


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """open_site(text) -> the address of a page on another host."""
    from tests.support.browser_host import Host

    folder = tmp_path / "site"
    folder.mkdir()
    hosts = []

    def opened(text: str) -> str:
        (folder / "index.html").write_text(f"<!doctype html><title>x</title>{text}")
        hosts.append(Host(folder))
        return hosts[-1].url

    yield opened
    for host in hosts:
        host.stop()
    shutil.rmtree(folder)
