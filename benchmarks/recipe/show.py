"""What README and docs show: the output of the commands on the demo store, and the pictures.

    python -m benchmarks.recipe.show

writes contact-sheet.jpg (`demo`), for-you.jpg (`recommend --contact-sheet`), report.jpg
(`evaluate`), web-app.jpg (`page build`, in Chromium with a camera that shows demo photos), and
show.md with each command and its output, `serve` and `watch` too. Needs Chromium; two minutes.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from benchmarks.provenance import RESULTS, save, stamp
from shelflens.webapp.build import build
from tests.support import rendered_video as video
from tests.support import server_process
from tests.support.browser_host import (
    DEMO,
    PHONE,
    Host,
    browser,
    restart_camera,
    state,
    store_with_family_pack,
    write_camera_video,
)

PHOTO = DEMO / "photos" / "chickpeas-no-salt-tinlo-1.jpg"
SCANNED = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
ALIKE = DEMO / "photos" / "hot-cocoa-caramel-pomoro-1.jpg"
FILMED = (
    "chickpeas-no-salt-tinlo-1.jpg",
    "raw-honey-acacia-norsa-ash-1.jpg",
    "granola-honey-almond-halren-1.jpg",
)
PICTURES = ("contact-sheet", "for-you", "report", "web-app")
PACKAGE = re.compile(r"\S*(?=shelflens/data/)")
"""Where the package lies on this machine."""

Shown = tuple[str, str]
"""A command and what it prints."""

COMMANDS = """
demo
catalog build products.csv --out store.catalog
lookup photo.jpg --catalog store.catalog -k 3
catalog calibrate calibrated.catalog --queries photos.csv --unknowns other-things \
 --false-accept-rate 0.05
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
    parser.add_argument("--out", type=Path, default=RESULTS)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    report = stamp(libraries=("playwright", "starlette", "uvicorn"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        shown = [*commands(folder), served(folder), watched(folder)]
        report["shown"] = [
            {"command": command, "output": PACKAGE.sub("", output.replace(f"{folder}/", ""))}
            for command, output in shown
        ]
        contact_sheet = Image.open(folder / "shelflens-demo" / "contact-sheet.png")
        width, height = contact_sheet.size
        smaller = contact_sheet.resize((width * 2 // 3, height * 2 // 3))
        photograph(smaller, out / "contact-sheet.jpg")
        photograph(Image.open(folder / "for-you.png"), out / "for-you.jpg")
        with sync_playwright() as playwright:
            camera = write_camera_video(SCANNED, folder / "camera.mjpeg")
            with browser(playwright, camera) as running:
                photograph(screenshot(running, folder), out / "report.jpg")
                photograph(phone(running, camera, folder), out / "web-app.jpg")
    save(report, "What the commands show", markdown(report), "show", out)


def markdown(report: dict[str, Any]) -> str:
    """Commands, outputs, pictures."""
    blocks = [
        f"```\n$ {item['command']}\n{item['output'].strip()}\n```" for item in report["shown"]
    ]
    pictures = [f"![{name}]({name}.jpg)" for name in PICTURES]
    return "\n\n".join([*blocks, *pictures])


def prepare(folder: Path) -> None:
    """The demo's folders under the names that the README gives them."""
    for part in ("studio", "photos"):
        shutil.copytree(DEMO / part, folder / part)
    shutil.copy(DEMO / "studio.csv", folder / "products.csv")
    shutil.copy(DEMO / "photos.csv", folder)
    for photo in (DEMO / "unknown").iterdir():
        thing = folder / "other-things" / photo.stem[:-2]
        thing.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, thing)
    shutil.copy(PHOTO, folder / "photo.jpg")


def commands(folder: Path) -> list[Shown]:
    """`COMMANDS`, in order."""
    shown = []
    for line in COMMANDS.strip().splitlines():
        command = [sys.executable, "-m", "shelflens", *line.split()]
        done = subprocess.run(
            command, cwd=folder, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        shown.append((f"shelflens {line}", done.stdout))
        if line.startswith("catalog build"):
            shutil.copy(folder / "store.catalog", folder / "calibrated.catalog")
    return shown


def served(folder: Path) -> Shown:
    """What the server says, and its answer to a photo."""
    with server_process.running("--catalog", folder / "store.catalog") as server:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/lookup?k=1",
            data=(folder / "photo.jpg").read_bytes(),
            headers={"Content-Type": "image/jpeg"},
        )
        with urllib.request.urlopen(asked) as answer:
            text = answer.read().decode()
    return "shelflens serve --catalog store.catalog", "\n".join([*server.lines, text])


def watched(folder: Path) -> Shown:
    """A counter, filmed at 15 frames a second: products come, are held, and go."""
    shots = [
        shot
        for name in FILMED
        for shot in (video.Shot(name, 2.0, enter=0.4), video.Shot(video.EMPTY, 0.6, 0.4))
    ]
    command = [sys.executable, "-m", "shelflens", "watch", "-", "--catalog", "store.catalog"]
    log = folder / "watch.txt"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        ) as watching,
    ):
        assert watching.stdin
        time.sleep(2)
        for pixels in video.render_frames(shots, fps=15):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=90)
            watching.stdin.write(file.getvalue())
            watching.stdin.flush()
            time.sleep(1 / 15)
        watching.stdin.close()
    return "shelflens watch picamera --catalog store.catalog", log.read_text()


def photograph(picture: Image.Image, file: Path) -> None:
    """Save a picture small enough for the repository."""
    picture.convert("RGB").save(file, quality=80, optimize=True)
    print(f"{file}: {picture.width} x {picture.height}")


def screenshot(running: Browser, folder: Path) -> Image.Image:
    """The upper part of the report."""
    page = running.new_page(viewport={"width": 960, "height": 1097})
    page.goto((folder / "report" / "report.html").as_uri())
    file = folder / "report.png"
    page.screenshot(path=file)
    return Image.open(file)


def phone(running: Browser, camera: Path, folder: Path) -> Image.Image:
    """Four screens of the web app: ready, a match, look-alikes, and a match, dark and in Arabic."""
    (folder / "page-store").mkdir()
    store = store_with_family_pack(folder / "page-store")
    images = store / "products.csv"
    made = build(store / "store.catalog", store / "page", images=images, title="Corner Shop")
    host = Host(made)
    screens: list[Image.Image] = []

    def look(photo: Path | None, scheme: str) -> None:
        """Open the page, scan, take its picture."""
        write_camera_video(photo or SCANNED, camera)
        dark = scheme == "dark"
        context = running.new_context(
            viewport=PHONE,
            permissions=["camera"],
            color_scheme="dark" if dark else "light",
            locale="ar" if dark else "en",
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
    for index, screen in enumerate(screens):
        row.paste(screen, (26 + 326 * index, 26), corners.resize(screen.size))
    return row


if __name__ == "__main__":
    main()
