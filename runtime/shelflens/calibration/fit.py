"""From scored photos to a posterior and the least probability of a match."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.scores import ScoredPhotos, Scores
from shelflens.calibration.thresholds import OWN_PRIOR, PRIOR, Threshold, threshold_for
from shelflens.catalog.answer import MIN_UNKNOWN
from shelflens.catalog.calibration import MEASURED, Calibration, Measurement
from shelflens.catalog.posterior import Posterior, closeness, second_closeness
from shelflens.errors import CatalogError

FALSE_ACCEPT_RATE = 0.01
"""Target share of unknown things that are answered with a product."""

UNKNOWN_SHARE = 0.5
"""Share of unknown things among the photos that the confidence is made for."""

SAME_SHELF_FACTOR = 5
"""Products of the same shelf that are not enrolled may be answered `match` so much more often than
unknown things: a variant of what is enrolled is not told apart by a photo alone."""

PRIOR_ERRORS = (4.0, 3.0, 3.0)
"""Standard deviations, over shops, of concentration, offset and second about their default's."""

STEEPNESS = 2.5
"""Rise of `closeness` per unit of score, at 0.75."""

MIN_PROBABILITIES = (0.5, 0.995)
"""Range of the least probability of a match."""

_NEWTON_STEPS = 25


def fit_calibration(
    photos: ScoredPhotos,
    *,
    false_accept_rate: float = FALSE_ACCEPT_RATE,
    unknown_share: float = UNKNOWN_SHARE,
    default: Calibration | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration that the photos suggest, drawn towards a default; see `calibrate`.

    Raises:
        CatalogError: neither products left out nor unknown things.
    """
    default = default or Calibration()
    groups = photos.not_enrolled
    if not groups:
        raise CatalogError("calibration: expected unknown things, or products to leave out")
    posterior = fit_posterior(photos.known, groups, unknown_share, default.posterior)
    threshold = _threshold(photos, posterior, false_accept_rate, default.min_probability, seed)
    min_probability = _probability(threshold.value, posterior)
    probabilities = posterior.probabilities(photos.known.scores, photos.products)
    matched = (probabilities[:, 0] >= min_probability) & (probabilities[:, -1] <= MIN_UNKNOWN)
    right = photos.known.right == 0
    low, high = (_probability(value, posterior) for value in threshold.interval)
    low_rate, high_rate = threshold.false_accept_rate_interval
    return Calibration(
        posterior=posterior,
        min_probability=round(min_probability, 4),
        basis=MEASURED,
        measurement=Measurement(
            min_probability_interval=(round(low, 4), round(high, 4)),
            false_accept_rate=(
                same_shelf_rate(false_accept_rate) if photos.unknown is None else false_accept_rate
            ),
            measured_false_accept_rate=round(threshold.false_accept_rate, 4),
            false_accept_rate_interval=(round(low_rate, 4), round(high_rate, 4)),
            weight=round(threshold.weight, 3),
            accepted=round(float((probabilities[:, -1] <= MIN_UNKNOWN).mean()), 4),
            matched=round(float(matched.mean()), 4),
            matched_right=round(float(right[matched].mean()), 4) if matched.any() else None,
            unknown_share=unknown_share,
            queries=len(photos.known),
            unknowns=len(photos.unknown) if photos.unknown is not None else 0,
            products=photos.products,
            rows=photos.rows,
        ),
        threshold=default.threshold,
        view_similarity=default.view_similarity,
    )


def same_shelf_rate(rate: float) -> float:
    """The target for products of the same shelf, from that for unknown things."""
    return min(SAME_SHELF_FACTOR * rate, 0.5)


def fit_posterior(
    known: Scores, not_enrolled: Sequence[Scores], unknown_share: float, default: Posterior
) -> Posterior:
    """Concentration, offset and second of largest posterior density, by Newton's method.

    The logarithm of the likelihood is concave in them; so is that of the normal prior about the
    default. The slope in the catalog's size stays the default's: one shop says nothing of it. A
    `second` out of its range is held at the end of it. Known photos and the groups of others weigh
    `1 - unknown_share` and
    `unknown_share` of as many photos as there are, the groups alike.

    Args:
        known: Photos of enrolled products.
        not_enrolled: One or more groups of photos whose products are not.
        unknown_share: Share of these among the photos asked about later.
        default: The centre of the prior.
    """
    total = len(known) + sum(map(len, not_enrolled))
    shares = [1 - unknown_share, *[unknown_share / len(not_enrolled)] * len(not_enrolled)]
    groups = [
        (group, share * total / len(group))
        for group, share in zip((known, *not_enrolled), shares, strict=True)
        if len(group)
    ]
    value = _fitted(groups, default, np.ones(3, bool))
    if not 0 <= value[2] <= value[0] - 1:
        bound = replace(default, second=0.0 if value[2] < 0 else default.second)
        value = _fitted(groups, bound, np.array([True, True, False]))
    return _with(default, np.round(value, 4))


def _fitted(
    groups: Sequence[tuple[Scores, float]], start: Posterior, free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The three coefficients, float64 [3]; those that are not free stay the start's."""
    centre = np.array([start.concentration, start.offset, start.second])
    precision = np.diag(1 / np.square(PRIOR_ERRORS))
    value = centre.copy()
    for _ in range(_NEWTON_STEPS):
        gradient, curvature = precision @ (value - centre), precision.copy()
        for scores, weight in groups:
            slope, bend = _derivatives(scores, _with(start, value))
            gradient += weight * slope
            curvature += weight * bend
        step = np.zeros(3)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        # A step too long for the quadratic model.
        step *= min(1.0, 2.0 / float(np.abs(step).max() + 1e-12))
        before, value = value, value - step
        value[0] = max(value[0], (start.second if not free[2] else 0.0) + 1.0)
        if np.abs(value - before).max() < 1e-6:
            break
    return value


def _with(default: Posterior, value: NDArray[np.float64]) -> Posterior:
    concentration, offset, second = map(float, value)
    return replace(default, concentration=concentration, offset=offset, second=second)


def _derivatives(
    scores: Scores, posterior: Posterior
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient [3] and Hessian [3, 3] of the negative log likelihood, summed over the photos."""
    shares = posterior.probabilities(scores.scores, scores.products)
    # Of a product's log weight: its closeness; of "not enrolled": the offset, and the second's.
    inputs = np.zeros((*shares.shape, 3))
    near = closeness(scores.scores)
    inputs[:, :-1, 0] = np.where(np.isfinite(near), near, 0)
    inputs[:, -1, 1] = 1
    inputs[:, -1, 2] = second_closeness(scores.scores)
    mean = np.einsum("mc,mci->mi", shares, inputs)
    gradient = (mean - inputs[np.arange(len(scores)), scores.right]).sum(axis=0)
    second = np.einsum("mc,mci,mcj->ij", shares, inputs, inputs)
    return gradient, second - np.einsum("mi,mj->ij", mean, mean)


def evidence(scores: Scores, posterior: Posterior) -> NDArray[np.float64]:
    """Log odds of the first product, in units of score: float64 [m]."""
    weights = posterior.log_weights(scores.scores, scores.products)
    rest = weights[:, 1:]
    peak = rest.max(axis=1)
    log_rest = peak + np.log(np.exp(rest - peak[:, np.newaxis]).sum(axis=1))
    odds: NDArray[np.float64] = (weights[:, 0] - log_rest) / _rise(posterior)
    return odds


def _rise(posterior: Posterior) -> float:
    """Log odds per unit of score."""
    return posterior.concentration * STEEPNESS


def _threshold(
    photos: ScoredPhotos, posterior: Posterior, rate: float, default: float, seed: int
) -> Threshold:
    """From the model to this catalog's products, from these to what it will be shown."""
    value = math.log(default / (1 - default)) / _rise(posterior)
    groups = photos.not_enrolled
    shelf = (groups[0] if photos.left_out is not None else None, PRIOR, same_shelf_rate(rate))
    unknown = (photos.unknown, PRIOR if photos.left_out is None else OWN_PRIOR, rate)
    for group, prior, target in (shelf, unknown):
        if group is None:
            continue
        threshold = threshold_for(
            evidence(group, posterior),
            group.labels,
            false_accept_rate=target,
            default=value,
            prior=prior,
            seed=seed,
        )
        value = threshold.value
    return threshold


def _probability(value: float, posterior: Posterior) -> float:
    """The probability that evidence stands for, in the range of the least one of a match."""
    odds = min(max(value * _rise(posterior), -30.0), 30.0)
    low, high = MIN_PROBABILITIES
    return min(max(1 / (1 + math.exp(-odds)), low), high)
