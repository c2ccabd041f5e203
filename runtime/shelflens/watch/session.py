"""A run of `shelflens watch`: frames, reloads, the pace, lost cameras, and a clean end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from shelflens.catalog.reload import Reloader
from shelflens.errors import CameraError, PhotoError
from shelflens.watch.loop import Frame, Frames, Sighting, Watcher
from shelflens.watch.throttle import Pace

_FIRST, _LONGEST = 1.0, 30.0
"""Seconds until a lost camera is tried again, at first and at most; doubled each time."""

_NAP = 0.1
"""Seconds that anything may sleep without looking at signals and the watchdog."""


class Stop:
    """Whether a signal asked to end; a second one ends at once."""

    def __init__(self) -> None:
        self.signal = 0

    def __bool__(self) -> bool:
        return self.signal != 0

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as long as the block runs; of the main thread only."""
        kept = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}

        def handle(number: int, _: FrameType | None) -> None:
            self.signal = number
            signal.signal(number, kept[signal.Signals(number)] or signal.SIG_DFL)

        for one in kept:
            signal.signal(one, handle)
        try:
            yield
        finally:
            for one, old in kept.items():
                signal.signal(one, old or signal.SIG_DFL)


class Session:
    """Runs a watcher until the frames end or a signal comes."""

    def __init__(
        self,
        watcher: Watcher,
        stock: Reloader,
        open_frames: Callable[[], Frames],
        *,
        pace: Pace,
        stop: Stop,
        tell: Callable[[Sighting], None],
        say: Callable[[str], None],
        tick: Callable[[], None],
        retry: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Put together what a run needs.

        Args:
            watcher: Looks at the frames.
            stock: Catalog and model, looked after between frames.
            open_frames: Opens the source; called again after a lost camera.
            pace: When the next frame may be looked at.
            stop: Whether to end.
            tell: Called with every answer.
            say: Called with a line for people about what goes wrong or changes.
            tick: Called after every frame, and ten times a second while there is none.
            retry: Whether a camera that fails is opened again.
            sleep: Waits some seconds.
        """
        self._watcher, self._stock, self._open = watcher, stock, open_frames
        self._pace, self._stop, self._retry = pace, stop, retry
        self._tell, self._say, self._tick, self._sleep = tell, say, tick, sleep
        self.unreadable = 0
        """Frames that could not be read."""

    def run(self) -> None:
        """Watch.

        Raises:
            CameraError, OSError: the source cannot be opened, or failed, and `retry` is not set.
        """
        wait = _FIRST
        lost = False
        while not self._stop:
            before = self._watcher.frames
            try:
                for frame in self._frames():
                    if lost and frame is not None:
                        self._say("the camera is back")
                        lost = False
                    self._look(frame)
                    if self._stop:
                        break
                break
            except CameraError as error:
                if not self._retry:
                    raise
                if self._watcher.frames > before:
                    wait = _FIRST
                if not lost or self._watcher.frames > before:
                    self._say(f"{error}; trying again until it is back")
                lost = True
                self._pause(wait)
                wait = min(2 * wait, _LONGEST)
        last = self._watcher.finish()
        if last is not None:
            self._tell(last)

    def _frames(self) -> Frames:
        frames = self._open()
        try:
            while not self._stop:
                self._pause(self._pace.left())
                frame = next(frames, self)
                if isinstance(frame, Session):
                    return
                if frame is not None:
                    self._pace.start()
                yield frame
        finally:
            frames.close()

    def _look(self, frame: Frame | None) -> None:
        new, lines = self._stock.refresh()
        for line in lines:
            self._say(line)
        if new:
            self._watcher.use(self._stock.catalog, self._stock.embedder)
        if frame is not None:
            try:
                found = self._watcher.see(frame)
            except (PhotoError, OSError) as error:
                self._skip(error)
                found = None
            if found is not None:
                self._tell(found)
        self._tick()

    def _skip(self, error: Exception) -> None:
        """Say it at the first frame, the second, the fourth, the eighth ..."""
        self.unreadable += 1
        if self.unreadable & (self.unreadable - 1) == 0:
            many = f"; {self.unreadable} so far" if self.unreadable > 1 else ""
            self._say(f"frame {self._watcher.frames} left out: {error}{many}")

    def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._stop:
            nap = min(seconds, _NAP)
            self._sleep(nap)
            seconds -= nap
            self._tick()
