"""The phone page in Chromium, beside Python: the same answers, its bytes, its times.

    python benchmarks/quality/page.py --out benchmarks/quality/results

Accuracy: 300 Grocery test photos, every eighth, among the 81 products with all train photos as
gallery, through the page and through Python. Times: the page of the drawn demo store, in headless
Chromium, as it is; with DevTools' CPU throttling of four, which is made for the page's own thread
and hardly reaches the worker; and with every thread of the page's processes stopped for three
quarters of the time, a stand-in for a phone. Needs Chromium, npm once, and the Grocery Store
Dataset under `SHELFLENS_SHARED`.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.quality.grocery import SHARED, read_split, write_split
from benchmarks.quality.measuring import facts, photos_of
from shelflens import Catalog, Embedder
from shelflens.cli import main as shelflens
from shelflens.files import write_text
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp.build import build
from shelflens.webapp.vendor import VERSION as ENGINE
from tests.support.browsing import PHONE, Host, browser, film, state

DEMO = BUNDLED_MODEL.parent / "demo"
PHOTOS, EVERY = 300, 8
FRESH, SCANS = 5, 25
SLOWER = 4
ASK = """async (data) => {
  const blob = new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]);
  const vector = Array.from(await shelflens.client.vector(blob));
  return { vector, ...(await shelflens.client.scan(blob)) };
}"""


def main() -> None:
    """Measure, and write page.json and page.md."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        camera = film(DEMO / "photos" / "granola-honey-almond-halren-1.jpg", work / "camera.mjpeg")
        with sync_playwright() as playwright, browser(playwright, camera) as running:
            result = facts("page.py")
            result["versions"] |= {"chromium": running.version, "@litertjs/core": ENGINE}
            result |= {"accuracy": accuracy(running, work), **demo(running, work)}
    write_text(out / "page.json", json.dumps(result, indent=2) + "\n")
    write_text(out / "page.md", markdown(result))


def accuracy(running: Browser, work: Path) -> dict[str, Any]:
    """recall@1 of the page and of Python on the same photos, and how far their vectors agree."""
    root = (SHARED / "data" / "grocery").resolve()
    write_split(work / "train.csv", root, read_split(root, "train"))
    store = work / "grocery.catalog"
    assert shelflens(["catalog", "build", str(work / "train.csv"), "--out", str(store)]) == 0
    catalog, embedder = Catalog.open(store), Embedder.open()
    asked = photos_of("test", EVERY).items[:PHOTOS]
    host = Host(build(store, work / "grocery-page"))
    page = running.new_page()
    page.goto(host.url)
    state(page, "ready")
    cosines, ours, theirs, same = [], 0, 0, 0
    for item in asked:
        got = page.evaluate(ASK, base64.b64encode(item.path.read_bytes()).decode())
        vector = embedder.embed(item.path)
        answer = catalog.answer(vector)
        cosines.append(float(np.array(got["vector"], np.float32) @ vector))
        ours += got["matches"][0]["id"] == item.product
        theirs += answer.matches[0].id == item.product
        same += got["decision"] == answer.decision
    page.close()
    host.stop()
    return {
        "photos": len(asked),
        "pictures": catalog.row_count,
        "recall@1": {"page": ours / len(asked), "python": theirs / len(asked)},
        "same_decision": same / len(asked),
        "cosine": {"least": min(cosines), "p50": statistics.median(cosines)},
    }


