"""What cannot be measured is refused, and what makes the figures doubtful is said."""

from __future__ import annotations

from collections.abc import Sequence

from shelflens.errors import CatalogError, DataError
from shelflens.evaluation.measure.query_results import QueryResult

SAME_IMAGE = 0.9995
"""Cosine similarity from which a query is an enrolled image itself; rows are rounded to int8."""


def check_labels(ids: Sequence[str], queries: Sequence[str], unknowns: Sequence[str]) -> None:
    """Refuse what cannot be measured, before minutes are spent on embedding.

    Args:
        ids: The enrolled products.
        queries: The products of the queries, one or more.
        unknowns: The labels of the unknown things.

    Raises:
        CatalogError: one product or none.
        DataError: not one query shows an enrolled product; an unknown one is enrolled.
    """
    enrolled = set(ids)
    if len(enrolled) < 2:
        raise CatalogError(
            f"the catalog has {len(enrolled)} product{'s' * (not enrolled)}; evaluate needs at "
            "least two, or every photo is right"
        )
    if not enrolled.intersection(queries):
        raise DataError(
            f"queries: none of their products ({queries[0]!r}, ...) is enrolled "
            f"({ids[0]!r}, ...); the product column or folder must be the catalog's ids"
        )
    if both := sorted(enrolled.intersection(unknowns)):
        raise DataError(
            f"unknowns: product {both[0]!r} is enrolled, so its photos are not of an unknown "
            "thing; take them out of --unknowns, or the product out of the catalog"
        )


def check_scores(results: Sequence[QueryResult]) -> None:
    """Refuse scores that say nothing.

    Raises:
        DataError: all are the same.
    """
    scores = [match.score for result in results for match in result.matches]
    if max(scores) - min(scores) < 1e-6:
        raise DataError(
            f"queries: every photo has the score {scores[0]:.3f} with every product; are they "
            "blank, or is the model untrained? There is nothing to measure"
        )


def notices(
    results: Sequence[QueryResult],
    not_enrolled: Sequence[QueryResult],
    *,
    counted: bool,
    copies: int,
) -> list[str]:
    """What a reader of the figures must know.

    Args:
        results: Queries of enrolled products.
        not_enrolled: Labelled queries of other products.
        counted: Whether these count as unknowns.
        copies: Queries that are known to be images of the catalog.
    """
    found = []
    if not_enrolled:
        names = list(dict.fromkeys(result.item.product for result in not_enrolled))
        count = len(not_enrolled)
        photos = f"{count} photos show" if count > 1 else "1 photo shows"
        found.append(
            f"{photos} products that are not in the catalog ({', '.join(names[:3])}"
            f"{', ...' if len(names) > 3 else ''}); "
            + ("they count as unknown" if counted else "they are left out")
        )
    if same := copies + sum(result.best_row_score > SAME_IMAGE for result in results):
        found.append(
            f"{same} of {len(results)} test photos are in the catalog themselves, or copies of "
            "photos there: the figures are too good; use photos that are not in the catalog"
        )
    return found
