"""The k-shot curve: recall@1 with 1, 2, 3, 5 and 10 images per product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.metrics import recall_at_k
from shelflens.evaluation.measure.query_results import QueryResult

K_VALUES = (1, 2, 3, 5, 10)
SAMPLES = 3
"""Random choices of the images: recall@1 differs by a point or two between them."""
MAX_QUERIES = 600
"""Spread over all: enough for a standard error below two points."""


@dataclass(frozen=True)
class KShotPoint:
    """recall@1 with k images per product."""

    k: int
    recall_at_1: float
    """Mean of the samples."""
    low: float
    high: float
    products: int
    """Products that have k images; those with fewer take part with all they have."""

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON values."""
        return asdict(self)


def k_shot_curve(
    catalog: Catalog,
    results: Sequence[QueryResult],
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[KShotPoint]:
    """The curve, up to the count of images that half of the products have.

    Args:
        catalog: With all images there are.
        results: Queries of enrolled products.
        on_done: Called with the count of catalogs tried, `K_VALUES` times `SAMPLES` at most.

    Returns:
        Nothing when half of the products have a single image: there is no curve to draw.
    """
    counts = np.array([len(catalog.rows_of(index)) for index in range(len(catalog))])
    max_k = int(np.median(counts))
    if max_k < 2:
        return []
    spread = np.linspace(0, len(results) - 1, min(MAX_QUERIES, len(results))).round().astype(int)
    queries = [results[index] for index in np.unique(spread)]
    own = [query.item.product for query in queries]
    adaptation, owners = catalog.adaptation, catalog.row_ids
    vectors = adaptation.undone(catalog.vectors)
    curve, done = [], 0
    for k in [k for k in K_VALUES if k <= max_k]:
        recalls = []
        for seed in range(SAMPLES):
            rows = _sample(catalog, k, seed)
            part = Catalog(
                [owners[row] for row in rows],
                vectors[rows],
                space=catalog.space,
                adaptation=adaptation,
            )
            found, ids = part.nearest([query.vector for query in queries], 1)[0], part.ids
            ranked = [[ids[index]] for index in found[:, 0].tolist()]
            recalls.append(recall_at_k(ranked, own))
            done += 1
            if on_done is not None:
                on_done(done)
        enough = int((counts >= k).sum())
        curve.append(KShotPoint(k, float(np.mean(recalls)), min(recalls), max(recalls), enough))
    return curve


def _sample(catalog: Catalog, k: int, seed: int) -> NDArray[np.int64]:
    """Indices of k random rows of each product."""
    generator = np.random.default_rng(seed)
    chosen = [
        np.sort(generator.permutation(np.arange(rows.start, rows.stop))[:k])
        for rows in map(catalog.rows_of, range(len(catalog)))
    ]
    return np.concatenate(chosen)
