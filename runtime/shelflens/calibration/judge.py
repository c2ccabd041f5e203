"""How a calibration answers photos that it was not measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.scores import ScoredPhotos, Scores
from shelflens.catalog.calibration import Calibration


@dataclass(frozen=True)
class Judgement:
    """How photos are answered, as shares of the photos of their group."""

    right: float
    """Photos of enrolled products: `match`, and right."""
    wrong: float
    """The same: `match`, and wrong."""
    same_shelf: float | None
    """The same photos, with their own product left out: `match`."""
    unknown: float | None
    """Photos of unknown things: `match`."""
    log_loss: float
    """Mean negative log probability of the truth, known and not enrolled weighed alike, nats."""


def judge(photos: ScoredPhotos, calibration: Calibration) -> Judgement:
    """How a calibration answers photos that it was not measured with."""

    def outcome(scores: Scores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        probabilities = calibration.posterior.probabilities(scores.scores, scores.products)
        matched = probabilities[:, 0] >= calibration.min_probability
        truth = probabilities[np.arange(len(scores)), scores.right]
        return matched, -np.log(np.maximum(truth, 1e-12))

    matched, known_losses = outcome(photos.known)
    first = photos.known.right == 0
    rates: list[float | None] = []
    rest: list[float] = []
    for scores in (photos.left_out, photos.unknown):
        if scores is None:
            rates.append(None)
            continue
        accepted, lost = outcome(scores)
        rates.append(float(accepted.mean()))
        rest.append(float(lost.mean()))
    return Judgement(
        right=float((matched & first).mean()),
        wrong=float((matched & ~first).mean()),
        same_shelf=rates[0],
        unknown=rates[1],
        log_loss=float(np.mean([known_losses.mean(), *([np.mean(rest)] if rest else [])])),
    )


def mean_judgement(judgements: Sequence[Judgement]) -> Judgement:
    """The mean of each figure over the judgements that have it."""

    def mean(values: Sequence[float | None]) -> float | None:
        given = [value for value in values if value is not None]
        return float(np.mean(given)) if given else None

    return Judgement(
        right=float(np.mean([part.right for part in judgements])),
        wrong=float(np.mean([part.wrong for part in judgements])),
        same_shelf=mean([part.same_shelf for part in judgements]),
        unknown=mean([part.unknown for part in judgements]),
        log_loss=float(np.mean([part.log_loss for part in judgements])),
    )
