"""The latest frame of a camera: a thread reads, so that no frame gets old in a queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.loop import Frame, Frames

MAX_SILENCE_S = 10.0
"""Seconds without a frame after which a camera has failed; slow ones need two to start."""

_TICK_S = 0.2
"""Seconds after which a consumer that waits for a frame gets None."""

Take = Callable[[bool], "Photo | None"]
"""Blocks until there is a frame, and gives it; called with False when nobody waits for it, and may
then give None instead of decoding it. Raises EOFError at the end, CameraError when it fails."""


def latest_frames(
    take: Take,
    close: Callable[[], None],
    *,
    name: str,
    ahead: bool = True,
    max_silence: float = MAX_SILENCE_S,
) -> Frames:
    """Frames on request, always the latest; None while there is none.

    Args:
        take: Reads the camera, in a thread of its own.
        close: Releases the camera, when reading has ended.
        name: For messages.
        ahead: Whether to read when no frame is requested, so that the camera's queue stays empty.
        max_silence: Seconds without a frame after which to fail.

    Raises:
        CameraError: no frame for so long, or what `take` raised.
    """
    slot = _Slot(take, close, ahead)
    try:
        last = time.monotonic()
        while True:
            frame = slot.next(_TICK_S)
            now = time.monotonic()
            if frame is not None:
                last = now
            elif slot.ended:
                return
            elif now - last > max_silence:
                raise CameraError(
                    f"{name}: gave no frame for {max_silence:g} s; check that it is plugged in and "
                    "that nothing else uses it"
                )
            yield frame
    finally:
        slot.stop()


class _Slot:
    """One frame, handed from the reading thread to the consumer."""

    def __init__(self, take: Take, close: Callable[[], None], ahead: bool) -> None:
        self._take, self._close, self._ahead = take, close, ahead
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: Exception | None = None
        self._wanted = self._stopped = self.ended = False
        self._thread = threading.Thread(target=self._read, name="shelflens camera", daemon=True)
        self._thread.start()

    def next(self, wait: float) -> Frame | None:
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._frame or self._error or self.ended, wait)
            frame, self._frame = self._frame, None
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(2)  # the thread of a camera that hangs ends with the process

    def _read(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._ahead or self._wanted or self._stopped)
                    if self._stopped:
                        return
                    wanted = self._wanted
                photo = self._take(wanted)
                if photo is None:
                    continue
                with self._changed:
                    self._frame, self._wanted = Frame(photo, time.monotonic()), False
                    self._changed.notify_all()
        except EOFError:
            pass
        except Exception as error:  # raised in the consumer's thread
            self._error = error
        finally:
            self._close()
            with self._changed:
                self.ended = True
                self._changed.notify_all()
