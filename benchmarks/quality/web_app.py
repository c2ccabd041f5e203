"""The web app in Chromium, beside Python: the same answers, its bytes, its times.

    python -m benchmarks.quality.web_app

Accuracy: 300 Grocery test photos, every eighth, among the 81 products with all train photos as
gallery, through the web app and through Python. Times: the web app of the demo store, in headless
Chromium, as it is; with DevTools' CPU throttling of four, which is made for the app's own thread
and hardly reaches the worker; and with every thread of its processes stopped for three quarters of
the time, a stand-in for a phone. Needs Chromium, npm once, and the Grocery Store Dataset under
`SHELFLENS_SHARED`; four minutes.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.grocery import read_split, write_split
from benchmarks.quality.measuring import photos_of
from benchmarks.quality.throttled import throttled
from shelflens import Catalog, Embedder
from shelflens.cli import main as shelflens
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp.build import build
from shelflens.webapp.vendor import VERSION as ENGINE
from tests.support.browser_host import PHONE, Host, browser, state, write_camera_video

DEMO = BUNDLED_MODEL.parent / "demo"
PHOTOS, EVERY = 300, 8
FRESH, SCANS = 5, 25
ASK = """async (data) => {
  const blob = new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]);
  const vector = Array.from(await shelflens.client.vector(blob));
  return { vector, ...(await shelflens.client.scan(blob)) };
}"""
STEPS = {
    "first_ready": "first visit, to ready",
    "first_answer": "first visit, to the first answer",
    "later_ready": "later visit, to ready",
    "answer_pixels": "frame to the model's input",
    "answer_embed": "embedding",
    "answer_search": "search and decision, 30 products",
    "answer_with_frame": "one answer, from the shutter",
}


def main() -> None:
    """Measure, and write web-app.json and web-app.md."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out = parser.parse_args().out
    report = stamp()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        photo = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
        camera = write_camera_video(photo, work / "camera.mjpeg")
        with sync_playwright() as playwright, browser(playwright, camera) as running:
            report["versions"] |= {"chromium": running.version, "@litertjs/core": ENGINE}
            report |= {"accuracy": accuracy(running, work), **demo(running, work)}
    save(report, "The web app", markdown(report), "web-app", out)


def accuracy(running: Browser, work: Path) -> dict[str, Any]:
    """recall@1 of the web app and of Python on the same photos, and the cosine of their vectors."""
    write_split(work / "train.csv", read_split("train"))
    store = work / "grocery.catalog"
    assert shelflens(["catalog", "build", str(work / "train.csv"), "--out", str(store)]) == 0
    catalog, embedder = Catalog.open(store), Embedder.open()
    asked = photos_of("test", EVERY).items[:PHOTOS]
    host = Host(build(store, work / "grocery-app"))
    page = running.new_page()
    page.goto(host.url)
    state(page, "ready")
    cosines, in_app, in_python, same = [], 0, 0, 0
    for item in asked:
        answer = page.evaluate(ASK, base64.b64encode(item.path.read_bytes()).decode())
        vector = embedder.embed(item.path)
        expected = catalog.answer(vector)
        cosines.append(float(np.array(answer["vector"], np.float32) @ vector))
        in_app += answer["matches"][0]["id"] == item.product
        in_python += expected.matches[0].id == item.product
        same += answer["decision"] == expected.decision
    page.close()
    host.stop()
    return {
        "photos": len(asked),
        "rows": catalog.row_count,
        "recall@1": {"web app": in_app / len(asked), "python": in_python / len(asked)},
        "same_decision": same / len(asked),
        "cosine": {"lowest": min(cosines), "p50": statistics.median(cosines)},
    }


def demo(running: Browser, work: Path) -> dict[str, Any]:
    """Bytes and times of the web app of the demo store."""
    store = work / "demo.catalog"
    assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
    folder = build(store, work / "demo-app", images=DEMO / "studio.csv")
    host = Host(folder)
    times = {
        "as it is": timed(running, host, "none"),
        "app's thread / 4 (DevTools)": timed(running, host, "devtools"),
        "every thread / 4": timed(running, host, "process"),
    }
    host.stop()
    return {"bytes": load(running, folder), "ms": times}


