"""Film strips of what a shop does on a phone, with taps and seconds.

    python -m benchmarks.recipe.flows

writes flows.json and flows.md, and a strip per flow (flow-enrol.jpg, ...): enrol by camera,
confirm, undo, offline, export, and import in Python. In headless Chromium, with a camera that shows
demo photos, on the web app of the demo store without one product. Seconds are those of the page:
the script's hand types at once and turns the product at once. Two minutes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens import Catalog
from shelflens.cli import main as shelflens
from shelflens.webapp.build import build
from tests.support.browser_host import (
    DEMO,
    PHONE,
    Host,
    browser,
    restart_camera,
    state,
    write_camera_video,
)

NEW = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{NEW}-{number}.jpg" for number in (1, 2))
NAME = "Honey Almond Granola"
WIDTH, MARGIN, CAPTION = 234, 12, 46
"""Of a frame of a strip, and below it, pixels."""

FLOWS = {
    "enrol": "a new product, from its first photo until it is found",
    "confirm": "“This is it”",
    "undo": "the last change taken back",
    "offline": "found without a network, after the page was loaded again",
    "export": "the catalog and the changes, as files",
    "import": "the changes applied in Python: the same catalog, byte for byte",
}


@dataclass
class Film:
    """One flow: what was done, and how it looked."""

    page: Page | None
    frames: list[tuple[Image.Image, str]] = field(default_factory=list)
    taps: int = 0
    keys: int = 0
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def tap(self, where: Locator) -> None:
        """A finger on a button."""
        self.taps += 1
        where.click()

    def type(self, where: Locator, text: str) -> None:
        """A finger on a field, then keys."""
        self.taps += 1
        self.keys += len(text)
        where.fill(text)

    def keep(self, words: str) -> None:
        """A frame; the clock stands still meanwhile."""
        now = time.monotonic()
        self.seconds += now - self.began
        assert self.page
        self.page.wait_for_timeout(500)  # pictures appear softly
        shot = self.page.screenshot()
        with tempfile.SpooledTemporaryFile() as stream:
            stream.write(shot)
            stream.seek(0)
            self.frames.append((Image.open(stream).convert("RGB"), words))
        self.began = time.monotonic()

    def row(self, flow: str) -> dict[str, Any]:
        """Its figures."""
        figures = {"taps": self.taps, "keys": self.keys, "seconds": round(self.seconds, 1)}
        return {"flow": flow, "what": FLOWS[flow], **figures}


def main() -> None:
    """Act, measure, draw."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out: Path = parser.parse_args().out
    report = stamp(libraries=("playwright",))
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        camera = write_camera_video(FRONT, work / "camera.mjpeg")
        store = store_without(NEW, work)
        host = Host(build(store, work / "page", images=DEMO / "studio.csv", title="Corner Shop"))
        with sync_playwright() as playwright, browser(playwright, camera) as chrome:
            report["versions"]["chromium"] = chrome.version
            films = acted(chrome, host, camera, work)
        host.stop()
        films["import"] = imported(store, work)
    report["flows"] = [film.row(flow) for flow, film in films.items()]
    for flow, film in films.items():
        strip(film).save(out / f"flow-{flow}.jpg", quality=72, optimize=True)
    save(report, "What a shop does on a phone", markdown(report), "flows", out)


def store_without(product: str, work: Path) -> Path:
    """The demo store's catalog without a product."""
    store = work / "store.catalog"
    assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
    Catalog.open(store).remove([product]).save(store)
    return store


def acted(chrome: Browser, host: Host, camera: Path, work: Path) -> dict[str, Film]:
    """The flows of one phone, one after the other."""
    context = chrome.new_context(viewport=PHONE, permissions=["camera"])
    page = context.new_page()
    page.goto(host.url)
    state(page, "ready")
    while not page.evaluate("navigator.serviceWorker.controller !== null"):
        page.wait_for_timeout(200)

    def see(photo: Path) -> None:
        write_camera_video(photo, camera)
        restart_camera(page)

    films = {"enrol": enrolled(page, see), "confirm": confirmed(page, see), "undo": undone(page)}
    see(FRONT)
    context.set_offline(True)
    films["offline"] = film = Film(page)
    page.reload()
    state(page, "ready")
    film.keep("No network")
    scan(film, page)
    film.keep("Found")
    assert page.inner_text("#heading") == NAME
    context.set_offline(False)
    films["export"] = exported(page, work)
    context.close()
    return films


def scan(film: Film, page: Page) -> None:
    """One answer."""
    film.tap(page.locator("#shutter"))
    state(page, "answered")


def enrolled(page: Page, see: Any) -> Film:
    """A new product by camera, until it is found."""
    film = Film(page)
    scan(film, page)
    film.keep("Not this one")
    film.tap(page.get_by_role("button", name="None of these"))
    state(page, "adding")
    film.keep("The photo is the first")
    see(SIDE)
    film.began = time.monotonic()
    film.tap(page.locator("#shutter"))
    page.locator(".shots li").nth(1).wait_for()
    film.type(page.locator("#text-name"), NAME)
    film.keep("Another side, a name")
    film.tap(page.get_by_role("button", name="Save"))
    page.locator("#said", has_text=NAME).wait_for()
    film.keep("Saved")
    see(FRONT)
    film.began = time.monotonic()
    scan(film, page)
    film.keep("Found")
    assert page.inner_text("#heading") == NAME
    return film


