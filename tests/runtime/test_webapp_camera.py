"""The web app's camera: permission, light, zoom, turning, holding, continuous scanning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    Page,
    ViewportSize,
    expect,
)

from shelflens.webapp.build import build
from tests.support.axe import axe_source, check
from tests.support.browser_host import (
    DEMO,
    DESKTOP,
    PHONE,
    Host,
    restart_camera,
    state,
    store_with_family_pack,
    write_camera_video,
)

pytestmark = pytest.mark.browser

GRANOLA = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
COCOA = DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
LATTE = DEMO / "unknown" / "cold-brew-oat-latte-minta-1.jpg"
SMALL: ViewportSize = {"width": 320, "height": 640}
NAME = "Halren Granola Honey & Almond"

ASKS = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  new Promise((resolve, reject) => {
    window.allow = () => real(wanted).then(resolve, reject);
    window.deny = () => reject(new DOMException("", "NotAllowedError"));
  });
"""
"""A browser that asks the person, who answers by `allow()` or `deny()`."""

RECORDS = """
window.seen = [];
const hint = document.querySelector("#hint");
const see = () => seen.push([document.body.dataset.state, hint.innerText]);
new MutationObserver(see).observe(
  document.body, { attributes: true, childList: true, characterData: true, subtree: true });
"""
"""Keeps each state of the page with its hint in `seen`."""