def load(running: Browser, folder: Path) -> dict[str, Any]:
    """What the first visit transfers, until it works without a network."""
    host = Host(folder)
    context = running.new_context(permissions=["camera"], viewport=PHONE)
    page = context.new_page()
    page.goto(host.url)
    state(page, "ready")
    while not page.evaluate("navigator.serviceWorker.controller !== null"):
        page.wait_for_timeout(200)
    files = {path.strip("/") or "index.html": size for path, size in host.asked if size}
    context.close()
    host.stop()
    return {
        "files": len(files),
        "once_each": sum(files.values()),
        "transferred": sum(size for _, size in host.asked),
        "gzip": sum(compressed(folder / name) for name in files),
        "largest": dict(sorted(files.items(), key=lambda item: -item[1])[:5]),
    }


def compressed(path: Path) -> int:
    """Bytes that a host which compresses would send."""
    return min(len(gzip.compress(path.read_bytes(), 9)), path.stat().st_size)


def timed(running: Browser, host: Host, how: str) -> dict[str, float]:
    """Medians in ms: first visits to the first answer, later visits, and single answers."""
    visits: dict[str, list[float]] = {"first_ready": [], "first_answer": [], "later_ready": []}
    answers: list[dict[str, float]] = []
    for visit in range(FRESH):
        context = running.new_context(permissions=["camera"], viewport=PHONE)
        page = context.new_page()
        page.goto("about:blank")
        with throttled(running, page, how):
            page.goto(host.url, wait_until="commit")
            visits["first_ready"].append(mark(page, "ready"))
            page.click("#shutter")
            visits["first_answer"].append(mark(page, "answered"))
            while not page.evaluate("navigator.serviceWorker.controller !== null"):
                page.wait_for_timeout(200)
            page.reload(wait_until="commit")
            visits["later_ready"].append(mark(page, "ready"))
            if visit == FRESH - 1:
                answers = [one_answer(page) for _ in range(SCANS)]
        context.close()
    steps = {f"answer_{step}": [answer[step] for answer in answers] for step in answers[0]}
    return {name: statistics.median(values) for name, values in (visits | steps).items()}


def mark(page: Page, name: str) -> float:
    """Milliseconds from the start of the visit to a mark of the web app."""
    state(page, name, timeout=120_000)
    return float(page.evaluate(f"performance.getEntriesByName('{name}').at(-1).startTime"))


def one_answer(page: Page) -> dict[str, float]:
    """The steps of one camera frame's answer, ms: pixels, embed, search, all; and to the screen."""
    code = """async () => {
      const begun = performance.now();
      const frame = await shelflens.camera.frame();
      const { ms } = await shelflens.client.scan(frame);
      return { ...ms, with_frame: performance.now() - begun };
    }"""
    return dict(page.evaluate(code))


def markdown(report: dict[str, Any]) -> str:
    """The figures as text and a table."""
    accuracy, size, ms = report["accuracy"], report["bytes"], report["ms"]
    recall, cosine = accuracy["recall@1"], accuracy["cosine"]
    return (
        "Not measured: a phone, Firefox, Safari. Times are of a shared machine.\n\n"
        f"{accuracy['photos']} Grocery test photos among 81 products ({accuracy['rows']} rows): "
        f"recall@1 {recall['web app']:.3f} in the web app, {recall['python']:.3f} in Python; the "
        f"same decision for {accuracy['same_decision']:.3f}; cosine of the two vectors "
        f"{cosine['p50']:.4f} (median), {cosine['lowest']:.4f} (lowest).\n\n"
        f"First visit, until it works offline: {size['files']} files, "
        f"{size['once_each'] / 1e6:.2f} MB ({size['gzip'] / 1e6:.2f} MB from a host that "
        f"compresses; {size['transferred'] / 1e6:.2f} MB transferred here).\n"
        + table(
            ("ms, median", *ms),
            (
                (name, *(f"{times[step]:.1f}" for times in ms.values()))
                for step, name in STEPS.items()
            ),
        )
    )


if __name__ == "__main__":
    main()
