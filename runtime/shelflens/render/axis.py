"""The axes of a chart: where a value stands, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Tick = tuple[float, str]
"""A value and how it is written."""


@dataclass(frozen=True)
class Axis:
    """One axis; `low` is on the left or at the bottom."""

    title: str
    low: float
    high: float
    ticks: Sequence[Tick] = ()
    grid: bool = False
    """A line across the chart at every tick."""
    scale: Callable[[float], float] = float
    """Monotone, for example `math.log10`."""

    def share(self, value: float) -> float:
        """Where a value stands: 0 at `low`, 1 at `high`."""
        low, high = self.scale(self.low), self.scale(self.high)
        return (self.scale(value) - low) / (high - low)


def linear_axis(
    title: str, values: Sequence[float], *, grid: bool = False, pad: float = 0.0
) -> Axis:
    """A straight axis between round ends, four to eleven ticks.

    Args:
        title: With the unit.
        values: At least one.
        grid: See `Axis`.
        pad: Room beyond the values, as a share of their extent.
    """
    low, high = min(values), max(values)
    extent = (high - low) or abs(high) or 1.0
    low, high = low - pad * extent, high + pad * extent
    step = _round_step((high - low) or extent)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = [(step * n, short(step * n)) for n in range(first, last + 1)]
    return Axis(title, step * first, step * last, ticks, grid)


def log_axis(title: str, values: Sequence[float], *, grid: bool = False) -> Axis:
    """A logarithmic axis of whole decades; values above 0."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    last = max(last, first + 1)
    ticks = [(10.0**power, short(10.0**power)) for power in range(first, last + 1)]
    return Axis(title, 10.0**first, 10.0**last, ticks, grid, math.log10)


def percent_axis(title: str, low: float, high: float, *, grid: bool = False) -> Axis:
    """A straight axis of shares, written as percent."""
    step = 0.2 if high - low > 0.5 else 0.1 if high - low > 0.25 else 0.05
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [(step * n, f"{100 * step * n:.0f}%") for n in range(first, last + 1)]
    return Axis(title, low, high, ticks, grid)


def category_axis(title: str, names: Sequence[str], *, downward: bool = False) -> Axis:
    """Names at equal distances, at the values 0, 1, 2 ...; downward, the first is on top."""
    ticks = [(float(index), name) for index, name in enumerate(names)]
    low, high = -0.5, len(names) - 0.5
    return Axis(title, high, low, ticks) if downward else Axis(title, low, high, ticks)


def short(number: float) -> str:
    """A number with k for thousands and M for millions."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{unit}"
    return f"{round(number, 6):g}"


def _round_step(extent: float) -> float:
    rough = extent / 5
    power: float = 10 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