def demo(running: Browser, work: Path) -> dict[str, Any]:
    """Bytes and times of the page of the drawn demo store."""
    store = work / "demo.catalog"
    assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
    folder = build(store, work / "demo-page", pictures=DEMO / "studio.csv")
    host = Host(folder)
    times = {
        "as it is": timed(running, host, "none"),
        "page's thread / 4 (DevTools)": timed(running, host, "devtools"),
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
    files = {path: size for path, size in host.asked if size}
    squeezed = {path: squeeze(folder / (path.strip("/") or "index.html")) for path in files}
    context.close()
    host.stop()
    return {
        "files": len(files),
        "once_each": sum(files.values()),
        "transferred": sum(size for _, size in host.asked),
        "gzip": sum(squeezed.values()),
        "largest": dict(sorted(files.items(), key=lambda one: -one[1])[:5]),
    }


def squeeze(path: Path) -> int:
    """Bytes that a host which compresses would send."""
    return min(len(gzip.compress(path.read_bytes(), 9)), path.stat().st_size)


def timed(running: Browser, host: Host, how: str) -> dict[str, float]:
    """Medians in ms: first visits to the first answer, later visits, and single answers."""
    first, ready, again = [], [], []
    for _ in range(FRESH):
        context = running.new_context(permissions=["camera"], viewport=PHONE)
        page = context.new_page()
        page.goto("about:blank")
        with slowed(running, page, how):
            page.goto(host.url, wait_until="commit")
            ready.append(mark(page, "ready"))
            page.click("#shutter")
            first.append(mark(page, "answered"))
            while not page.evaluate("navigator.serviceWorker.controller !== null"):
                page.wait_for_timeout(200)
            page.reload(wait_until="commit")
            again.append(mark(page, "ready"))
            if len(first) == FRESH:
                answers = [one_answer(page) for _ in range(SCANS)]
        context.close()
    named = {"first_ready": ready, "first_answer": first, "later_ready": again}
    medians = {name: statistics.median(values) for name, values in named.items()}
    steps = {f"answer_{step}": [one[step] for one in answers] for step in answers[0]}
    return medians | {step: statistics.median(values) for step, values in steps.items()}


def mark(page: Page, name: str) -> float:
    """Milliseconds from the start of the visit to a mark of the page."""
    state(page, name, timeout=120_000)
    found = page.evaluate(f"performance.getEntriesByName('{name}').at(-1).startTime")
    return float(found)


def one_answer(page: Page) -> dict[str, float]:
    """The steps of one camera frame's answer, ms: pixels, embed, search, all; and to the screen."""
    code = """async () => {
      const begun = performance.now();
      const frame = await shelflens.camera.frame();
      const { ms } = await shelflens.client.scan(frame);
      return { ...ms, with_frame: performance.now() - begun };
    }"""
    return dict(page.evaluate(code))


@contextmanager
def slowed(running: Browser, page: Page, how: str) -> Iterator[None]:
    """Slow a page down: its own thread through DevTools, or its whole process by signals."""
    if how == "devtools":
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        yield
        return
    if how != "process":
        yield
        return
    session = running.new_browser_cdp_session()
    seen = session.send("SystemInfo.getProcessInfo")["processInfo"]
    (ours,) = (int(one["id"]) for one in seen if one["type"] == "browser")
    done = threading.Event()
    worker = threading.Thread(target=_stutter, args=(ours, done))
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


def _stutter(chromium: int, done: threading.Event) -> None:
    """Let a browser's renderers run for about 5 ms, then stop them three times as long."""
    cycle = 0
    while not done.is_set():
        if cycle % 20 == 0:  # a visit may start in a new process
            renderers = _renderers(chromium)
        cycle += 1
        begun = time.perf_counter()
        time.sleep(0.005)
        ran = time.perf_counter() - begun
        _signal(renderers, signal.SIGSTOP)
        time.sleep(ran * (SLOWER - 1))
        _signal(renderers, signal.SIGCONT)


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _renderers(chromium: int) -> list[int]:
    """The renderer processes of one browser, from /proc."""
    parents: dict[int, int] = {}
    kinds: dict[int, bool] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            number = int(folder.name)
            parents[number] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            kinds[number] = b"--type=renderer" in (folder / "cmdline").read_bytes()
    found = []
    for number in (number for number, renders in kinds.items() if renders):
        above = number
        while above in parents and above != chromium:
            above = parents[above]
        if above == chromium:
            found.append(number)
    return found


def markdown(result: dict[str, Any]) -> str:
    """The figures as a page of text."""
    told, size, ms = result["accuracy"], result["bytes"], result["ms"]
    recall, cosine = told["recall@1"], told["cosine"]
    lines = [
        "# The phone page",
        "",
        "Made by `python benchmarks/quality/page.py --out benchmarks/quality/results`.",
        "Not measured: a phone, Firefox, Safari. Times are of a shared two-core machine.",
        "",
        f"{told['photos']} Grocery test photos among 81 products ({told['pictures']} pictures): "
        f"recall@1 {recall['page']:.3f} in the page, {recall['python']:.3f} in Python; the same "
        f"decision for {told['same_decision']:.3f}; cosine of the two vectors "
        f"{cosine['p50']:.4f} (median), {cosine['least']:.4f} (least).",
        "",
        f"First visit, until it works offline: {size['files']} files, "
        f"{size['once_each'] / 1e6:.2f} MB ({size['gzip'] / 1e6:.2f} MB from a host that "
        f"compresses; {size['transferred'] / 1e6:.2f} MB transferred here).",
        "",
        "| ms, median | " + " | ".join(ms) + " |",
        "| --- |" + " --- |" * len(ms),
    ]
    names = {
        "first_ready": "first visit, to ready",
        "first_answer": "first visit, to the first answer",
        "later_ready": "later visit, to ready",
        "answer_pixels": "frame to the model's input",
        "answer_embed": "embedding",
        "answer_search": "search and decision, 30 products",
        "answer_with_frame": "one answer, from the shutter",
    }
    for key, name in names.items():
        lines.append(f"| {name} | " + " | ".join(f"{one[key]:.1f}" for one in ms.values()) + " |")
    known = ", ".join(f"{name} {text}" for name, text in result["versions"].items())
    return "\n".join([*lines, "", f"Versions: {known}.", ""])


if __name__ == "__main__":
    main()
