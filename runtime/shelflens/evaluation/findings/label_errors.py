"""Images with a probable wrong label: they look like another product and not like their own.

Each image is compared with all the rest, enrolled images and queries. Its label is doubted when the
nearest image of another product is nearer than that of its own by what usually lies between the
two, when it is as near to that product as most of its own images are, and when all its five
nearest are of it (editing by nearest neighbours, Wilson 1972). With labels swapped between
look-alikes on purpose, those named are wrong (benchmarks/quality/label_errors.py); an odd
photo, such as the back of a pack, is not as near to another product as that product's own. A
product with a single image is never doubted, nor is one suggested that has fewer than five; a burst
of images that all carry the same wrong label is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.scores import top_indices
from shelflens.dataset import LabelledImage

NEIGHBOURS = 5
MIN_VOTES = NEIGHBOURS
"""Of the five nearest, those that must be of the suggested product."""
TYPICAL = 0.25
"""Quantile of how near a product's own images are to each other: the image must be that near."""
MIN_GAP = 1.0
"""How much nearer the suggested product must be, as a share of the usual gap between the own
product and its nearest rival."""
_BLOCK = 256
_COPY = 0.99999
"""Cosine similarity from which two images are copies of each other."""


@dataclass(frozen=True)
class LabelError:
    """One image whose label is probably wrong."""

    path: Path | None
    """None for an image of a catalog whose files are not known."""
    label: str
    """The product id it carries."""
    suggested: str
    """The product id of its neighbours."""
    own_similarity: float
    """Cosine similarity to the nearest image of its own product."""
    suggested_similarity: float
    """The same of the suggested product."""
    enrolled: bool
    """In the catalog, where a wrong label does harm; else a query."""
    index: int | None
    """Index among the enrolled images of its product; None for a query."""

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON values."""
        return {**vars(self), "path": str(self.path) if self.path else None}


def label_errors(
    items: Sequence[LabelledImage | None],
    labels: Sequence[str],
    vectors: NDArray[np.float32],
    enrolled: int,
) -> list[LabelError]:
    """Search all images at once.

    Args:
        items: n images; None where there is no file. The first `enrolled` are the catalog's.
        labels: n product ids.
        vectors: float32 [n, d], rows of length 1.
        enrolled: How many of them are in the catalog.

    Returns:
        The clearest first.
    """
    owners = np.unique(np.array(labels), return_inverse=True)[1]
    own, rival, rival_rows = _neighbours(owners, vectors, enrolled)
    compared = own > -1
    if not compared.any():
        return []
    usual = float(np.median(own[compared]) - np.median(rival[compared]))
    gap = rival - own
    typical = _typical(owners, own)[owners[rival_rows]]
    rows = np.flatnonzero(compared & (gap > max(MIN_GAP * usual, 0.0)) & (rival >= typical))
    rows = rows[_votes(owners, vectors, rows, rival_rows) >= MIN_VOTES]
    found = []
    for row in rows[np.argsort(-gap[rows], kind="stable")].tolist():
        item = items[row]
        found.append(
            LabelError(
                path=item.path if item else None,
                label=labels[row],
                suggested=labels[int(rival_rows[row])],
                own_similarity=round(float(own[row]), 4),
                suggested_similarity=round(float(rival[row]), 4),
                enrolled=row < enrolled,
                index=labels[:row].count(labels[row]) if row < enrolled else None,
            )
        )
    return found


def _typical(owners: NDArray[np.int64], own: NDArray[np.float32]) -> NDArray[np.float64]:
    """How near the images of each product are to its others, the lower quartile: float64 [p]."""
    typical = np.full(owners.max() + 1, np.inf)
    for owner in range(len(typical)):
        of_owner = own[(owners == owner) & (own > -1)]
        if len(of_owner):
            typical[owner] = np.quantile(of_owner, TYPICAL)
    return typical


def _neighbours(
    owners: NDArray[np.int64], vectors: NDArray[np.float32], enrolled: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Per row: cosine to its own product, cosine to its rival product, and a row of the rival.

    Own and rival are compared among enrolled images and among queries separately, and what speaks
    most for the label counts: two studio images are more similar than a studio image and a phone
    photo of the same product. A copy of an image (cosine 1) does not vouch for its label; under
    another label it speaks against it. Without another image of its product the own cosine is -2.
    """
    n = len(owners)
    own, rival = np.full(n, -2, np.float32), np.full(n, -2, np.float32)
    rival_rows = np.zeros(n, np.int64)
    parts = (slice(0, enrolled), slice(enrolled, n))
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        cosines = vectors[rows] @ vectors.T
        cosines[np.arange(len(rows)), rows] = -2
        same = owners[rows, np.newaxis] == owners
        of_own = np.where(same & (cosines < _COPY), cosines, -2)
        of_rest = np.where(same, -2, cosines)
        for part in parts:  # no rival from where there is no image of the own product to compare
            absent = of_own[:, part].max(axis=1, initial=-2) <= -2
            of_rest[:, part][absent] = -2
        rival_rows[rows] = of_rest.argmax(axis=1)
        of_rival = np.where(owners[rival_rows[rows], np.newaxis] == owners, of_rest, -2)
        smallest = np.full(len(rows), np.inf, np.float32)
        for part in parts:
            a = of_own[:, part].max(axis=1, initial=-2)
            b = of_rival[:, part].max(axis=1, initial=-2)
            closer = (a > -2) & (b > -2) & (b - a < smallest)
            smallest[closer] = (b - a)[closer]
            own[rows[closer]], rival[rows[closer]] = a[closer], b[closer]
    return own, rival, rival_rows


def _votes(
    owners: NDArray[np.int64],
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    rival_rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many of the five nearest of each row are of its rival: int64 [len(rows)]."""
    votes = np.zeros(len(rows), np.int64)
    for index, row in enumerate(rows.tolist()):
        scores = vectors @ vectors[row]
        scores[row] = -2
        votes[index] = (owners[top_indices(scores, NEIGHBOURS)] == owners[rival_rows[row]]).sum()
    return votes
