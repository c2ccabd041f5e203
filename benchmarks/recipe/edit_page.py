"""The picture of the page of those who may edit, as docs/how-to/server.md shows it.

    python -m benchmarks.recipe.edit_page

writes edit-page.jpg: an answer to say yes or no to, a product that is being added, all products.
In Chromium, with a camera that shows demo photos; half a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.provenance import RESULTS
from shelflens import Catalog
from shelflens.cli import main as shelflens
from tests.support.browser_host import DEMO, PHONE, browser, write_camera_video
from tests.support.server_process import Server, running

NEW = "granola-honey-almond-halren"
FRONT, SIDE = (DEMO / "photos" / f"{NEW}-{number}.jpg" for number in (1, 2))
TOKEN = "a-token-to-edit-with-0123456789"


def main() -> None:
    """Serve, act, photograph."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, secret = folder / "store.catalog", folder / "token"
        assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
        Catalog.open(store).remove([NEW]).save(store)
        secret.write_text(TOKEN)
        secret.chmod(0o600)
        camera = write_camera_video(FRONT, folder / "camera.mjpeg")
        words = ("--catalog", store, "--edit-token-file", secret, "--images", DEMO / "studio.csv")
        with (
            running(*words) as server,
            sync_playwright() as playwright,
            browser(playwright, camera) as chrome,
        ):
            screens = photographed(chrome, server, folder)
    joined = Image.new("RGB", (sum(screen.width for screen in screens), screens[0].height))
    for number, screen in enumerate(screens):
        joined.paste(screen, (number * screen.width, 0))
    joined.save(out / "edit-page.jpg", quality=80, optimize=True)
    print(f"{out / 'edit-page.jpg'}: {joined.width} x {joined.height}")


def photographed(chrome: Browser, server: Server, folder: Path) -> list[Image.Image]:
    """Three screens of a phone."""
    context = chrome.new_context(
        viewport=PHONE,
        permissions=["camera"],
        http_credentials={"username": "", "password": TOKEN},
    )
    page = context.new_page()
    screens: list[Image.Image] = []

    def keep() -> None:
        page.wait_for_timeout(1500)
        file = folder / f"{len(screens)}.png"
        page.screenshot(path=file)
        screens.append(Image.open(file).convert("RGB"))

    page.goto(f"http://localhost:{server.port}/edit")
    page.wait_for_selector("body[data-ready=yes]")
    page.wait_for_timeout(1500)
    page.click("#shutter")
    page.wait_for_selector("#check ol")
    keep()
    page.click("text=None of these")
    page.set_input_files("#file", SIDE)
    page.fill("#text-name", "Halren Granola Honey & Almond")
    page.evaluate("document.getElementById('viewfinder').scrollIntoView()")
    page.wait_for_timeout(1500)
    keep()
    page.click("#tabs [data-tab=list]")
    keep()
    context.close()
    return screens


if __name__ == "__main__":
    main()
