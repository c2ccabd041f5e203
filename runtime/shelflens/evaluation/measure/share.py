"""A counted share with its confidence interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shelflens.catalog.interval import wilson


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
