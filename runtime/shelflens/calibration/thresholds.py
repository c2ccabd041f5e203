"""Estimating a threshold and a margin from few or many scores, with how sure they are.

Photos of one thing score alike, so a thousand photos of twenty things are nearer to twenty
observations than to a thousand: errors are told by resampling kinds of things, not photos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL, LEAST_TAIL = 0.1, 10
"""The threshold is extrapolated from the highest tenth of the strangers' scores, ten at least."""

EXCESS, EXCESS_SCORES = 0.05, 2
"""Mean excess without scores, and how many scores it is worth: two alike prove no short tail."""

PRIOR = 0.15
"""Standard deviation of catalogs' true thresholds about their model's default. Catalogs with one
and with 30 pictures a product differ by about as much."""

OWN_PRIOR = 0.08
"""The same about what the catalog's own products say, each left out in turn: that knows how many
pictures they have, and how alike they are."""

PHOTO = 0.3
"""Standard error of a threshold from a single photo; falls with the root of their number. What
resampling says of few photos is too small."""

FEW_KINDS = 5
"""Below this many kinds of things, each photo counts as a kind of its own."""

LEVELS = (0.7, 0.5, 0.35, 0.25, 0.18, 0.12)
"""Parts of the target that are aimed at, one after the other, until kinds of things that were not
measured keep the target."""

HIGHEST = 0.999
"""A threshold above every possible score would answer `unknown` to the enrolled picture itself."""

RESAMPLES = 200

MARGIN_PHOTOS = 50
"""Photos that the default margin is worth."""

MOST_MARGIN = 0.15
"""More than this apart is no look-alike, whatever a few photos say."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and how sure it is."""

    value: float
    interval: tuple[float, float]
    """Of the value, 95 %."""
    far: float
    """Share of strangers accepted, each kind judged by the threshold measured on the others, before
    the default is mixed in."""
    far_interval: tuple[float, float]
    """Of `far`, 95 %."""
    weight: float
    """Of the photos, 0 to 1; the rest is the default's."""


def threshold_for(
    scores: Floats,
    kinds: Sequence[str],
    *,
    far: float,
    default: float,
    prior: float = PRIOR,
    seed: int = 0,
) -> Threshold:
    """The score that a share `far` of strangers reaches, drawn towards a default.

    A threshold that keeps the rate for the kinds of things it was measured on lets in more of
    others. So each kind is judged by the threshold measured on the rest, and a lower share is
    aimed at until the rate of these is `far`. (Grocery's train and validation photos, eight
    set-ups, target 0.010: other kinds are let in at 0.014 without this, at 0.011 with it.)

    The estimate's error comes from resampling kinds (cluster bootstrap); estimate and default are
    weighed by their precision (normal prior, normal error).

    Args:
        scores: float64 [m], best score of each photo of a thing that is not enrolled.
        kinds: What each photo shows, m names.
        far: Target share of false accepts, above 0.
        default: The threshold without photos.
        prior: Standard deviation of the true threshold about it.
        seed: For the resampling.
    """
    groups = _groups(kinds)
    sizes = np.array([len(one) for one in groups])
    level = far
    accepted = _accepted_anew(scores, groups, level)
    for lower in far * np.array(LEVELS):
        before = accepted.sum() / len(scores)
        if before <= far:
            break
        lowered = _accepted_anew(scores, groups, float(lower))
        after = lowered.sum() / len(scores)
        # Between two levels, where the rate would be `far`.
        part = (before - far) / (before - after) if after < far else 1.0
        level = float(level ** (1 - part) * lower**part)
        accepted = lowered if after >= far else _accepted_anew(scores, groups, level)
        if after <= far:
            break
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        some = generator.integers(0, len(groups), len(groups))
        drawn.append(tail_quantile(scores[np.concatenate([groups[n] for n in some])], level))
    error = max(float(np.std(drawn)), PHOTO / math.sqrt(len(scores)))
    weight = prior**2 / (prior**2 + error**2)
    value = weight * tail_quantile(scores, level) + (1 - weight) * default
    half = 1.96 * math.sqrt(weight) * error
    return Threshold(
        min(value, HIGHEST),
        (value - half, min(value + half, 1.0)),
        float(accepted.sum() / len(scores)),
        share_interval(accepted, sizes, seed=seed),
        weight,
    )


