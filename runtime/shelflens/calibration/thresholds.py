"""Estimating a threshold and a margin from few or many scores, with their errors.

Photos of one thing score alike, so a thousand photos of twenty things are nearer to twenty
observations than to a thousand: errors come from resampling things, not photos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL, MIN_TAIL = 0.1, 10
"""The threshold is extrapolated from the highest tenth of the unknown things' scores, from ten at
least."""

EXCESS, EXCESS_SCORES = 0.05, 2
"""Mean excess without scores, and how many scores it is worth: two equal scores prove nothing."""

PRIOR = 0.15
"""Standard deviation of catalogs' true thresholds about their model's default. Catalogs with one
and with 30 rows per product differ by about as much."""

OWN_PRIOR = 0.12
"""The same about what the catalog's own products say, each left out in turn: that reflects how many
rows they have, and how alike they are. With 0.08, twice as many strangers of the shelf are
accepted as asked (Grocery, target 0.01: 0.020; with 0.12, 0.012)."""

PHOTO = 0.3
"""Standard error of a threshold from a single photo; falls with the root of their number. What
resampling says of few photos is too small."""

MIN_GROUPS = 5
"""With fewer things than this, each photo counts as a thing of its own."""

LEVELS = (0.7, 0.5, 0.35, 0.25, 0.18, 0.12)
"""Parts of the target that are aimed at, one after the other, until things that were not measured
keep the target."""

HIGHEST = 0.999
"""A threshold above every possible score would answer `unknown` to the enrolled picture itself."""

RESAMPLES = 200


@dataclass(frozen=True)
class Threshold:
    """A threshold and its error."""

    value: float
    interval: tuple[float, float]
    """Of the value, 95 %."""
    false_accept_rate: float
    """Share of unknown things accepted, each judged by the threshold measured on the rest, before
    the default is mixed in."""
    false_accept_rate_interval: tuple[float, float]
    """Of that rate, 95 %."""
    weight: float
    """Of the photos, 0 to 1; the rest is the default's."""


def threshold_for(
    scores: Floats,
    labels: Sequence[str],
    *,
    false_accept_rate: float,
    default: float,
    prior: float = PRIOR,
    seed: int = 0,
) -> Threshold:
    """The score that a given share of unknown things reaches, drawn towards a default.

    A threshold that keeps the rate for the things it was measured on accepts more of those it was
    not. So each thing is judged by the threshold measured on the rest, and a lower share is aimed
    at until the rate of these is the target.

    The estimate's error comes from resampling things (cluster bootstrap); estimate and default are
    weighed by their precision (normal prior, normal error).

    Args:
        scores: float64 [m], best score of each photo of a thing that is not enrolled.
        labels: What each photo shows, m names.
        false_accept_rate: Target share of false accepts, above 0.
        default: The threshold without photos.
        prior: Standard deviation of the true threshold about it.
        seed: For the resampling.
    """
    groups = _groups(labels)
    level, accepted = _level_for(scores, groups, false_accept_rate)
    generator = np.random.default_rng(seed)
    quantiles = []
    for _ in range(RESAMPLES):
        sample = generator.integers(0, len(groups), len(groups))
        quantiles.append(tail_quantile(scores[np.concatenate([groups[n] for n in sample])], level))
    error = max(float(np.std(quantiles)), PHOTO / math.sqrt(len(scores)))
    weight = prior**2 / (prior**2 + error**2)
    value = weight * tail_quantile(scores, level) + (1 - weight) * default
    half = 1.96 * math.sqrt(weight) * error
    sizes = np.array([len(group) for group in groups])
    return Threshold(
        min(value, HIGHEST),
        (value - half, min(value + half, 1.0)),
        float(accepted.sum() / len(scores)),
        share_interval(accepted, sizes, seed=seed),
        weight,
    )


def tail_quantile(scores: Floats, share: float) -> float:
    """The score that a share of the population exceeds, also where the sample has none.

    What exceeds a high score does so by an exponentially distributed amount (peaks over threshold,
    Pickands 1975, with shape zero); the mean excess of the highest tenth gives the rest. One of
    the scores when the share is larger than that tenth.

    Args:
        scores: float64 [m], at least one.
        share: Above 0.
    """
    return _tail_quantile(np.sort(scores), share)


def _tail_quantile(rising: Floats, share: float) -> float:
    """`tail_quantile` of scores that are sorted."""
    ordered = rising[::-1]
    count = min(max(math.ceil(TAIL * len(ordered)), MIN_TAIL), len(ordered) - 1)
    reached = max(count, 1) / len(ordered)
    if share >= reached:
        return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])
    base = float(ordered[count])
    excess = float(np.sum(ordered[:count] - base)) + EXCESS * EXCESS_SCORES
    return base + excess / (count + EXCESS_SCORES) * math.log(reached / share)


def share_interval(
    hits: NDArray[np.floating], sizes: NDArray[np.integer], *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a share measured on g things: hits and photos of each, [g].

    The wider of two: things resampled, and Wilson's (1927) for independent photos, which says
    something when no photo hit.
    """
    n, z = float(sizes.sum()), 1.96
    share = float(hits.sum()) / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    sample = np.random.default_rng(seed).integers(0, len(sizes), (RESAMPLES * 5, len(sizes)))
    low, high = np.quantile(hits[sample].sum(axis=1) / sizes[sample].sum(axis=1), [0.025, 0.975])
    return max(0.0, min(middle - half, float(low))), min(1.0, max(middle + half, float(high)))


def _groups(labels: Sequence[str]) -> list[NDArray[np.int64]]:
    """The indices of the photos of each thing."""
    _, owners = np.unique(np.asarray(labels), return_inverse=True)
    if owners.max() + 1 < MIN_GROUPS:
        return list(np.arange(len(labels))[:, np.newaxis])
    return [np.flatnonzero(owners == n) for n in range(int(owners.max()) + 1)]


def _level_for(
    scores: Floats, groups: list[NDArray[np.int64]], target: float
) -> tuple[float, NDArray[np.float64]]:
    """The share to aim at for a target rate, and how many photos of each thing it accepts, [g]."""
    level, accepted = target, _accepted_anew(scores, groups, target)
    for lower in target * np.array(LEVELS):
        before = accepted.sum() / len(scores)
        if before <= target:
            break
        lowered = _accepted_anew(scores, groups, float(lower))
        after = lowered.sum() / len(scores)
        # Between two levels, where the rate would be the target.
        part = (before - target) / (before - after) if after < target else 1.0
        level = float(level ** (1 - part) * lower**part)
        accepted = lowered if after >= target else _accepted_anew(scores, groups, level)
        if after <= target:
            break
    return level, accepted


def _accepted_anew(
    scores: Floats, groups: list[NDArray[np.int64]], level: float
) -> NDArray[np.float64]:
    """How many photos of each thing reach the quantile measured on the rest, [g]."""
    accepted = np.zeros(len(groups))
    order = np.argsort(scores, kind="stable")
    rising, ranks = scores[order], np.argsort(order, kind="stable")
    for index, group in enumerate(groups):
        if len(group) < len(scores):
            rest = np.delete(rising, ranks[group])
            accepted[index] = (scores[group] >= _tail_quantile(rest, level)).sum()
    return accepted