ABLE = """
window.set = [];
window.facing = [];
MediaStreamTrack.prototype.getCapabilities = () => (
  { torch: true, zoom: { min: 1, max: 4, step: 0.5 } });
MediaStreamTrack.prototype.applyConstraints = async ({ advanced }) => { set.push(advanced[0]); };
const device = { kind: "videoinput" };
navigator.mediaDevices.enumerateDevices = async () => [device, device];
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => {
  facing.push(wanted.video.facingMode.ideal);
  return real(wanted);
};
"""
"""A phone with a light, a zoom and two cameras."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    store = store_with_family_pack(tmp_path_factory.mktemp("camera-store"))
    running = Host(build(store / "store.catalog", store / "page", images=store / "products.csv"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows."""
    return write_camera_video(GRANOLA, tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture
def opened(chrome: Browser, host: Host, camera: Path) -> Iterator[Callable[..., Page]]:
    """opened(script, **context) -> the page, ready; fails on an error of a script."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_(script: str = "", **more: Any) -> Page:
        write_camera_video(GRANOLA, camera)
        context = chrome.new_context(viewport=PHONE, permissions=["camera"], **more)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(host.url)
        state(page, "ready")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def see(page: Page, camera: Path, photo: Path) -> None:
    """Show something else to the camera."""
    write_camera_video(photo, camera)
    restart_camera(page)


def test_while_the_browser_asks_the_page_is_ready_and_says_so(opened: Callable[..., Page]) -> None:
    page = opened(ASKS)
    notice = page.locator("#notice")
    expect(notice).to_contain_text("Allow the camera")
    expect(page.locator("#progress")).to_be_hidden()
    assert "100" not in page.inner_text("main")
    assert page.is_disabled("#shutter")
    page.set_input_files("#file", GRANOLA)  # a photo does meanwhile
    state(page, "answered")
    assert page.inner_text("#heading") == NAME
    page.evaluate("allow()")
    expect(notice).to_be_hidden()
    page.click("#shutter")
    expect(page.locator("#hint")).to_have_text("Fill the frame with one product")
    page.click("#shutter")
    state(page, "answered")


def test_a_camera_that_is_refused_can_be_asked_for_again(opened: Callable[..., Page]) -> None:
    page = opened(ASKS)
    expect(page.locator("#notice")).to_contain_text("Your browser is asking.")
    page.evaluate("deny()")
    expect(page.locator("#notice")).to_contain_text("The camera is not allowed.")
    page.get_by_role("button", name="Turn on the camera").click()
    expect(page.locator("#notice")).to_contain_text("Your browser is asking.")
    page.evaluate("allow()")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#shutter")).to_be_enabled()


def test_light_zoom_and_front_camera_where_the_phone_has_them(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator("#steady")).to_be_visible()
    for name in ("#light", "#zoom", "#flip"):
        expect(page.locator(name)).to_be_hidden()
    page = opened(ABLE)
    page.click("#light")
    assert page.get_attribute("#light", "aria-pressed") == "true"
    page.locator("#zoom").fill("2.5")
    page.click("#flip")
    expect(page.locator("#light")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#shutter")).to_be_enabled()
    assert page.evaluate("facing") == ["environment", "user"]
    changes = page.evaluate("set")
    assert {"torch": True} in changes
    assert {"zoom": 2.5} in changes
    assert changes.index({"torch": True}) < len(changes) - 1  # off again on the second camera
    page.click("#shutter")
    state(page, "answered")
    for name in ("#zoom", "#flip", "#steady"):
        expect(page.locator(name)).to_be_hidden()


def test_one_more_photo_is_fused_with_the_first(opened: Callable[..., Page], camera: Path) -> None:
    page = opened()
    see(page, camera, COCOA)
    page.click("#shutter")
    state(page, "answered")
    expect(page.locator("#heading")).to_have_text("Which one is it?")
    page.get_by_role("button", name="One more photo makes it surer").click()
    state(page, "ready")
    expect(page.locator("#hint")).to_have_text("One more photo makes it surer")
    page.click("#shutter")
    state(page, "answered")
    expect(page.locator("#answer")).to_contain_text("From 2 photos together.")
    page.click("#shutter")  # a new thing begins anew
    page.click("#shutter")
    state(page, "answered")
    expect(page.locator("#answer")).not_to_contain_text("photos together")


def test_holding_the_shutter_scans_until_it_is_let_go(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator("#shutter")).to_be_enabled()  # the camera may start after the page is ready
    box = page.locator("#shutter").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.evaluate(RECORDS)  # what passes faster than a test can look
    page.mouse.down()
    state(page, "answered")  # it ends by itself: more photos change nothing
    seen = page.evaluate("seen")
    assert any(shown == "working" and "Hold still" in hint for shown, hint in seen), seen
    page.mouse.up()
    page.wait_for_timeout(300)
    assert page.get_attribute("body", "data-state") == "answered"  # letting go was no press
    assert page.inner_text("#heading") == NAME
    expect(page.locator(".meter")).to_contain_text("From 5 photos together.")


def test_continuous_scanning_shows_what_stays_in_view(
    opened: Callable[..., Page], camera: Path
) -> None:
    page = opened()
    page.click("#steady")
    assert page.get_attribute("#steady", "aria-pressed") == "true"
    expect(page.locator("#live")).to_contain_text(NAME)
    assert page.inner_text("#spoken").startswith(NAME)
    see(page, camera, LATTE)
    expect(page.locator("#live")).to_be_hidden()
    see(page, camera, GRANOLA)
    page.locator("#live").click()
    state(page, "answered")
    assert page.inner_text("#heading") == NAME
    assert page.get_attribute("#steady", "aria-pressed") == "false"
    page.click("#shutter")
    page.click("#steady")
    page.get_by_role("button", name="Stop scanning").click()
    expect(page.locator("#hint")).to_have_text("Fill the frame with one product")


def test_without_space_it_says_that_it_works_online_only(
    chrome: Browser, host: Host, camera: Path
) -> None:
    context = chrome.new_context(viewport=PHONE, permissions=["camera"])
    page = context.new_page()
    limit = {"origin": host.url, "quotaSize": 1_000_000}
    context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", limit)
    page.goto(host.url)
    state(page, "ready")
    expect(page.locator("#update")).to_contain_text("works only while you are online")
    page.click("#shutter")
    state(page, "answered")
    context.close()


@pytest.mark.parametrize("language", ["de", "es", "fr", "ar"])
def test_accessible_and_within_the_screen_in_each_language(
    opened: Callable[..., Page], camera: Path, language: str
) -> None:
    axe = axe_source()
    scheme = "dark" if language in ("es", "ar") else "light"
    page = opened(
        ABLE, locale=language, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    html = page.locator("html")
    expect(html).to_have_attribute("lang", language)
    expect(html).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")

    def look(where: str) -> None:
        for viewport in (PHONE, DESKTOP, SMALL):
            page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
            check(page, axe, f"{language} {where} {viewport['width']}")
        page.set_viewport_size(PHONE)

    look("ready")
    for photo, where in ((GRANOLA, "match"), (COCOA, "ambiguous"), (LATTE, "unknown")):
        see(page, camera, photo)
        page.click("#shutter")
        state(page, "answered")
        look(where)
        page.click("#shutter")
    page.click("#list")
    expect(page.locator(".choices li").first).to_be_visible()
    look("list")
    page.locator("#answer .main").first.click()
    state(page, "adding")
    look("adding")


def test_accessible_while_it_asks_and_without_a_camera(opened: Callable[..., Page]) -> None:
    axe = axe_source()
    for scheme in ("light", "dark"):
        page = opened(ASKS, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
        expect(page.locator("#notice")).to_contain_text("Allow the camera")
        check(page, axe, f"{scheme} asking")
        page.evaluate("deny()")
        expect(page.locator("#notice")).to_contain_text("not allowed")
        check(page, axe, f"{scheme} denied")
