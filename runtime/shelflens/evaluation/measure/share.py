"""A counted share with its confidence interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Share:
    """A share of counted things, with its 95 % interval (Wilson 1927)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval for independent photos.

        Photos of the same product are not independent: the true interval is wider.
        """
        return wilson(self.count, self.of)

    def to_dict(self) -> dict[str, Any]:
        """The share as JSON values."""
        low, high = self.interval
        return {**asdict(self), "share": round(self.value, 5), "low": low, "high": high}


def wilson(count: int, of: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion; z = 1.96 for 95 %. Of nothing: 0 to 1."""
    if not of:
        return 0.0, 1.0
    share = count / of
    centre = share + z * z / (2 * of)
    reach = z * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    scale = 1 + z * z / of
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return round(max(low, 0.0), 6), round(min(high, 1.0), 6)
