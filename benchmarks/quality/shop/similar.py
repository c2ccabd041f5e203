"""Similar products: the same category among the five most similar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.quality.shop.store import Shop, mean
from shelflens import Catalog
from shelflens.discovery.similar import similar


def measure(shop: Shop, catalog: Catalog) -> dict[str, float]:
    """`share`, `plain` and `ceiling`; see the package's command."""
    index = {product_id: n for n, product_id in enumerate(shop.ids)}
    top = {
        index[product_id]: [index[match.id] for match in similar(catalog, product_id, k=5)]
        for product_id in shop.ids
    }
    return shares(shop, top)


def shares(shop: Shop, top: dict[int, list[int]]) -> dict[str, float]:
    """From the five most similar products of each product."""
    share, plain, ceiling = [], [], []
    for product, suggested in top.items():
        same = shop.categories.count(shop.categories[product]) - 1
        if same < 2:
            continue
        hits = sum(shop.categories[n] == shop.categories[product] for n in suggested[:5])
        share.append(hits / min(5, same))
        plain.append(hits / 5)
        ceiling.append(min(5, same) / 5)
    return {
        "share": mean(share),
        "plain": mean(plain),
        "ceiling": mean(ceiling),
        "products": len(share),
    }


def measure_comparisons(shop: Shop, full: Catalog) -> dict[str, float]:
    """Ways to compare products with many rows; `mean to best` is what `similar` does."""
    vectors = full.vectors
    owners = np.array([shop.ids.index(product_id) for product_id in full.row_ids])
    cosines = vectors @ vectors.T
    means = np.stack([full.mean_direction(full.index_of(product_id)) for product_id in shop.ids])

    def between(a: int, b: int) -> np.ndarray:
        table: np.ndarray = cosines[np.ix_(owners == a, owners == b)]
        return table

    ways: dict[str, Callable[[int, int], float]] = {
        "best pair": lambda a, b: float(between(a, b).max()),
        "0.9 quantile of pairs": lambda a, b: float(np.quantile(between(a, b), 0.9)),
        "mean to mean": lambda a, b: float(means[a] @ means[b]),
        "mean to best": lambda a, b: float((vectors[owners == b] @ means[a]).max()),
        "mean of each row's best": lambda a, b: float(between(a, b).max(axis=1).mean()),
    }
    products = range(len(shop.ids))
    result = {}
    for name, way in ways.items():
        scores = np.array([[way(a, b) if a != b else -2 for b in products] for a in products])
        top = {a: np.argsort(-scores[a], kind="stable")[:5].tolist() for a in products}
        result[name] = shares(shop, top)["share"]
    return result
