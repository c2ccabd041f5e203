"""What a rule of decision is worth in one domain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shops import rules
from benchmarks.quality.shops.episodes import ELSEWHERE, KNOWN, SAME_SHELF, Photos, weights
from benchmarks.quality.shops.fit import Fitted
from benchmarks.quality.shops.rules import Decisions
from shelflens.catalog.answer import Match, decide
from shelflens.catalog.calibration import Calibration

BINS = 10
Rule = Callable[[Photos], Decisions]
Floats = NDArray[np.float64]


def of_posterior(
    asked: Mapping[str, list[Photos]], fitted: Mapping[str, Fitted], minimum: float
) -> dict[str, dict[str, Any]]:
    """By domain, all figures of the posterior fitted for it, `match` from a least probability."""
    return {
        name: of_domain(photos, partial(rules.posterior, fitted=fitted[name], minimum=minimum))
        for name, photos in asked.items()
    }


def of_domain(parts: list[Photos], rule: Rule) -> dict[str, Any]:
    """All figures of one rule; shares are weighted (`episodes.weights`)."""
    decisions = [rule(part) for part in parts]
    match, unknown = (
        np.concatenate([getattr(part, name) for part in decisions]) for name in ("match", "unknown")
    )
    confidence = np.concatenate([part.confidence for part in decisions])
    group = np.concatenate([part.group for part in parts])
    first = np.concatenate([part.scores.scores[:, 0] for part in parts])
    right = np.concatenate([part.scores.right == 0 for part in parts])
    weight = weights(parts)

    def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
        total = float(weight[among].sum())
        return float(weight[of & among].sum()) / total if total else None

    known, everything = group == KNOWN, np.ones(len(group), bool)
    answered = share(match & right, known) or 0.0
    oracle = _oracle(first, right, known, weight, float(weight[match & ~known].sum()))
    bins = reliability(confidence, right, weight)
    return {
        "recall@1": share(right, known),
        "match right": share(right, match),
        "same shelf: match": share(match, group == SAME_SHELF),
        "elsewhere: match": share(match, group == ELSEWHERE),
        "enrolled: match, right": answered,
        "oracle": oracle,
        "of oracle": answered / oracle if oracle else None,
        "enrolled: unknown": share(unknown, known),
        "unknown, first right": share(right, known & unknown),
        "same shelf: unknown": share(unknown, group == SAME_SHELF),
        "elsewhere: unknown": share(unknown, group == ELSEWHERE),
        "ece": sum(item["share"] * abs(item["confidence"] - item["right"]) for item in bins),
        "all: match": share(match, everything),
        "bins": bins,
    }


def mean(domains: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of each figure, over the domains that have it."""
    first = next(iter(domains.values()))
    return {
        key: float(np.mean([row[key] for row in domains.values() if row[key] is not None]))
        for key in first
        if key != "bins"
    }


def _oracle(
    first: Floats,
    right: NDArray[np.bool_],
    known: NDArray[np.bool_],
    weight: Floats,
    accepts: float,
) -> float:
    """Share of enrolled photos above the threshold on the first score that accepts as many of the
    rest, and right."""
    order = np.argsort(-first[~known])
    passed = int(np.searchsorted(np.cumsum(weight[~known][order]), accepts, side="right"))
    limit = first[~known][order][min(passed, len(order) - 1)]
    total = float(weight[known].sum())
    return float(weight[known & right & (first > limit)].sum()) / total


def reliability(
    confidence: Floats, right: NDArray[np.bool_], weight: Floats
) -> list[dict[str, float]]:
    """Per bin of confidence that has photos: share of the photos, mean confidence, share right."""
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found = []
    for number in np.unique(index):
        inside = index == number
        total = float(weight[inside].sum())
        found.append(
            {
                "share": total / float(weight.sum()),
                "confidence": float(weight[inside] @ confidence[inside]) / total,
                "right": float(weight[inside] @ right[inside]) / total,
            }
        )
    return found


def decision_time(products: int = 100_000, repeats: int = 2000) -> dict[str, Any]:
    """Microseconds per call of `decide`, median: the matches of a catalog of this size."""
    scores = np.linspace(0.9, 0.5, 10)
    matches = [Match(f"p{index}", f"p{index}", float(s)) for index, s in enumerate(scores)]
    calibration, spent = Calibration(), []
    for _ in range(repeats):
        start = time.perf_counter()
        decide(matches, products, calibration)
        spent.append((time.perf_counter() - start) * 1e6)
    return {"products": products, "median": float(np.median(spent))}
