"""Percentiles and rates of the last few hundred values, in memory that does not grow."""

from __future__ import annotations

import numpy as np


class RingBuffer:
    """The newest values, at most `size`."""

    def __init__(self, size: int = 512) -> None:
        self._values = np.zeros(size, np.float64)
        self.count = 0
        """All values so far, including those no longer kept."""

    def add(self, value: float) -> None:
        """Add a value in place of the oldest."""
        self._values[self.count % len(self._values)] = value
        self.count += 1

    def percentile(self, percent: float) -> float:
        """A percentile of the values kept; 0 when there are none."""
        filled = min(self.count, len(self._values))
        return float(np.percentile(self._values[:filled], percent)) if filled else 0.0

    def rate(self) -> float:
        """Events per second, if the values are their times in seconds, rising; 0 below two."""
        filled = min(self.count, len(self._values))
        span = float(np.ptp(self._values[:filled])) if filled > 1 else 0.0
        return (filled - 1) / span if span > 0 else 0.0
