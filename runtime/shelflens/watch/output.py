"""Answers and status, for people and for programs."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from shelflens.catalog.answer import Answer
from shelflens.catalog.barcodes import CodedAnswer
from shelflens.console import printable
from shelflens.progress import clock
from shelflens.watch.loop import Sighting, Watcher

_STATES = {
    "moving": "moving; hold it still",
    "dark": "too dark; more light",
    "blurred": "not sharp; more light, or another distance",
    "looking": "looking",
    "take": "looking",
    "answered": "answered; nothing new",
    "empty": "empty; nothing new",
}


class Output:
    """Answers on standard output, one line each; everything else on standard error."""

    def __init__(
        self,
        words: Callable[[Answer], tuple[str, str]],
        contradiction: Callable[[CodedAnswer | None], str] = lambda _: "",
        *,
        as_json: bool,
        bell: bool,
    ) -> None:
        """Choose the form.

        Args:
            words: An answer in words, and its confidence.
            contradiction: What to add where the picture contradicts a barcode.
            as_json: Answers as JSON lines.
            bell: Ring the terminal's bell when something was recognised.
        """
        self._words, self._json, self._bell = words, as_json, bell
        self._contradiction = contradiction
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()  # a command of --exec reports from its own thread
        self._last_drawn = 0.0
        self._started = time.monotonic()
        self._last_answer = ""
        self._counts = {"match": 0, "ambiguous": 0, "unknown": 0}

    def print_answer(self, sighting: Sighting) -> dict[str, Any]:
        """Print an answer; gives its JSON values."""
        answer = sighting.answer
        self._counts[answer.decision] += 1
        now = datetime.now(timezone.utc)
        values = {"time": now.isoformat(timespec="milliseconds"), **sighting.to_dict()}
        text, confidence = self._words(answer)
        if answer.decision == "unknown" and answer.matches:
            text += f"; the nearest is {answer.matches[0].name}"
        if line := self._contradiction(sighting.coded):
            text += f"; {line}"
        self._last_answer = text
        if self._json:
            line = json.dumps(values, ensure_ascii=False)
        else:
            photos = f"{sighting.frames} photo{'s' * (sighting.frames != 1)}"
            line = f"{now.astimezone():%H:%M:%S}  {text}  ({confidence}; {photos}, "
            line += f"{sighting.latency_ms:.1f} ms)"
        with self._lock:
            self._erase()
            print(line if self._json else printable(line), flush=True)
            if self._bell and answer.decision != "unknown":
                sys.stderr.write("\a")
                sys.stderr.flush()
        return values

    def log(self, text: str) -> None:
        """One line on standard error, such as a catalog that was replaced."""
        with self._lock:
            self._erase()
            line = printable(f"shelflens watch: {' '.join(text.split())}")
            print(line, file=sys.stderr, flush=True)

    def status(self, watcher: Watcher, throttle_reason: str) -> str:
        """Redraw the live line a few times per second on a terminal; gives it as text."""
        now = time.monotonic()
        text = status(watcher, throttle_reason)
        if self._live and now - self._last_drawn >= 0.2:
            self._last_drawn = now
            line = printable(f"{text}  |  {self._last_answer}" if self._last_answer else text)
            with self._lock:
                sys.stderr.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
                sys.stderr.flush()
        return text

    def summary(self, watcher: Watcher, reason: str) -> None:
        """The last line; none when there was no frame.

        Args:
            watcher: Has the figures.
            reason: Why there was no answer, if there was none.
        """
        if not watcher.frames:
            return
        spent = time.monotonic() - self._started
        answers = sum(self._counts.values())
        parts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        text = f"{clock(spent)}, {watcher.frames:,} frames ({watcher.frames / spent:.1f}/s), "
        text += f"{answers} answers ({parts})"
        if watcher.latency.count:
            p50, p90 = (watcher.latency.percentile(percent) for percent in (50, 90))
            text += f"; frame to answer {p50:.1f} ms p50, {p90:.1f} ms p90"
        elif not answers:
            text += f"; {reason or 'nothing was held still for long enough'}"
        self.log(text)

    def _erase(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def status(watcher: Watcher, throttle_reason: str) -> str:
    """Rates, times and state, on one line."""
    work = watcher.work
    text = f"{watcher.arrivals.rate():.1f} frames/s, {work.percentile(50):.1f} ms each "
    text += f"({work.percentile(90):.1f} p90)"
    if watcher.latency.count:
        text += f", answers {watcher.latency.percentile(50):.1f} ms "
        text += f"({watcher.latency.percentile(90):.1f} p90)"
    if throttle_reason:
        text += f"  slowed down: {throttle_reason}"
    return f"{text}  {_STATES[watcher.state]}"
