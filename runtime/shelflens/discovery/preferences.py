"""What a customer's events weigh, and the interests behind them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.discovery.events import Event
from shelflens.discovery.interests import Interest, decay, group
from shelflens.errors import DataError
from shelflens.options import option

EVENT_WEIGHTS: Mapping[str, float] = {"view": 1, "photo": 2, "like": 3, "buy": 4, "dislike": -3}
"""Viewing is cheap and often by chance; taking a photo is an effort; likes and dislikes are
expressed on purpose; buying costs money."""

_DEFAULT_SIMILARITY = 0.4
"""Cosine similarity of one interest where there is no catalog to measure it on."""

_SAMPLE_SIZE = 100
"""Products among which similarities are measured."""


@dataclass(frozen=True)
class RecommendOptions:
    """Options of how events become suggestions."""

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


def interests_of(
    events: Sequence[Event],
    catalog: Catalog | None,
    *,
    now: float | None = None,
    options: RecommendOptions | None = None,
) -> tuple[list[Interest], NDArray[np.float64]]:
    """The interests behind the positive ones of these events, and what each event weighs now.

    Returns:
        The strongest first, with members that are indices of `events`; float64 [len(events)],
        decayed.
    """
    options = options or RecommendOptions()
    now = time.time() if now is None else now
    ages = np.array([(now - event.at) / 86400 for event in events])
    base = np.array([EVENT_WEIGHTS[event.kind] for event in events])
    weights = base * decay(ages, options.half_life)
    positive = np.flatnonzero(weights > 0)
    if not len(positive):
        return [], weights
    vectors = np.stack([events[int(n)].vector for n in positive])
    groups = group(
        vectors if catalog is None else catalog.queries(vectors),
        weights[positive],
        min_similarity=similarity_quantile(catalog, options.join),
        max_groups=options.interests,
    )
    return [
        Interest(
            int(positive[interest.medoid]),
            interest.weight,
            tuple(int(positive[n]) for n in interest.members),
        )
        for interest in groups
    ], weights


def similarity_quantile(catalog: Catalog | None, share: float) -> float:
    """The cosine similarity that this share of the catalog's product pairs stays below.

    Embedding spaces spread their vectors differently, so what "similar" means is measured on up to
    100 products of the catalog, evenly taken. Without a catalog it is a fixed value.
    """
    if catalog is None or len(catalog) < 2:
        return _DEFAULT_SIMILARITY
    indices = np.unique(np.linspace(0, len(catalog) - 1, _SAMPLE_SIZE).round().astype(int))
    sample = np.stack([catalog.mean_direction(int(index)) for index in indices])
    pairs = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
    return float(np.quantile(pairs, share))
