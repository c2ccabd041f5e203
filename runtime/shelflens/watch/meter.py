"""Percentiles and rates over the last few hundred figures, in memory that does not grow."""

from __future__ import annotations

import numpy as np


class Ring:
    """The newest figures, at most `size`."""

    def __init__(self, size: int = 512) -> None:
        self._kept = np.zeros(size, np.float64)
        self.count = 0
        """All figures so far, those that are no longer kept too."""

    def add(self, figure: float) -> None:
        """Put one in place of the oldest."""
        self._kept[self.count % len(self._kept)] = figure
        self.count += 1

    def percentile(self, percent: float) -> float:
        """A percentile of what is kept; 0 when there is nothing."""
        filled = min(self.count, len(self._kept))
        return float(np.percentile(self._kept[:filled], percent)) if filled else 0.0

    def rate(self) -> float:
        """Events a second, when the figures are their times in seconds, rising; 0 below two."""
        filled = min(self.count, len(self._kept))
        span = float(np.ptp(self._kept[:filled])) if filled > 1 else 0.0
        return (filled - 1) / span if span > 0 else 0.0
