"""How much the products of a catalog look alike."""

from __future__ import annotations

import numpy as np

from shelflens.catalog.catalog import Catalog

MAX_ASKED = 300
"""Products whose nearest product is looked up, spread over the catalog."""

TYPICAL = 0.35
"""Mean similarity to the nearest product, in the shops that the default posterior is fitted on."""

LOOK_ALIKE, SAME_PICTURE = 0.8, 0.995
"""Similarity from which a photo seldom tells two products apart, and of one picture twice."""


def nearest_products(catalog: Catalog) -> list[tuple[str, str, float]]:
    """Products, spread over the catalog, with the nearest other one and the similarity to it."""
    if len(catalog) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(catalog) - 1, MAX_ASKED).astype(int)).tolist()
    asked = np.stack([catalog.mean_direction(index) for index in chosen])
    asked = catalog.adaptation.undone(asked)  # a query is adapted when it is asked
    found = []
    for index, matches in zip(chosen, catalog.match_many(asked, 2), strict=True):
        own = catalog.at(index).id
        nearest = next(match for match in matches if match.id != own)
        found.append((own, nearest.id, nearest.score))
    return found


def mean_nearest(catalog: Catalog) -> float:
    """Mean similarity of products to the nearest other product, -1 to 1.

    `TYPICAL` for a catalog of one product, in which nothing can be compared.
    """
    scores = [score for _, _, score in nearest_products(catalog)]
    return float(np.mean(scores)) if scores else TYPICAL
