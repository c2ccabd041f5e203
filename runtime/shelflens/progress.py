"""A progress line for people: count, share, rate, time left; silent when nobody watches."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from types import TracebackType


class Progress:
    """Redraws one line on standard error, a few times a second, if that is a terminal."""

    def __init__(self, what: str, total: int, *, unit: str = "photos") -> None:
        self._what, self._total, self._unit = what, max(total, 1), unit
        self._start = self._drawn = time.perf_counter()
        self._shown = sys.stderr.isatty()
        self._last = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown and self._last:
            self._draw(self._last)
            sys.stderr.write("\n")

    def update(self, done: int, note: str = "") -> None:
        """Tell how many are done; `note` is shown behind the bar."""
        self._last = done
        now = time.perf_counter()
        if self._shown and (now - self._drawn > 0.1 or done >= self._total):
            self._drawn = now
            self._draw(done, note)

    def _draw(self, done: int, note: str = "") -> None:
        spent = max(time.perf_counter() - self._start, 1e-9)
        left = spent / max(done, 1) * (self._total - done)
        width = 24
        filled = round(width * min(done / self._total, 1))
        bar = "█" * filled + "·" * (width - filled)
        line = (
            f"{self._what} {bar} {done}/{self._total} {self._unit} "
            f"{done / spent:.1f}/s {clock(left)} left {note}"
        )
        sys.stderr.write(f"\r{line:<79}"[: _columns()])
        sys.stderr.flush()


class ProgressBars:
    """One progress line after the other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._name = ""
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def step(self, name: str, done: int, total: int) -> None:
        """Tell how many of a step are done; another name begins another line."""
        if name != self._name:
            self._stack.close()
            unit = {"fewer photos": "catalogs", "trying advice": "trials"}.get(name, "photos")
            self._bar = self._stack.enter_context(Progress(name, total, unit=unit))
            self._name = name
        if self._bar is not None:
            self._bar.update(done)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns
