"""What would help with confused products, tried on queries that did not name them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.findings.confusion_pairs import Remedy, confusion_pairs, mean_directions
from shelflens.evaluation.findings.enrolled_photos import enrolment
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import FOLDS, Trial, compare, folds

MAX_ENROLLED = 3
"""Queries of each product of a pair that are tried as further images."""


def pair_trials(
    catalog: Catalog, results: Sequence[QueryResult], unknowns: Sequence[QueryResult]
) -> dict[Remedy, Trial | None]:
    """A trial of each remedy; None where no pair asks for it."""
    photographed: tuple[Remedy, ...] = ("tell apart", "more photos")
    directions = mean_directions(catalog)
    found: dict[Remedy, Trial | None] = {"merge": _merged(catalog, directions, results)}
    for remedy in photographed:
        choose = partial(_further, catalog, directions, remedy)
        found[remedy], _ = enrolment(catalog, results, unknowns, choose)
    return found


def _pairs(
    catalog: Catalog,
    directions: NDArray[np.float32],
    results: Sequence[QueryResult],
    remedy: Remedy,
) -> list[tuple[str, str]]:
    pairs = confusion_pairs(catalog, results, directions=directions, closest=False)
    return [(pair.first, pair.second) for pair in pairs if pair.remedy == remedy]


def _further(
    catalog: Catalog,
    directions: NDArray[np.float32],
    remedy: Remedy,
    results: Sequence[QueryResult],
) -> list[QueryResult]:
    """Up to three queries of each product of such a pair; of the confused one alone, where photos
    of it are what is missing."""
    pairs = _pairs(catalog, directions, results, remedy)
    products = {product for pair in pairs for product in pair[: 1 + (remedy == "tell apart")]}
    chosen = []
    for product in sorted(products):
        group = [result for result in results if result.item.product == product]
        spread = np.linspace(0, len(group) - 1, min(MAX_ENROLLED, len(group))).round().astype(int)
        chosen += [group[index] for index in np.unique(spread)]
    return chosen


def _merged(
    catalog: Catalog, directions: NDArray[np.float32], results: Sequence[QueryResult]
) -> Trial | None:
    """Queries of the products of such pairs: right first, and right or its partner first."""
    parts = folds([result.item.product for result in results])
    before: list[bool] = []
    after: list[bool] = []
    for part in range(FOLDS):
        learnt = [results[index] for index in np.flatnonzero(parts != part).tolist()]
        partners: dict[str, set[str]] = {}
        for first, second in _pairs(catalog, directions, learnt, "merge") if learnt else []:
            partners.setdefault(first, set()).add(second)
            partners.setdefault(second, set()).add(first)
        for index in np.flatnonzero(parts == part).tolist():
            result = results[index]
            if (same := partners.get(result.item.product)) is not None:
                before.append(result.right)
                after.append(result.right or result.first.id in same)
    return compare(np.array(before, np.bool_), np.array(after, np.bool_))
