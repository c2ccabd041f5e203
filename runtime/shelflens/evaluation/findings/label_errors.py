"""Photos that may carry a wrong label: they look like another product and not like their own.

Each photo is compared with all others, enrolled pictures and test photos. It is suspected when the
nearest photo of another product is nearer than that of its own by half of what usually lies between
the two, and most of its five nearest are of that one product (editing by nearest neighbours, Wilson
1972). Of 50 labels changed at random among 5,125 Grocery photos, 44 to 50 are found (five draws),
with one or two others: photos that show two products. A product with one photo is never suspected;
a burst of photos that are all mislabelled is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.scores import top
from shelflens.dataset import LabelledImage

NEIGHBOURS = 5
AGREED = 3
"""Of the five nearest, those that must be of the one other product."""
GAP = 0.5
"""Lead of the other product, as a share of what usually parts own from other neighbours."""
_BLOCK = 256


@dataclass(frozen=True)
class Suspect:
    """One photo to look at."""

    path: Path | None
    """None for a picture of a catalog, which keeps none."""
    product: str
    """What its label says."""
    looks_like: str
    """What its neighbours say."""
    own: float
    """Cosine similarity to the nearest photo of its own product."""
    other: float
    """The same of the other product."""
    enrolled: bool
    """A picture of the catalog, where a wrong label does harm; else a test photo."""
    place: int
    """Which picture of its product, from 1, for one that has no path."""

    def to_dict(self) -> dict[str, Any]:
        """The suspect as JSON values."""
        return {**vars(self), "path": str(self.path) if self.path else None}


def suspects(
    items: Sequence[LabelledImage | None],
    labels: Sequence[str],
    vectors: NDArray[np.float32],
    enrolled: int,
) -> list[Suspect]:
    """Search all photos at once.

    Args:
        items: n photos; None where there is no file. The first `enrolled` are the catalog's.
        labels: n product ids.
        vectors: float32 [n, d], rows of length 1.
        enrolled: How many of them are pictures of the catalog.

    Returns:
        The clearest first.
    """
    owners = np.unique(np.array(labels), return_inverse=True)[1]
    own, other, rival = _neighbours(owners, vectors, enrolled)
    compared = own > -1
    if not compared.any():
        return []
    usual = float(np.median(own[compared]) - np.median(other[compared]))
    lead = other - own
    places = np.flatnonzero(compared & (lead > max(GAP * usual, 0.0)))
    places = places[_votes(owners, vectors, places, rival) >= AGREED]
    found = []
    for place in places[np.argsort(-lead[places], kind="stable")].tolist():
        item = items[place]
        found.append(
            Suspect(
                path=item.path if item else None,
                product=labels[place],
                looks_like=labels[int(rival[place])],
                own=round(float(own[place]), 4),
                other=round(float(other[place]), 4),
                enrolled=place < enrolled,
                place=1 + labels[:place].count(labels[place]) if place < enrolled else 0,
            )
        )
    return found


def _neighbours(
    owners: NDArray[np.int64], vectors: NDArray[np.float32], enrolled: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Of each photo: nearest own, nearest of its rival, and a photo of the rival.

    Own and rival are compared among enrolled pictures and among test photos apart, and what speaks
    most for the label counts: two studio pictures are more alike than a studio picture and a phone
    photo of one product. A copy of a photo (cosine 1) does not vouch for its label; under another
    label it accuses it. Without any other photo of its product the own cosine is -2.
    """
    n = len(owners)
    own, other = np.full(n, -2, np.float32), np.full(n, -2, np.float32)
    rival = np.zeros(n, np.int64)
    parts = (slice(0, enrolled), slice(enrolled, n))
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        table = vectors[rows] @ vectors.T
        table[np.arange(len(rows)), rows] = -2
        same = owners[rows, np.newaxis] == owners
        mine = np.where(same & (table < 0.99999), table, -2)
        apart = np.where(same, -2, table)
        for part in parts:  # no rival from where there is no photo of the own product to compare
            absent = mine[:, part].max(axis=1, initial=-2) <= -2
            apart[:, part][absent] = -2
        rival[rows] = apart.argmax(axis=1)
        theirs = np.where(owners[rival[rows], np.newaxis] == owners, apart, -2)
        best = np.full(len(rows), np.inf, np.float32)
        for part in parts:
            a = mine[:, part].max(axis=1, initial=-2)
            b = theirs[:, part].max(axis=1, initial=-2)
            closer = (a > -2) & (b > -2) & (b - a < best)
            best[closer] = (b - a)[closer]
            own[rows[closer]], other[rows[closer]] = a[closer], b[closer]
    return own, other, rival


def _votes(
    owners: NDArray[np.int64],
    vectors: NDArray[np.float32],
    places: NDArray[np.int64],
    rival: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many of the five nearest of some photos are of their rival: int64 [len(places)]."""
    votes = np.zeros(len(places), np.int64)
    for number, place in enumerate(places.tolist()):
        scores = vectors @ vectors[place]
        scores[place] = -2
        votes[number] = (owners[top(scores, NEIGHBOURS)] == owners[rival[place]]).sum()
    return votes
