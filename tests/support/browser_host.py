"""A real Chromium with a fake camera, and a static host that can be switched off."""

from __future__ import annotations

import csv
import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Playwright, ViewportSize

from shelflens.cli import main
from shelflens.model.embedder import BUNDLED_MODEL

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
DEMO = BUNDLED_MODEL.parent / "demo"
FAMILY_PACK = "Pomoro Hot Cocoa Caramel Family Pack"


def store_with_family_pack(root: Path) -> Path:
    """products.csv and store.catalog of the demo store with a second product of the same front.

    Returns:
        `root`, their folder.
    """
    with (DEMO / "studio.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows.append({**rows[0], "product": "cocoa-family", "name": FAMILY_PACK, "price": "9.49"})
    with (root / "products.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "path": DEMO / row["path"]} for row in rows)
    words = ["catalog", "build", root / "products.csv", "--out", root / "store.catalog"]
    assert main([str(word) for word in words]) == 0
    return root


class Host:
    """A static host of one folder on this machine, as plain as any: no compression, no headers."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, int]] = []
        """Path and size of every answer."""
        handler = functools.partial(_Handler, directory=str(folder), host=self)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://localhost:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Switch it off; may be called twice."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, host: Host, **more: Any) -> None:
        self._host = host
        super().__init__(*args, **more)

    def send_response(self, code: int, message: str | None = None) -> None:
        self._code = code
        super().send_response(code, message)

    def end_headers(self) -> None:
        size = Path(self.translate_path(self.path))
        sent = size.stat().st_size if self._code == 200 and size.is_file() else 0
        self._host.asked.append((self.path, sent))
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def chromium() -> str:
    """The system's Chromium.

    Raises:
        RuntimeError: there is none.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("no Chromium here, which the browser tests need: apt install chromium")
    return path


@contextmanager
def browser(playwright: Playwright, camera: Path | None) -> Iterator[Browser]:
    """A headless Chromium.

    Args:
        playwright: Running.
        camera: An .mjpeg file that the fake camera shows, read anew at every start of the camera;
            None for a machine without one.
    """
    flags = ["--no-sandbox"]  # root in a container
    if camera is not None:
        flags += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
    running = playwright.chromium.launch(executable_path=chromium(), args=flags)
    yield running
    running.close()


def write_camera_video(
    photo: Path, out: Path, *, size: tuple[int, int] = (960, 1280), share: float = 0.8
) -> Path:
    """Let the fake camera see a photo: an .mjpeg of it before a blurred background.

    Args:
        photo: An image file.
        out: The .mjpeg file; replaced at once, for a camera may be reading it.
        size: Width and height of the camera's frames, pixels.
        share: Of the frame's sides that the photo may take.
    """
    image = Image.open(photo).convert("RGB")
    frame = image.resize(size).filter(ImageFilter.GaussianBlur(40))
    scale = share * min(size[0] / image.width, size[1] / image.height)
    inner = image.resize((round(image.width * scale), round(image.height * scale)))
    frame.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    buffer = BytesIO()
    frame.save(buffer, "JPEG", quality=93, subsampling=2)
    new = out.with_suffix(".new")
    new.write_bytes(buffer.getvalue() * 4)
    new.replace(out)
    return out


def restart_camera(page: Any) -> None:
    """Off and on again, so that the fake camera reads its file anew."""
    page.evaluate("async () => { shelflens.camera.stop(); await shelflens.camera.start(); }")
    page.wait_for_timeout(300)


def state(page: Any, wanted: str, timeout: float = 60_000) -> None:
    """Wait until the web app is loading, ready, working, answered or broken."""
    page.wait_for_selector(f"body[data-state={wanted}]", timeout=timeout)
