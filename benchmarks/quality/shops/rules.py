"""Two rules of decision, for the photos of many episodes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shops.episodes import Photos
from benchmarks.quality.shops.fit import Fitted
from shelflens.catalog.answer import MIN_UNKNOWN

MINIMUMS = (0.9, 0.95, 0.97, 0.98, 0.99)
"""Least probabilities of a match that were compared."""
MARGIN, MARGIN_CAP, SLOPE = 0.0027, 0.2, 20.0
"""Of the rule before: the least margin of a match, of the bundled model, the largest margin
that counts, and the rise of the log odds."""


@dataclass(frozen=True)
class Decisions:
    """Of m photos."""

    match: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    confidence: NDArray[np.float64]


def posterior(part: Photos, fitted: Fitted, minimum: float) -> Decisions:
    """As `decide` answers."""
    scores = part.scores
    probabilities = fitted.of(part).probabilities(scores.scores, scores.products)
    first, unknown = probabilities[:, 0], probabilities[:, -1] > MIN_UNKNOWN
    return Decisions((first >= minimum) & ~unknown, unknown, first)


def score_and_margin(part: Photos, threshold: float) -> Decisions:
    """As `decide` answered before the posterior: a threshold, a margin, a logistic curve."""
    first, second = part.scores.scores[:, 0], part.scores.scores[:, 1]
    margin = np.minimum(first - second, MARGIN_CAP)
    odds = SLOPE * (first - threshold + margin - MARGIN)
    unknown = first < threshold
    return Decisions(~unknown & (margin >= MARGIN), unknown, 1 / (1 + np.exp(-odds)))
