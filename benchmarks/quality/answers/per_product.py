"""Would a threshold for each product do better? Enrolled photos accepted at 1 % false accepts.

A product's threshold is the global one plus an offset, learned from the calibration photos: by its
own unknowns (mean score of those that came to it, shrunk towards the mean of all as by 20 photos),
or by what its rows say (similarity to the nearest product; how far its rows spread), weighed by a
logistic regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.answers.figures import mean
from benchmarks.quality.answers.trials import Trial
from shelflens import Catalog, Match
from shelflens.calibration.logistic import fit_logistic

First = tuple[NDArray[np.int64], NDArray[np.float64]]
"""The first product's index and score, for each photo."""


def per_product(trials: Sequence[Trial]) -> dict[str, Any]:
    """`accepted`, mean over the seeds, and in how many seeds it is better than `global`."""
    shares: dict[str, list[float]] = {}
    for trial in trials:
        judged = [
            firsts(trial.matches[f"{name} judged"], trial.catalog) for name in ("known", "unknown")
        ]
        for name, offset in offsets_of(trial).items():
            known, new = (score - offset[index] for index, score in judged)
            shares.setdefault(name, []).append(mean(known > np.quantile(new, 0.99)))
    base = shares["global"]
    return {
        name: {
            "accepted": mean(values),
            "better": sum(a > b for a, b in zip(values, base, strict=True)),
        }
        for name, values in shares.items()
    }


def offsets_of(trial: Trial) -> dict[str, NDArray[np.float64]]:
    """Of each product's threshold to the global one, by what they are learned from."""
    catalog = trial.catalog
    count = len(catalog)
    directions = np.stack([catalog.mean_direction(n) for n in range(count)])
    near = directions @ directions.T - 2 * np.eye(count)
    means = [catalog.vectors_of(catalog.rows_of(n)).mean(axis=0) for n in range(count)]
    traits = {
        "nearest product": near.max(axis=1).astype(np.float64),
        "spread": np.linalg.norm(np.stack(means), axis=1).astype(np.float64),
    }
    sets = [
        firsts([catalog.match(vector, 1) for vector in trial.photos(name)[0]], catalog)
        for name in ("known", "unknown")
    ]
    indices, scores = sets[1]
    counts = np.bincount(indices, minlength=count)
    sums = np.bincount(indices, scores - scores.mean(), minlength=count)
    offsets = {"global": np.zeros(count), "own unknowns": sums / (counts + 20)}
    for name, trait in traits.items():
        offsets[name] = slope(sets, trait) * (trait - trait.mean())
    return offsets


def firsts(matches: Sequence[Sequence[Match]], catalog: Catalog) -> First:
    """From the matches of each photo."""
    index = {product_id: n for n, product_id in enumerate(catalog.ids)}
    return (
        np.array([index[found[0].id] for found in matches]),
        np.array([found[0].score for found in matches]),
    )


def slope(sets: Sequence[First], trait: NDArray[np.float64]) -> float:
    """How much higher a product's threshold is for each unit of a trait."""
    inputs = np.concatenate(
        [np.stack([np.ones(len(s)), s, trait[index]], axis=1) for index, s in sets]
    )
    right = np.repeat([1.0, 0.0], [len(scores) for _, scores in sets])
    _, of_score, of_trait = fit_logistic(inputs, right)
    return float(-of_trait / max(of_score, 1e-6))
