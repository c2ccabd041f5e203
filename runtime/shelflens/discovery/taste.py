"""What events say about a customer: their weights, the knobs, the interests behind them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.discovery.interests import Interest, decay, group
from shelflens.discovery.profile import Event
from shelflens.errors import DataError
from shelflens.options import option

WEIGHTS: Mapping[str, float] = {"view": 1, "photo": 2, "like": 3, "buy": 4, "dislike": -3}
"""What an event says. Looking is cheap and often by chance; taking a photo is an effort; a like
is said on purpose, and so is a dislike; buying costs money."""

_ALIKE = 0.4
"""Cosine similarity of one interest where no catalog is at hand to ask."""


@dataclass(frozen=True)
class Taste:
    """Knobs of how events become suggestions."""

    half_life: float = option(30.0, "days until an event counts half; tastes last, errands do not")
    join: float = option(
        0.9, "share of the catalog's product pairs that one interest is closer than"
    )
    interests: int = option(4, "interests to follow at most; beyond, events are mostly chance")
    push: float = option(0.5, "share of the similarity to disliked products that is subtracted")

    def __post_init__(self) -> None:
        if not (
            self.half_life > 0 and 0 <= self.join <= 1 and self.interests >= 1 and self.push >= 0
        ):
            raise DataError(
                "expected half-life above 0, join from 0 to 1, interests from 1, push from 0"
            )


def interests(
    catalog: Catalog | None,
    events: Sequence[Event],
    *,
    now: float | None = None,
    taste: Taste | None = None,
) -> tuple[list[Interest], NDArray[np.float64]]:
    """The interests behind the positive ones of these events, and what each event weighs now.

    Returns:
        The strongest first, their members numbering `events`; float64 [len(events)], decayed.
    """
    taste = taste or Taste()
    now = time.time() if now is None else now
    ages = np.array([(now - one.at) / 86400 for one in events])
    weights = np.array([WEIGHTS[one.kind] for one in events]) * decay(ages, taste.half_life)
    good = np.flatnonzero(weights > 0)
    if not len(good):
        return [], weights
    vectors = np.stack([events[int(n)].vector for n in good])
    found = group(vectors, weights[good], join=nearness(catalog, taste.join), most=taste.interests)
    return [
        Interest(int(good[one.medoid]), one.weight, tuple(int(good[n]) for n in one.members))
        for one in found
    ], weights


def nearness(catalog: Catalog | None, share: float) -> float:
    """The cosine similarity that this share of the catalog's product pairs stays below.

    Each embedding space spreads its vectors in its own way (nine of ten Grocery pairs are below
    0.27 in the bundled model, below 0.64 in ImageNet MobileNetV2), so what "alike" means is asked
    of the catalog: up to 100 products of it, evenly taken. Without one it is `_ALIKE`.
    """
    if catalog is None or len(catalog) < 2:
        return _ALIKE
    places = np.unique(np.linspace(0, len(catalog) - 1, 100).round().astype(int))
    sample = np.stack([catalog.mean_direction(int(place)) for place in places])
    pairs = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
    return float(np.quantile(pairs, share))
