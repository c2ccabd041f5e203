"""How much the products of a catalog look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shelflens.catalog.catalog import Catalog

MAX_ASKED = 300
"""Products whose nearest product is looked up, spread over the catalog."""

TYPICAL = 0.35
"""Mean similarity to the nearest product, in the shops that the default posterior is fitted on."""

LOOK_ALIKE, SAME_PICTURE = 0.8, 0.995
"""Similarity from which a photo seldom tells two products apart, and of one picture twice."""


class Neighbour(NamedTuple):
    """The nearest product of a product."""

    product: str
    nearest: str
    similarity: float
    """Score of the nearest for the mean direction of the product, -1 to 1."""


def product_neighbours(catalog: Catalog) -> list[Neighbour]:
    """Products, spread over the catalog, with the nearest product of each.

    At most `MAX_ASKED`; none of a catalog of one product.
    """
    if len(catalog) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(catalog) - 1, MAX_ASKED).astype(int)).tolist()
    asked = np.stack([catalog.mean_direction(index) for index in chosen])
    asked = catalog.adaptation.undone(asked)  # a query is adapted when it is asked
    found = []
    for index, matches in zip(chosen, catalog.match_many(asked, 2), strict=True):
        own = catalog.at(index).id
        nearest = next(match for match in matches if match.id != own)
        found.append(Neighbour(own, nearest.id, nearest.score))
    return found


def mean_nearest(neighbours: Sequence[Neighbour]) -> float:
    """Mean similarity of products to their nearest product, -1 to 1.

    `TYPICAL` without neighbours: in a catalog of one product nothing can be compared.
    """
    if not neighbours:
        return TYPICAL
    return float(np.mean([neighbour.similarity for neighbour in neighbours]))
