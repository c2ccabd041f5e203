"""Chromium slowed down: through DevTools, or by stopping its processes most of the time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page

SLOWER = 4


@contextmanager
def throttled(running: Browser, page: Page, how: str) -> Iterator[None]:
    """Slow a page down by `SLOWER`.

    Args:
        running: The browser.
        page: The page.
        how: `devtools`, its own thread; `process`, all threads of its processes; else not at all.
    """
    if how == "devtools":
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        yield
        return
    if how != "process":
        yield
        return
    session = running.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    (ours,) = (int(process["id"]) for process in processes if process["type"] == "browser")
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
    renders: dict[int, bool] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            process = int(folder.name)
            parents[process] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            renders[process] = b"--type=renderer" in (folder / "cmdline").read_bytes()
    processes = []
    for process in (process for process, is_renderer in renders.items() if is_renderer):
        above = process
        while above in parents and above != chromium:
            above = parents[above]
        if above == chromium:
            processes.append(process)
    return processes
