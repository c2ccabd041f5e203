"""The interval of a counted share."""

from __future__ import annotations

import math


def wilson(count: int, of: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion; z = 1.96 for 95 %. Of nothing: 0 to 1."""
    if not of:
        return 0.0, 1.0
    share = count / of
    centre = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return round(max(low, 0.0), 6), round(min(high, 1.0), 6)
