"""A run of `shelflens watch`: frames, reloads, the rate limit, lost cameras, a clean end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from shelflens.catalog.reload import Reloader
from shelflens.errors import CameraError, PhotoError
from shelflens.watch.loop import Frame, Frames, Sighting, Watcher
from shelflens.watch.silence import Silence
from shelflens.watch.throttle import RateLimiter

_FIRST_RETRY_S, _MAX_RETRY_S = 1.0, 30.0
"""Seconds until a lost camera is opened again, at first and at most; doubled each time."""

_MAX_SLEEP_S = 0.1
"""Seconds to sleep at most before signals and the watchdog are served."""


class Stop:
    """Whether a signal has asked to end; a second signal ends the process at once."""

    def __init__(self) -> None:
        self.signal = 0

    def __bool__(self) -> bool:
        return self.signal != 0

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT as long as the block runs; in the main thread only."""
        previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def handle(number: int, _: FrameType | None) -> None:
            self.signal = number
            signal.signal(number, previous[signal.Signals(number)] or signal.SIG_DFL)

        for number in previous:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, old in previous.items():
                signal.signal(number, old or signal.SIG_DFL)


class Session:
    """Runs a watcher until the frames end or a signal comes."""

    def __init__(
        self,
        watcher: Watcher,
        reloader: Reloader,
        open_frames: Callable[[], Frames],
        *,
        rate_limiter: RateLimiter,
        stop: Stop,
        on_answer: Callable[[Sighting], None],
        log: Callable[[str], None],
        on_tick: Callable[[], None],
        retry: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a run.

        Args:
            watcher: Processes the frames.
            reloader: Catalog and model, refreshed between frames.
            open_frames: Opens the source; called again after a lost camera.
            rate_limiter: When the next frame may be processed.
            stop: Whether to end.
            on_answer: Called with every answer.
            log: Called with a line for people about errors and changes.
            on_tick: Called after every frame, and ten times per second while there is none.
            retry: Whether a camera that fails is opened again.
            sleep: Waits some seconds.
        """
        self._watcher, self._reloader, self._open = watcher, reloader, open_frames
        self._rate_limiter, self._stop, self._retry = rate_limiter, stop, retry
        self._on_answer, self._log, self._on_tick, self._sleep = on_answer, log, on_tick, sleep
        self.unreadable = 0
        """Frames that could not be read."""
        self.silence = Silence()
        """Why nothing is answered."""

    def run(self) -> None:
        """Watch.

        Raises:
            CameraError, OSError: the source cannot be opened, or failed, and `retry` is not set.
        """
        wait = _FIRST_RETRY_S
        lost = False
        while not self._stop:
            before = self._watcher.frames
            try:
                for frame in self._frames():
                    if lost and frame is not None:
                        self._log("the camera is back")
                        lost = False
                    self._process(frame)
                    if self._stop:
                        break
                break
            except CameraError as error:
                if not self._retry:
                    raise
                if self._watcher.frames > before:
                    wait = _FIRST_RETRY_S
                if not lost or self._watcher.frames > before:
                    self._log(f"{error}; trying again until it is back")
                lost = True
                self._wait(wait)
                wait = min(2 * wait, _MAX_RETRY_S)
        last = self._watcher.finish()
        if last is not None:
            self._on_answer(last)

    def _frames(self) -> Frames:
        frames = self._open()
        try:
            while not self._stop:
                self._wait(self._rate_limiter.wait_s())
                frame = next(frames, self)
                if isinstance(frame, Session):
                    return
                if frame is not None:
                    self._rate_limiter.start()
                yield frame
        finally:
            frames.close()

    def _process(self, frame: Frame | None) -> None:
        new, lines = self._reloader.refresh()
        for line in lines:
            self._log(line)
        if new:
            self._watcher.use(self._reloader.catalog, self._reloader.embedder)
        if frame is not None:
            try:
                sighting = self._watcher.see(frame)
            except (PhotoError, OSError) as error:
                self._skip(error)
                sighting = None
            else:
                self._report_silence(frame.at, answered=sighting is not None)
            if sighting is not None:
                self._on_answer(sighting)
        self._on_tick()

    def _report_silence(self, at: float, *, answered: bool) -> None:
        if line := self.silence.note(at, self._watcher.state, answered=answered):
            self._log(line)

    def _skip(self, error: Exception) -> None:
        """Log it at the first frame, the second, the fourth, the eighth ..."""
        self.unreadable += 1
        if self.unreadable & (self.unreadable - 1) == 0:
            total = f"; {self.unreadable} so far" if self.unreadable > 1 else ""
            self._log(f"frame {self._watcher.frames} left out: {error}{total}")

    def _wait(self, seconds: float) -> None:
        while seconds > 0 and not self._stop:
            pause = min(seconds, _MAX_SLEEP_S)
            self._sleep(pause)
            seconds -= pause
            self._on_tick()
