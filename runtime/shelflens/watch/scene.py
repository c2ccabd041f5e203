"""What is before the camera, over time: something moves, it is still, it has been answered.

::

    moving --- still for `settle` seconds ---> looking --- `burst` photos ---> answered
       ^                                          |                               |
       '------------- it moves -------------------'------- another scene ---------'

Stillness and change are measured against one earlier picture, not against the last frame: so the
outcome does not depend on the frame rate, and a slow slide is not taken for stillness.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.watch.gate import FrameFilter, difference

State = Literal["moving", "blurred", "looking", "take", "answered"]
"""`take`: this frame is one of the burst. `looking`: still, and between two photos of it."""

_FOLLOW = 30.0
"""Seconds in which an answered scene's picture follows the light of the day, as a time constant."""

_BIT = 1e-6
"""Seconds that are no difference: three frames of 1/30 s are 0.1 s."""


class Scene:
    """Decides frame by frame; holds two small pictures and a few numbers."""

    def __init__(self, gates: FrameFilter) -> None:
        self._gates = gates
        self._start: NDArray[np.float32] | None = None
        self._answered: NDArray[np.float32] | None = None
        self._now: NDArray[np.float32] | None = None
        self._at = self._last = -math.inf
        self.since = -math.inf
        """Since when it is still, s."""
        self.seen = -math.inf
        """When the last answered scene was last before the camera, s."""
        self.taken = 0
        """Photos of the present burst."""

    def see(self, at: float, picture: NDArray[np.float32], sharpness: float) -> State:
        """Judge the next frame.

        Args:
            at: When it was taken, s; a clock that goes back starts the scene again.
            picture: From `gate.small`, float32 [32, 32, 3].
            sharpness: From `gate.sharpness`.
        """
        gates, passed = self._gates, at - self._at
        self._at, self._now = at, picture
        if passed < 0:
            self._start = self._answered = None
            self._last = self.seen = -math.inf
        if self._answered is not None:
            if difference(picture, self._answered) <= gates.change:
                self._answered += (picture - self._answered) * min(passed / _FOLLOW, 1)
                self.seen = at
                return "answered"
            self._answered = self._start = None
        if self._start is None or difference(picture, self._start) > gates.steady:
            self._start, self.since, self.taken = picture, at, 0
        if at - self.since < gates.settle - _BIT:
            return "moving"
        if sharpness < gates.sharp:
            return "blurred"
        if self.taken and at - self._last < gates.apart - _BIT:
            return "looking"
        self.taken += 1
        self._last = at
        return "take"

    @property
    def ready(self) -> bool:
        """Whether the burst is full, or was waited for long enough."""
        if self.taken >= self._gates.burst:
            return True
        return self.taken > 0 and self._at - self.since >= self._gates.patience - _BIT

    @property
    def away(self) -> float:
        """Seconds from the last sight of the answered scene until the present one was still."""
        return self.since - self.seen

    def close(self) -> None:
        """The burst has been answered: nothing is taken until the scene changes."""
        if self._now is not None:
            self._answered = self._now.copy()
        self.seen, self.taken = self._at, 0

    def reopen(self) -> None:
        """Look again at what is there: the catalog is another."""
        self._answered = self._start = None
        self.taken = 0
