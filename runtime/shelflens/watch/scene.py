"""The state of the scene over time: something moves, it is still, it has been answered.

::

    moving --- still for `settle` seconds ---> looking --- `burst` photos ---> answered
       ^                                          |                               |
       '------------- it moves -------------------'------- another scene ---------'

Stillness and change are measured against one earlier frame, not against the last one: so the
outcome does not depend on the frame rate, and a slow slide does not count as stillness.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.watch.frame_filter import FrameFilter, difference

State = Literal["moving", "dark", "blurred", "looking", "take", "answered", "empty"]
"""`take`: this frame is one of the burst. `looking`: still, and between two photos of it. `empty`:
answered, and nothing lies there."""

_LIGHT_TIME_S = 30.0
"""Time constant with which the reference of an answered scene follows slow changes of light, s."""

_SMALL_CHANGE = 4.0
"""Levels of 255 above which the empty scene is another one: a small thing on a counter gives 6, a
camera's noise up to 1. What lies there is looked at again, and nothing is said if it is empty."""

_DARK = 30.0
"""Levels of 255 that the brightest part of a frame must have for anything to be seen in it."""

_EPSILON_S = 1e-6
"""Tolerance of times, s: three frames of 1/30 s are 0.1 s."""


class Scene:
    """Decides frame by frame; holds thumbnails of two earlier frames."""

    def __init__(self, options: FrameFilter) -> None:
        self._options = options
        self._start: NDArray[np.float32] | None = None
        self._answered: NDArray[np.float32] | None = None
        self._now: NDArray[np.float32] | None = None
        self._at = self._last = -math.inf
        self.since = -math.inf
        """Since when the scene is still, s."""
        self.seen = -math.inf
        """When the last answered scene was last seen, s."""
        self.taken = 0
        """Photos of the present burst."""
        self._is_empty = False

    def update(self, at: float, thumbnail: NDArray[np.float32], sharpness: float) -> State:
        """Take the next frame.

        Args:
            at: When it was taken, s; a clock that goes back starts the scene again.
            thumbnail: From `frame_filter.downscale`, float32 [32, 32, 3].
            sharpness: From `frame_filter.sharpness`.
        """
        options, passed = self._options, at - self._at
        self._at, self._now = at, thumbnail
        if passed < 0:
            self._start = self._answered = None
            self._last = self.seen = -math.inf
        if self._answered is not None:
            limit = min(_SMALL_CHANGE, options.change) if self._is_empty else options.change
            if difference(thumbnail, self._answered) <= limit:
                self._answered += (thumbnail - self._answered) * min(passed / _LIGHT_TIME_S, 1)
                self.seen = at
                return "empty" if self._is_empty else "answered"
            self._answered = self._start = None
        if self._start is None or difference(thumbnail, self._start) > options.steady:
            self._start, self.since, self.taken = thumbnail, at, 0
        if at - self.since < options.settle - _EPSILON_S:
            return "moving"
        if float(thumbnail.max()) < _DARK:
            return "dark"
        if sharpness < options.sharp:
            return "blurred"
        if self.taken and at - self._last < options.apart - _EPSILON_S:
            return "looking"
        self.taken += 1
        self._last = at
        return "take"

    @property
    def ready(self) -> bool:
        """Whether the burst is complete, or `patience` is over."""
        if self.taken >= self._options.burst:
            return True
        return self.taken > 0 and self._at - self.since >= self._options.patience - _EPSILON_S

    @property
    def away(self) -> float:
        """Seconds from when the answered scene was last seen until the present one was still."""
        return self.since - self.seen

    def close(self, *, is_empty: bool = False) -> None:
        """The burst has been answered: no frame is taken until the scene changes.

        Args:
            is_empty: Nothing lies there; a small thing that is put down is noticed.
        """
        self._is_empty = is_empty
        if self._now is not None:
            self._answered = self._now.copy()
        self.seen, self.taken = self._at, 0

    def reopen(self) -> None:
        """Answer the present scene again: the catalog was replaced."""
        self._answered = self._start = None
        self.taken = 0
