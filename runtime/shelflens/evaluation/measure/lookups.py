"""Looking every photo up in the catalog, as the device would, and keeping what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Decision, Match, decide
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import LabelledImage
from shelflens.evaluation.measure.metrics import average_precision

DEPTH = 10
"""Products asked for, as many as recall@10 needs. Each costs the parsing of a line of JSON, so
asking for all of 10,000 would cost 250 ms a photo instead of 1; what lies deeper is ranked by best
picture, in one table for all photos."""

_BLOCK = 64
"""Photos compared with all pictures at once: 64 x 100,000 scores are 26 MB."""


@dataclass(frozen=True)
class Embedded:
    """Photos with their embeddings."""

    items: list[LabelledImage]
    vectors: NDArray[np.float32]
    """float32 [n, d], rows of length 1."""


@dataclass(frozen=True)
class Lookup:
    """One photo, and what the catalog answered."""

    item: LabelledImage
    vector: NDArray[np.float32]
    """float32 [d]."""
    matches: list[Match]
    """The first ten, best first."""
    decision: Decision
    confidence: float
    """The chance that the first product is right."""
    rank: int
    """The place of the photo's own product, 1 is first; 0 when it is not enrolled."""
    own: float
    """The score of its own product; -1 when it is not enrolled."""
    nearest: float
    """Cosine similarity of the nearest enrolled picture, whosever it is."""
    precision: float
    """Average precision over the catalog's pictures; 0 when it is not enrolled."""

    @property
    def first(self) -> Match:
        """The nearest product."""
        return self.matches[0]

    @property
    def rival(self) -> Match:
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

    def without_own(self, catalog: Catalog) -> Decision:
        """What would be answered were its own product not enrolled."""
        others = [match for match in self.matches if match.id != self.item.product]
        return decide(others, catalog.calibration).decision


def look_up(
    catalog: Catalog,
    photos: Embedded,
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[Lookup]:
    """Look n photos up.

    Args:
        catalog: With two products or more.
        photos: Their products need not be enrolled.
        on_done: Called with the number of photos looked up so far.
    """
    numbers = {product: number for number, product in enumerate(catalog.ids)}
    looks: list[Lookup] = []
    for item, vector, row_scores, scores in _compared(catalog, photos):
        answer = catalog.answer(vector, DEPTH)
        own, rank, precision = -1.0, 0, 0.0
        if (number := numbers.get(item.product)) is not None:
            own = float(scores[number])
            rank = 1 + max(int((scores > own).sum()), min(DEPTH, len(catalog) - 1))
            for place, match in enumerate(answer.matches, start=1):
                if match.id == item.product:
                    own, rank = match.score, place
            owned = catalog.rows_of(number)
            relevant = np.zeros(len(row_scores), np.bool_)
            relevant[owned.start : owned.stop] = True
            precision = average_precision(row_scores, relevant)
        looks.append(
            Lookup(
                item=item,
                vector=vector,
                matches=answer.matches,
                decision=answer.decision,
                confidence=answer.confidence,
                rank=rank,
                own=own,
                nearest=float(row_scores.max()),
                precision=precision,
            )
        )
        if on_done is not None:
            on_done(len(looks))
    return looks


def _compared(
    catalog: Catalog, photos: Embedded
) -> Iterator[tuple[LabelledImage, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Each photo with its vector, the score of every picture [n] and of every product [p]."""
    first = np.array([catalog.rows_of(number).start for number in range(len(catalog))], np.int64)
    for start in range(0, len(photos.items), _BLOCK):
        vectors = photos.vectors[start : start + _BLOCK]
        table = catalog.row_scores(vectors)
        products = np.maximum.reduceat(table, first, axis=1)
        items = photos.items[start : start + _BLOCK]
        yield from zip(items, vectors, table, products, strict=True)
