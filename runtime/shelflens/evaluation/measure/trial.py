"""A proposal tried on photos that it was not made from: paired before and after, with its noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 3
"""Parts that the queries are split into: each is judged by what the others propose."""

STANDARD_ERRORS = 2.0
"""Half of the interval of a gain."""


@dataclass(frozen=True)
class Trial:
    """Shares of the same queries that are right, before and after."""

    queries: int
    before: float
    after: float
    low: float
    """Of the interval of the gain, about 95 %; see `compare`."""
    high: float

    @property
    def gain(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def helps(self) -> bool:
        """Whether the gain is more than noise."""
        return self.low > 0

    @property
    def harms(self) -> bool:
        """Whether the loss is more than noise."""
        return self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON values."""
        return {**asdict(self), "helps": self.helps}


def compare(
    before: NDArray[np.bool_], after: NDArray[np.bool_], groups: Sequence[str] = ()
) -> Trial | None:
    """The trial of n queries; None without any.

    The standard error is that of n independent pairs (McNemar 1947), or with `groups` that of the
    groups, whose photos are alike (Liang and Zeger 1986), if it is larger: for a proposal that is
    about all products and was tried on those that the queries show.

    Args:
        before: Whether each was right, bool [n].
        after: Whether it is then, bool [n].
        groups: What each shows, [n].
    """
    count = len(before)
    if not count:
        return None
    change = after.astype(np.float64) - before.astype(np.float64)
    gain = float(change.mean())
    error = math.sqrt(float(np.abs(change).sum()))
    if len(groups):
        owners = np.unique(np.array(groups), return_inverse=True)[1]
        sums = np.bincount(owners, weights=change - gain)
        scale = len(sums) / max(len(sums) - 1, 1)
        error = max(error, math.sqrt(scale * float((sums**2).sum())))
    reach = STANDARD_ERRORS * error / count
    return Trial(
        queries=count,
        before=round(float(before.mean()), 5),
        after=round(float(after.mean()), 5),
        low=round(gain - reach, 5),
        high=round(gain + reach, 5),
    )


def folds(products: Sequence[str]) -> NDArray[np.int64]:
    """The part of each query, 0 to `FOLDS` - 1: int64 [n].

    The photos of a product are cut into runs of neighbours, so that a burst stays together.
    """
    owners = np.unique(np.array(products), return_inverse=True)[1]
    found = np.zeros(len(products), np.int64)
    for owner in range(owners.max(initial=-1) + 1):
        rows = np.flatnonzero(owners == owner)
        found[rows] = (np.arange(len(rows)) * FOLDS // len(rows) + owner) % FOLDS
    return found
