"""Queries tried as further images of the catalog, judged by queries that did not choose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import FOLDS, Trial, compare, folds

Choice = Callable[[Sequence[QueryResult]], Sequence[QueryResult]]
"""From queries to those of them that are worth enrolling."""


def found_with(
    catalog: Catalog, results: Sequence[QueryResult], choose: Choice
) -> NDArray[np.bool_]:
    """Whether each query is found when what the other parts' queries choose is enrolled: bool [n].

    Views of an adapted catalog's new images are not made (`catalog.enrol.with_views`).

    Args:
        catalog: Of the results.
        results: Queries of enrolled products, [n].
        choose: Called with the queries of all parts but one, for each part.
    """
    after = np.array([result.found for result in results], np.bool_)
    parts = folds([result.item.product for result in results])
    for part in range(FOLDS):
        judged = np.flatnonzero(parts == part).tolist()
        chosen = choose([results[index] for index in np.flatnonzero(parts != part).tolist()])
        if chosen:
            grown = with_enrolled(catalog, chosen)
            after[judged] = _found_in(grown, [results[index] for index in judged])
    return after


def enrolment(
    catalog: Catalog,
    results: Sequence[QueryResult],
    unknowns: Sequence[QueryResult],
    choose: Choice,
) -> tuple[Trial | None, NDArray[np.bool_]]:
    """What enrolling the chosen queries does, and whether each query is found then.

    Returns:
        The trial, None where nothing is chosen or more unknown things are answered `match` than
        noise explains; and bool [n].
    """
    before = np.array([result.found for result in results], np.bool_)
    if not (chosen := choose(results)):
        return None, before
    after = found_with(catalog, results, choose)
    found = compare(before, after)
    if unknowns:
        grown = with_enrolled(catalog, chosen)
        refused = np.array([result.decision != "match" for result in unknowns])
        asked = grown.answer_many([result.vector for result in unknowns])
        still = np.array([answer.decision != "match" for answer in asked])
        rejected = compare(refused, still)
        if rejected is not None and rejected.harms:
            return None, after
    return found, after


def with_enrolled(catalog: Catalog, results: Sequence[QueryResult]) -> Catalog:
    """The catalog with these queries as further images of their products."""
    if not results:
        return catalog
    products = [result.item.product for result in results]
    return catalog.add(products, np.stack([result.vector for result in results]))


def _found_in(catalog: Catalog, results: Sequence[QueryResult]) -> list[bool]:
    """Whether another catalog finds each query."""
    found = catalog.answer_many([result.vector for result in results])
    return [
        answer.decision != "unknown" and answer.matches[0].id == result.item.product
        for answer, result in zip(found, results, strict=True)
    ]
