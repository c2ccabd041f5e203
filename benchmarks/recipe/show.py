"""What the README shows: the output of its commands on the demo store, and its pictures.

    python benchmarks/bundle/show.py --out benchmarks/bundle

writes contact-sheet.jpg (`demo`), for-you.jpg (`recommend --sheet`), report.jpg (`evaluate`),
page.jpg (`page build`, in Chromium with a camera that shows demo photos), and prints each command
with its output, `serve` and `watch` too, to be put into the README after the bundled model was
replaced.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from shelflens.webapp.build import build
from tests.support import film as counter
from tests.support import serving
from tests.support.browsing import (
    DEMO,
    PHONE,
    Host,
    browser,
    film,
    restart_camera,
    state,
    store_with_twin,
)

PHOTO = DEMO / "photos" / "chickpeas-no-salt-tinlo-1.jpg"
SCANNED = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
ALIKE = DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
FILMED = (
    "chickpeas-no-salt-tinlo-1.jpg",
    "raw-honey-acacia-norsa-ash-1.jpg",
    "granola-honey-almond-halren-1.jpg",
)
COMMANDS = """
demo
catalog build products.csv --out store.catalog
lookup photo.jpg --catalog store.catalog -k 3
catalog calibrate calibrated.catalog --queries photos.csv --unknowns other-things --far 0.05
evaluate --gallery products.csv --queries photos.csv --unknowns other-things --out report
similar store.catalog hot-cocoa-caramel-pomoro -k 3 --where price<5
profile log me.profile --catalog store.catalog --like hot-cocoa-caramel-pomoro \
 --buy dark-chocolate-orange-solta
profile log me.profile --view kettle-chips-salt-vinegar-huxden
recommend store.catalog --profile me.profile -k 4 --contact-sheet for-you.png --images products.csv
"""


def main() -> None:
    """Run, print, draw."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The demo's folders under the names that the README gives them.
        for part in ("studio", "photos"):
            shutil.copytree(DEMO / part, folder / part)
        shutil.copy(DEMO / "studio.csv", folder / "products.csv")
        shutil.copy(DEMO / "photos.csv", folder)
        for photo in (DEMO / "unknown").iterdir():
            thing = folder / "other-things" / photo.stem[:-2]
            thing.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, thing)
        shutil.copy(PHOTO, folder / "photo.jpg")
        for line in COMMANDS.strip().splitlines():
            print(f"$ shelflens {line}", flush=True)
            command = [sys.executable, "-m", "shelflens", *line.split()]
            subprocess.run(command, cwd=folder, check=True)
            if line.startswith("catalog build"):
                shutil.copy(folder / "store.catalog", folder / "calibrated.catalog")
        served(folder)
        watched(folder)
        sheet = Image.open(folder / "shelflens-demo" / "contact-sheet.png")
        photograph(
            sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3)), out / "contact-sheet.jpg"
        )
        photograph(Image.open(folder / "for-you.png"), out / "for-you.jpg")
        with sync_playwright() as playwright:
            camera = film(SCANNED, folder / "camera.mjpeg")
            with browser(playwright, camera) as running:
                photograph(report(running, folder), out / "report.jpg")
                photograph(phone(running, camera, folder), out / "page.jpg")


def served(folder: Path) -> None:
    """What the server says, and its answer to a photo."""
    with serving.running("--catalog", folder / "store.catalog") as server:
        print("$ shelflens serve", *server.lines, sep="\n")
        asked = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/lookup?k=1",
            data=(folder / "photo.jpg").read_bytes(),
            headers={"Content-Type": "image/jpeg"},
        )
        with urllib.request.urlopen(asked) as answer:
            print(answer.read().decode(), flush=True)


def watched(folder: Path) -> None:
    """A counter, filmed at 15 frames a second: products come, are held, and go."""
    shots = [
        shot
        for name in FILMED
        for shot in (counter.Shot(name, 2.0, enter=0.4), counter.Shot(counter.COUNTER, 0.6, 0.4))
    ]
    print("$ shelflens watch", flush=True)
    command = [sys.executable, "-m", "shelflens", "watch", "-", "--catalog", "store.catalog"]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE) as watching:
        assert watching.stdin
        time.sleep(2)
        for pixels in counter.film(shots, fps=15):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=90)
            watching.stdin.write(file.getvalue())
            watching.stdin.flush()
            time.sleep(1 / 15)
        watching.stdin.close()


def photograph(picture: Image.Image, file: Path) -> None:
    """Save a picture small enough for the repository."""
    picture.convert("RGB").save(file, quality=80, optimize=True)
    print(f"{file}: {picture.width} x {picture.height}")


def report(running: Browser, folder: Path) -> Image.Image:
    """The upper part of the report."""
    page = running.new_page(viewport={"width": 960, "height": 1097})
    page.goto((folder / "report" / "report.html").as_uri())
    file = folder / "report.png"
    page.screenshot(path=file)
    return Image.open(file)


def phone(running: Browser, camera: Path, folder: Path) -> Image.Image:
    """Four screens of the phone page: ready, a match, look-alikes, and a match in the dark look."""
    (folder / "page-store").mkdir()
    store = store_with_twin(folder / "page-store")
    pictures = store / "products.csv"
    made = build(store / "store.catalog", store / "page", pictures=pictures, title="Corner Shop")
    host = Host(made)
    screens: list[Image.Image] = []

    def look(photo: Path | None, scheme: str) -> None:
        """Open the page, scan, take its picture."""
        film(photo or SCANNED, camera)
        dark = scheme == "dark"
        context = running.new_context(
            viewport=PHONE, permissions=["camera"], color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.goto(host.url)
        state(page, "ready")
        restart_camera(page)
        page.wait_for_timeout(6000)  # what it says about working without a network has gone
        if photo:
            page.click("#shutter")
            state(page, "answered")
            page.wait_for_timeout(1000)
        file = folder / f"screen-{len(screens)}.png"
        page.screenshot(path=file)
        screens.append(Image.open(file).convert("RGB").resize((300, 649)))
        context.close()

    for photo, scheme in ((None, "light"), (SCANNED, "light"), (ALIKE, "light"), (SCANNED, "dark")):
        look(photo, scheme)
    host.stop()
    row = Image.new("RGB", (26 + 326 * len(screens), 701), "#ddd5c8")
    corners = Image.new("L", (1200, 2596))  # four times as large: the rim becomes smooth
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, 1199, 2595), 120, fill=255)
    for place, screen in enumerate(screens):
        row.paste(screen, (26 + 326 * place, 26), corners.resize(screen.size))
    return row


if __name__ == "__main__":
    main()
