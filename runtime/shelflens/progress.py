"""A progress line: count, share, rate, time left; in a log a line now and then."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from types import TracebackType

_REDRAW = 0.1
"""Seconds between two drawings on a terminal."""

_FIRST_LINE, _NEXT_LINE = 15.0, 60.0
"""Seconds until the first line, and from line to line, where standard error is no terminal."""

_BAR, _SHORTEST_BAR = 24, 6


class Progress:
    """How far a step has come, on standard error.

    On a terminal one line is redrawn a few times a second. In a log or a pipe a step that takes
    long gets a line now and then, so that nobody has to guess whether it still runs.
    """

    def __init__(self, what: str, total: int, *, unit: str = "photos") -> None:
        self._what, self._total, self._unit = what, max(total, 1), unit
        self._redrawn = sys.stderr.isatty()
        self._start = time.perf_counter()
        self._next = self._start + (_REDRAW if self._redrawn else _FIRST_LINE)
        self._last, self._note = 0, ""
        self._open = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, note: str = "") -> None:
        """Draw the line before anything is done: the first of a step may take long."""
        if self._redrawn:
            self._draw(0, note)

    def update(self, done: int, note: str = "") -> None:
        """Tell how many are done; `note` is shown behind the bar."""
        self._last, self._note = done, note
        now = time.perf_counter()
        # A log needs no line of a step that is done: its result follows.
        if self._redrawn if done >= self._total else now >= self._next:
            self._next = now + (_REDRAW if self._redrawn else _NEXT_LINE)
            self._draw(done, note)

    def close(self) -> None:
        """End the line, so that what is printed next begins another one."""
        if self._open:
            self._draw(self._last, self._note)
            sys.stderr.write("\n")
            self._open = False

    def _draw(self, done: int, note: str) -> None:
        spent = max(time.perf_counter() - self._start, 1e-9)
        parts = [f"{done}/{self._total} {self._unit}"]
        if done:
            left = spent / done * (self._total - done)
            parts += [f"{done / spent:.1f}/s", f"{clock(left)} left"]
        parts += [note] if note else []
        if not self._redrawn:
            sys.stderr.write(f"{self._what}: {', '.join(parts)}\n")
        else:
            self._open = True
            columns = _columns() - 1  # a full line would wrap
            text = " ".join(parts)
            room = columns - len(self._what) - len(text) - 2
            width = max(_SHORTEST_BAR, min(_BAR, room))
            filled = round(width * min(done / self._total, 1))
            bar = "█" * filled + "·" * (width - filled)
            line = f"{self._what} {bar} {text}"
            sys.stderr.write(f"\r{line:<{columns}}"[: columns + 1])
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
