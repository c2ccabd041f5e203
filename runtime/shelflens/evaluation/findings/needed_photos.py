"""Products that need more photos, and which of the queries to enrol.

A query is missed when another product comes first or the answer is `unknown`. For each product
with missed queries its other queries are tried as further images; those that lie nearest to most
of the missed ones are proposed. What that does is measured on queries that did not take part in
choosing (`enrolled_photos`), and a product is named only where more of these are found by it.
Photos taken at the same moment flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.findings.enrolled_photos import enrolment
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import Trial

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
    """Missed queries unlike all its enrolled images: another product came first, and their own
    score is below the threshold."""
    recovered: int
    """Missed queries that are found once those proposed without them are enrolled, less queries
    that are lost by it."""
    proposed: list[QueryResult]
    """Queries worth enrolling, the best first, at least one and at most three."""
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
        verb = "was" if self.recovered == 1 else "were"
        added = f"with photos like the {_shown(len(self.proposed))} added"
        reasons.append(f"{added}, {self.recovered} more {verb} found")
        return "; ".join(reasons)

    def to_dict(self) -> dict[str, Any]:
        """The product as JSON values; photos by their path."""
        return {
            **vars(self),
            "proposed": [str(result.path) for result in self.proposed],
            "example": str(self.example.path),
            "why": self.why,
        }


def _shown(count: int) -> str:
    return "one shown" if count == 1 else f"{count} shown"


def needed_photos(
    catalog: Catalog,
    results: Sequence[QueryResult],
    unknowns: Sequence[QueryResult],
    doubted: AbstractSet[Path | None],
) -> tuple[list[NeededPhotos], Trial | None]:
    """Products that further images were tried for, and helped; most queries recovered first.

    Args:
        catalog: For its calibration and its rows.
        results: Queries of enrolled products.
        unknowns: Out-of-catalog queries.
        doubted: Paths of images with a probable wrong label; they are never proposed.

    Returns:
        No product unless all proposals together find more than noise explains; and their trial.
    """
    choose = partial(_chosen, catalog, doubted)
    found, after = enrolment(catalog, results, unknowns, choose)
    if found is None or not found.helps:
        return [], found
    proposed_for: dict[str, list[QueryResult]] = {}
    for result in choose(results):
        proposed_for.setdefault(result.item.product, []).append(result)
    change: dict[str, int] = {}
    for result, is_found in zip(results, after.tolist(), strict=True):
        change[result.item.product] = (
            change.get(result.item.product, 0) + int(is_found) - int(result.found)
        )
    threshold = catalog.calibration.posterior.score_for(0.5, len(catalog))
    needed = []
    for product, proposed in proposed_for.items():
        if change[product] <= 0:
            continue
        group = [result for result in results if result.item.product == product]
        missed = [result for result in group if not result.found]
        rest = [result for result in missed if result.path not in {p.path for p in proposed}]
        index = catalog.index_of(product)
        needed.append(
            NeededPhotos(
                id=product,
                name=catalog.at(index).name,
                rows=len(catalog.rows_of(index)),
                queries=len(group),
                missed=len(missed),
                unlike_rows=sum(not r.right and r.own_score < threshold for r in missed),
                recovered=change[product],
                proposed=proposed,
                example=min(rest or missed, key=lambda result: result.own_score),
            )
        )
    return sorted(
        needed, key=lambda need: (-need.recovered, -need.unlike_rows, -need.missed)
    ), found


def _chosen(
    catalog: Catalog, doubted: AbstractSet[Path | None], results: Sequence[QueryResult]
) -> list[QueryResult]:
    """What the misses among some queries propose, product by product."""
    threshold = catalog.calibration.posterior.score_for(0.5, len(catalog))
    groups: dict[str, list[QueryResult]] = {}
    for result in results:
        if result.path not in doubted:
            groups.setdefault(result.item.product, []).append(result)
    return [
        group[index]
        for group in groups.values()
        if not all(result.found for result in group)
        for index in _propose(catalog, group, threshold)
    ]


def _propose(catalog: Catalog, group: Sequence[QueryResult], threshold: float) -> list[int]:
    """Greedily the queries nearest to most missed ones, each to one at least beside itself."""
    missed = [index for index, result in enumerate(group) if not result.found]
    vectors = catalog.queries(np.stack([result.vector for result in group]))  # as scores are
    cosines = vectors @ vectors[missed].T
    goals = [max(group[index].best_wrong.score, threshold) for index in missed]
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
