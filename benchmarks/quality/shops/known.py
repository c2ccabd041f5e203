"""From which similarity of views a model knows how to see such goods: nothing is adapted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shops.stock import Shop
from shelflens import Catalog
from shelflens.catalog.enrol import SAMPLE, judged, mean_with_views

IMAGES = {"reference": 1, "shot": 2}
"""Enrolled per product, by role."""
MIN_GAIN = 0.005
"""In recall, below which adapting is not worth its views."""
BEYOND = 0.02
"""How far the limit lies from the last shop where it separates nothing."""


def known_similarity(shops: list[Shop]) -> dict[str, Any]:
    """The limit by which most photos find their product, and what it was found from.

    Each shop is enrolled from one reference image and from two photos per product, adapted and not.
    Below the limit a catalog is adapted: it is set where the sum of the gains in recall below it is
    largest, in the middle between the two nearest shops.
    """
    rows = [_tried(shop, role) for shop in shops for role in IMAGES]
    rows = sorted(rows, key=lambda row: float(row["similarity"]))
    similarities = [float(row["similarity"]) for row in rows]
    edges = np.array([similarities[0] - 2 * BEYOND, *similarities, similarities[-1] + 2 * BEYOND])
    gains = np.cumsum([0.0, *(row["adapted"] - row["plain"] - MIN_GAIN for row in rows)])
    best = int(np.argmax(gains))
    return {"known_similarity": round(float(edges[best : best + 2].mean()), 2), "shops": rows}


def _tried(shop: Shop, role: str) -> dict[str, Any]:
    rows = np.concatenate(
        [
            np.flatnonzero((shop.products == product) & (shop.roles == role))[: IMAGES[role]]
            for product in np.unique(shop.products)
        ]
    )
    vectors, seen, labels = shop.vectors[rows], shop.views[rows], shop.products[rows].tolist()
    spread = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round()
    sample = np.unique(spread.astype(np.int64))
    # As if it were unknown how to see them; left-out images decide in a shop, not here.
    similarity = float(shop.similarities[rows[sample]].mean())
    adaptation, verdict = judged(vectors, [""] * len(rows), seen[sample], similarity, np.inf)
    plain = Catalog(labels, vectors, space=shop.name)
    adapted = Catalog(
        labels, mean_with_views(vectors, seen), space=shop.name, adaptation=adaptation
    )
    return {
        "shop": f"{shop.name}, {IMAGES[role]} {role}",
        "similarity": round(verdict.similarity, 4),
        "plain": _recall(plain, shop),
        "adapted": _recall(adapted, shop),
    }


def _recall(catalog: Catalog, shop: Shop) -> float:
    asked: NDArray[np.bool_] = (shop.roles == "query") & np.isin(shop.products, catalog.ids)
    found = [matches[0].id for matches in catalog.match_many(shop.vectors[asked], 1)]
    return round(float(np.mean(np.array(found) == shop.products[asked])), 4)