def tail_quantile(scores: Floats, far: float) -> float:
    """The score that a share `far` of the population exceeds, also where the sample has none.

    What exceeds a high score does so by an exponentially distributed amount (peaks over threshold,
    Pickands 1975, with shape zero); the mean excess of the highest tenth gives the rest. One of
    the scores when far is larger than that tenth.

    Args:
        scores: float64 [m], at least one.
        far: Share, above 0.
    """
    ordered = np.sort(scores)[::-1]
    count = min(max(math.ceil(TAIL * len(ordered)), LEAST_TAIL), len(ordered) - 1)
    reached = max(count, 1) / len(ordered)
    if far >= reached:
        return float(ordered[min(int(far * len(ordered)), len(ordered) - 1)])
    base = float(ordered[count])
    excess = float(np.sum(ordered[:count] - base)) + EXCESS * EXCESS_SCORES
    return base + excess / (count + EXCESS_SCORES) * math.log(reached / far)


def share_interval(
    hits: NDArray[np.floating], sizes: NDArray[np.integer], *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a share measured on kinds of things: hits and photos of each, [g].

    The wider of two: kinds resampled, and Wilson's (1927) for independent photos, which says
    something when no photo hit.
    """
    n, z = float(sizes.sum()), 1.96
    share = float(hits.sum()) / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    drawn = np.random.default_rng(seed).integers(0, len(sizes), (RESAMPLES * 5, len(sizes)))
    low, high = np.quantile(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return max(0.0, min(middle - half, float(low))), min(1.0, max(middle + half, float(high)))


def margin_for(
    leads: Floats, right: NDArray[np.bool_], *, precision: float, default: float
) -> float:
    """The least lead from which the first products are right in a share `precision`.

    Args:
        leads: float64 [m], lead over the second product of each accepted photo of enrolled things.
        right: bool [m], whether the first product was right.
        precision: Target.
        default: The margin without photos; it is worth `MARGIN_PHOTOS` of them.
    """
    count = len(leads)
    if not count:
        return default
    order = np.argsort(-leads, kind="stable")
    # Half a wrong photo more than seen: none wrong of three proves nothing.
    wrong = (np.cumsum(~right[order]) + 0.5) / (np.arange(count) + 1.5)
    good = np.flatnonzero(wrong <= 1 - precision)
    if len(good) and good[-1] == count - 1:
        measured = 0.0
    elif len(good):
        measured = float(leads[order[good[-1]]])
    elif count * (1 - precision) < 1:
        measured = default
    else:
        measured = MOST_MARGIN
    weight = count / (count + MARGIN_PHOTOS)
    return weight * min(measured, MOST_MARGIN) + (1 - weight) * default


def _groups(kinds: Sequence[str]) -> list[NDArray[np.int64]]:
    """Where the photos of each kind stand."""
    _, numbers = np.unique(np.asarray(kinds), return_inverse=True)
    if numbers.max() + 1 < FEW_KINDS:
        return list(np.arange(len(kinds))[:, np.newaxis])
    return [np.flatnonzero(numbers == n) for n in range(int(numbers.max()) + 1)]


def _accepted_anew(
    scores: Floats, groups: list[NDArray[np.int64]], level: float
) -> NDArray[np.float64]:
    """How many photos of each kind reach the quantile measured on the other kinds, [g]."""
    accepted = np.zeros(len(groups))
    for number, group in enumerate(groups):
        rest = np.ones(len(scores), bool)
        rest[group] = False
        if rest.any():
            accepted[number] = (scores[group] >= tail_quantile(scores[rest], level)).sum()
    return accepted