def confirmed(page: Page, see: Any) -> Film:
    """A photo kept for the product that it shows."""
    see(SIDE)
    if page.get_attribute("body", "data-state") == "answered":
        page.click("#shutter")
    film = Film(page)
    scan(film, page)
    film.keep("An answer")
    yes = page.get_by_role("button", name="This is it")
    if not yes.count():
        film.tap(page.locator(".carousel .card, .choices button").first)
        film.keep("One of the nearest")
    film.tap(yes.first)
    page.locator("#said").wait_for()
    film.keep("Kept")
    return film


def undone(page: Page) -> Film:
    """The last change taken back, from the list."""
    film = Film(page)
    film.tap(page.locator("#list"))
    page.locator(".choices li").first.wait_for()
    film.keep("All products")
    film.tap(page.locator("#answer").get_by_role("button", name="Undo"))
    page.locator("#said", has_text="taken back").wait_for()
    film.keep("As before")
    return film


def exported(page: Page, work: Path) -> Film:
    """Both files, downloaded."""
    film = Film(page)
    film.tap(page.locator("#list"))
    page.locator(".choices li").first.wait_for()
    for name, button in (("catalog", "Export the catalog"), ("delta", "Export the changes")):
        with page.expect_download() as download:
            film.tap(page.get_by_role("button", name=button))
        download.value.save_as(work / f"phone.{name}")
    film.keep("Two files")
    return film


def imported(store: Path, work: Path) -> Film:
    """What the back office types; the catalog is that of the phone."""
    film = Film(None)
    shutil.copy(FRONT, work / "photo.jpg")
    screen = []
    for line in (
        "shelflens catalog apply store.catalog phone.delta",
        "cmp store.catalog phone.catalog && echo equal",
        "shelflens lookup photo.jpg --catalog store.catalog -k 1",
    ):
        film.keys += len(line)
        typed = line.replace("shelflens", f"{sys.executable} -m shelflens", 1)
        done = subprocess.run(
            typed, shell=True, cwd=work, capture_output=True, text=True, check=True
        )
        screen += [f"$ {line}", *done.stdout.rstrip().splitlines(), ""]
    film.seconds = time.monotonic() - film.began
    film.frames.append((terminal(screen), "The phone's catalog"))
    return film


def terminal(lines: list[str]) -> Image.Image:
    """Lines of a terminal, as a picture of two frames' size."""
    image = Image.new("RGB", (4 * WIDTH, 2 * WIDTH), "#14171a")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(21)
    shown = [part for line in lines for part in wrapped(line, font, image.width - 60)]
    for number, line in enumerate(shown):
        colour = "#8fd3b8" if line.startswith("$") else "#e8ece9"
        draw.text((30, 26 + 31 * number), line, colour, font)
    return image


def wrapped(text: str, font: Any, width: int) -> list[str]:
    """A line cut where it is too wide."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if font.getlength(longer) > width:
            lines.append(f"   {word}")
        else:
            lines[-1] = longer
    return lines


def strip(film: Film) -> Image.Image:
    """The frames side by side, with their words below."""
    font = ImageFont.load_default(15)
    sized = []
    for frame, words in film.frames:
        width = WIDTH * (2 if film.page is None else 1)
        sized.append((frame.resize((width, round(frame.height * width / frame.width))), words))
    height = max(frame.height for frame, _ in sized)
    width = sum(frame.width + MARGIN for frame, _ in sized) + MARGIN
    image = Image.new("RGB", (width, height + MARGIN + CAPTION), "#ffffff")
    draw, x = ImageDraw.Draw(image), MARGIN
    for number, (frame, words) in enumerate(sized, 1):
        image.paste(frame, (x, MARGIN))
        draw.rectangle((x - 1, MARGIN - 1, x + frame.width, MARGIN + frame.height), None, "#b9c0bc")
        draw.text((x, height + MARGIN + 12), f"{number}  {words}", "#2a302d", font)
        x += frame.width + MARGIN
    return image


def markdown(report: dict[str, Any]) -> str:
    """The figures, and the strips."""
    rows = [
        (row["flow"], row["what"], row["taps"], row["keys"], f"{row['seconds']:.1f}")
        for row in report["flows"]
    ]
    pictures = "\n\n".join(
        f"![{row['flow']}: {row['what']}](flow-{row['flow']}.jpg)" for row in report["flows"]
    )
    return (
        "Not measured: people, phones. Seconds are of the page on a shared x86-64 machine; typing, "
        "and turning the product, take none.\n"
        + table(("flow", "what", "taps", "keys", "seconds"), rows)
        + f"\n{pictures}\n"
    )


if __name__ == "__main__":
    main()
