"""Products that need more photos: where a further image helps, and which one to enrol first.

A query is missed when another product comes first or the answer is `unknown`. For each product
with missed queries its other queries are tried as further images; those that lie nearest to most
of the missed ones are proposed. Then all proposals are enrolled together and the missed queries
answered again, so what is said to be found then was measured. Photos taken in the same minute
flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.query_results import QueryResult

MAX_PROPOSED = 3
"""Photos proposed per product: a fourth seldom brings back what three did not."""
_PLENTY = 10
"""Enrolled images from which "only so many" is no reason."""


@dataclass(frozen=True)
class NeededPhotos:
    """One product that needs more photos."""

    id: str
    name: str
    rows: int
    """Enrolled images."""
    queries: int
    missed: int
    unlike_rows: int
    """Missed queries unlike all its enrolled images: their own score is below the threshold."""
    recovered: int
    """Missed queries, the proposed ones left aside, that are found once these are enrolled."""
    proposed: list[QueryResult]
    """Queries worth enrolling, the best first, at most three."""
    example: QueryResult
    """The missed query least similar to its product's rows, not a proposed one if there is
    another."""

    @property
    def why(self) -> str:
        """In a sentence for a shop owner."""
        reasons = []
        if self.rows < _PLENTY:
            photos = "photo is" if self.rows == 1 else "photos are"
            reasons.append(f"only {self.rows} {photos} in the catalog")
        reasons.append(f"{self.missed} of {self.queries} test photos are not found")
        if self.unlike_rows:
            verb = "is" if self.unlike_rows == 1 else "are"
            reasons.append(f"{self.unlike_rows} of them {verb} like none of its photos there")
        if self.proposed:
            count = len(self.proposed)
            these = "the photo shown" if count == 1 else f"the {count} shown"
            verb = "is" if self.recovered == 1 else "are"
            reasons.append(f"with {these} added, {self.recovered} more {verb} found")
        return "; ".join(reasons)

    def to_dict(self) -> dict[str, Any]:
        """The product as JSON values; photos by their path."""
        return {
            **vars(self),
            "proposed": [str(result.path) for result in self.proposed],
            "example": str(self.example.path),
            "why": self.why,
        }


def needed_photos(
    catalog: Catalog, results: Sequence[QueryResult], doubted: AbstractSet[Path | None]
) -> list[NeededPhotos]:
    """Products where a further image helps or is missing, most queries to recover first.

    Args:
        catalog: For its calibration and its rows.
        results: Queries of enrolled products.
        doubted: Paths of images with a probable wrong label; they are never proposed.
    """
    threshold = catalog.calibration.posterior.score_for(0.5, len(catalog))
    groups: dict[str, list[QueryResult]] = {}
    for result in results:
        if result.path not in doubted:
            groups.setdefault(result.item.product, []).append(result)
    missed_of = {
        product: missed
        for product, group in groups.items()
        if (missed := [result for result in group if not result.found])
    }
    chosen = {
        product: [groups[product][index] for index in _propose(groups[product], missed, threshold)]
        for product, missed in missed_of.items()
    }
    grown = with_enrolled(catalog, [result for group in chosen.values() for result in group])
    found = []
    for index, product in enumerate(catalog.ids):
        missed, proposed = missed_of.get(product, []), chosen.get(product, [])
        paths = {result.path for result in proposed}
        rest = [result for result in missed if result.path not in paths]
        recovered = sum(found_in(grown, result) for result in rest) if proposed else 0
        unlike_rows = sum(result.own_score < threshold for result in missed)
        if not (unlike_rows or recovered):
            continue  # its images show this, and a look-alike wins: more of them do not help
        found.append(
            NeededPhotos(
                id=product,
                name=catalog.at(index).name,
                rows=len(catalog.rows_of(index)),
                queries=len(groups[product]),
                missed=len(missed),
                unlike_rows=unlike_rows,
                recovered=recovered,
                proposed=proposed if recovered else [],
                example=min(rest or missed, key=lambda result: result.own_score),
            )
        )
    return sorted(found, key=lambda need: (-need.recovered, -need.unlike_rows, -need.missed))


def with_enrolled(catalog: Catalog, results: Sequence[QueryResult]) -> Catalog:
    """The catalog with these queries as further images of their products."""
    if not results:
        return catalog
    products = [result.item.product for result in results]
    return catalog.add(products, np.stack([result.vector for result in results]))


def found_in(catalog: Catalog, result: QueryResult) -> bool:
    """Whether another catalog finds a query."""
    answer = catalog.answer(result.vector)
    return answer.decision != "unknown" and answer.matches[0].id == result.item.product


def _propose(
    group: Sequence[QueryResult], missed: Sequence[QueryResult], threshold: float
) -> list[int]:
    """Greedily the queries nearest to most missed ones, each to one at least beside itself."""
    vectors = np.stack([result.vector for result in group])
    cosines = vectors @ np.stack([result.vector for result in missed]).T
    goals = [max(result.best_wrong.score, threshold) for result in missed]
    recovers: NDArray[np.bool_] = cosines > np.array(goals, np.float32)
    remaining = np.ones(len(missed), np.bool_)
    chosen: list[int] = []
    while len(chosen) < MAX_PROPOSED:
        gain = (recovers & remaining).sum(axis=1)
        best = int(np.argmax(gain))
        # A missed query is always nearest to itself, which is no reason to enrol it.
        if gain[best] < 2:
            break
        chosen.append(best)
        remaining &= ~recovers[best]
    return chosen
