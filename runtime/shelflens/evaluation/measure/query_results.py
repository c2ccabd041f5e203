"""Every query answered by the catalog, as the device would answer it, with what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer, Decision, Match, decide
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import LabelledImage
from shelflens.evaluation.measure.metrics import average_precision

DEPTH = 10
"""Products asked for, as many as recall@10 needs. Each costs the parsing of a line of JSON; deeper
ranks are those of the best rows, from one table for all queries."""

_BLOCK = 64
"""Queries compared with all rows at once: 64 x 100,000 scores are 26 MB."""


@dataclass(frozen=True)
class EmbeddedImages:
    """Labelled images with their embeddings."""

    items: list[LabelledImage]
    vectors: NDArray[np.float32]
    """float32 [n, d], rows of length 1."""


@dataclass(frozen=True)
class QueryResult:
    """One query, and what the catalog answered."""

    item: LabelledImage
    vector: NDArray[np.float32]
    """float32 [d]."""
    matches: list[Match]
    """The first ten, best first."""
    decision: Decision
    confidence: float
    """The probability that the first product is right."""
    rank: int
    """Rank of the query's own product, 1 is first; 0 when it is not enrolled."""
    own_score: float
    """The score of its own product; -1 when it is not enrolled."""
    best_row_score: float
    """Cosine similarity of the nearest row, whatever its product."""
    average_precision: float
    """Over the catalog's rows; 0 when its product is not enrolled."""

    @property
    def first(self) -> Match:
        """The nearest product."""
        return self.matches[0]

    @property
    def best_wrong(self) -> Match:
        """The nearest product that is not its own."""
        return next(match for match in self.matches if match.id != self.item.product)

    @property
    def path(self) -> Path:
        """The photo's file."""
        return self.item.path

    @property
    def right(self) -> bool:
        """Whether its own product is first."""
        return self.rank == 1

    @property
    def found(self) -> bool:
        """Its own product is first, and the answer is not `unknown`."""
        return self.right and self.decision != "unknown"

    def answer_without_own(self, catalog: Catalog) -> Answer:
        """What would be answered were its own product not enrolled."""
        wrong = [match for match in self.matches if match.id != self.item.product]
        return decide(wrong, len(catalog) - 1, catalog.calibration)


def query_catalog(
    catalog: Catalog,
    queries: EmbeddedImages,
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[QueryResult]:
    """Answer n queries.

    Args:
        catalog: With two products or more.
        queries: Their products need not be enrolled.
        on_done: Called with the number of queries answered so far.
    """
    index_of = {product: index for index, product in enumerate(catalog.ids)}
    results: list[QueryResult] = []
    answered = catalog.answer_many(queries.vectors, DEPTH)
    compared = zip(answered, _compared(catalog, queries), strict=True)
    for answer, (item, vector, row_scores, product_scores) in compared:
        own_score, rank, precision = -1.0, 0, 0.0
        if (index := index_of.get(item.product)) is not None:
            own_score = float(product_scores[index])
            above = int((product_scores > own_score).sum())
            rank = 1 + max(above, min(DEPTH, len(catalog) - 1))
            for match_rank, match in enumerate(answer.matches, start=1):
                if match.id == item.product:
                    own_score, rank = match.score, match_rank
            owned = catalog.rows_of(index)
            relevant = np.zeros(len(row_scores), np.bool_)
            relevant[owned.start : owned.stop] = True
            precision = average_precision(row_scores, relevant)
        results.append(
            QueryResult(
                item=item,
                vector=vector,
                matches=answer.matches,
                decision=answer.decision,
                confidence=answer.confidence,
                rank=rank,
                own_score=own_score,
                best_row_score=float(row_scores.max()),
                average_precision=precision,
            )
        )
        if on_done is not None:
            on_done(len(results))
    return results


def _compared(
    catalog: Catalog, queries: EmbeddedImages
) -> Iterator[tuple[LabelledImage, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Each query with its vector, the score of every row [n] and of every product [p]."""
    first = np.array([catalog.rows_of(index).start for index in range(len(catalog))], np.int64)
    for start in range(0, len(queries.items), _BLOCK):
        vectors = queries.vectors[start : start + _BLOCK]
        row_scores = catalog.row_scores(catalog.queries(vectors))
        product_scores = np.maximum.reduceat(row_scores, first, axis=1)
        items = queries.items[start : start + _BLOCK]
        yield from zip(items, vectors, row_scores, product_scores, strict=True)
