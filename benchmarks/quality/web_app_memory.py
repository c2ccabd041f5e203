"""Whether the web app's memory stays flat: answer after answer, as a person in a shop gets them.

    python -m benchmarks.quality.web_app_memory

opens the web app of the demo store in Chromium with a fake camera, and presses the shutter 2,000
times: 1,000 answers shown, with their pictures and similar products. After each 100 it collects
garbage and prints MiB: the page's JavaScript heap, its elements, and what the browser's processes
for it hold (proportional set size, Linux). Fails where the last hundred holds more than a tenth
more than the third did. Three minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from shelflens.cli import main as shelflens
from shelflens.webapp.build import build
from tests.support.browser_host import DEMO, PHONE, Host, browser, state, write_camera_video

ANSWERS = 1000
STEP = 100
WARM = 300
"""Answers after which code is compiled and caches are full."""
MAX_GROWTH = 1.1

PRESS = """async (count) => {
  const { body } = document;
  const shutter = document.getElementById("shutter");
  const until = async (wanted) => {
    while (body.dataset.state !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  for (let answer = 0; answer < count; answer++) {
    await until("ready");
    shutter.click();
    await until("answered");
    shutter.click();
  }
}"""


def process_bytes() -> int:
    """Proportional set size of all renderers of this script's browser."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if not is_below(int(folder.name), os.getpid()):
                continue
            if b"--type=renderer" not in (folder / "cmdline").read_bytes():
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:  # gone meanwhile
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def is_below(process: int, ancestor: int) -> bool:
    """Whether a process was started by another, or by what that started."""
    while process > 1 and process != ancestor:
        text = Path(f"/proc/{process}/stat").read_text()
        process = int(text.rpartition(")")[2].split()[1])
    return process == ancestor


def measured(page: Page) -> dict[str, float]:
    """MiB, and the number of elements, after garbage was collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    values = {metric["name"]: metric["value"] for metric in metrics}
    session.detach()
    heap = values["JSHeapUsedSize"] / 2**20
    return {"heap": heap, "nodes": values["Nodes"], "processes": process_bytes() / 2**20}


def main() -> int:
    """Measure, print, and judge."""
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        work = Path(temporary)
        store = work / "demo.catalog"
        assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
        host = Host(build(store, work / "page", images=DEMO / "studio.csv"))
        photo = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
        camera = write_camera_video(photo, work / "camera.mjpeg")
        with browser(playwright, camera) as running:
            page = running.new_page(viewport=PHONE, permissions=["camera"])
            page.goto(host.url)
            state(page, "ready")
            print("answers  heap MiB  elements  processes MiB")
            for count in range(STEP, ANSWERS + 1, STEP):
                page.evaluate(PRESS, STEP)
                rows.append(measured(page))
                heap, nodes, processes = rows[-1].values()
                print(f"{count:7}  {heap:8.1f}  {nodes:8.0f}  {processes:13.1f}", flush=True)
        host.stop()
    first, last = rows[WARM // STEP - 1], rows[-1]
    grown = {name: last[name] / first[name] for name in last}
    grown = {name: growth for name, growth in grown.items() if growth > MAX_GROWTH}
    print(f"grown: {grown}" if grown else "flat")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
