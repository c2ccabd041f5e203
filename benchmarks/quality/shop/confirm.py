"""Confirmed photos: recall@1 as customers confirm what they see."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.shop.store import Photos, Shop
from shelflens import Catalog
from shelflens.catalog.confirm import confirm

COUNTS = (0, 1, 3, 5)


def measure(
    shop: Shop, studio: Catalog, full: Catalog, train: Photos, test: Photos, seed: int
) -> dict[str, Any]:
    """Studio images and confirmed photos; the mean of three orders, and two bounded runs."""
    limit = max(COUNTS)
    orders = [
        grown(shop, studio, train, test, list(COUNTS), 8, 0.0, seed + order) for order in range(3)
    ]
    rounds = np.mean(orders, axis=0)
    bounded = [
        round(grown(shop, studio, train, test, [20], limit, wrong, seed)[0], 4)
        for wrong in (0.0, 0.1)
    ]
    return {
        "full train catalog": round(recall(shop, full, test), 4),
        "confirmed": {str(n): round(float(r), 4) for n, r in zip(COUNTS, rounds, strict=True)},
        "20 per product, 5 kept": bounded[0],
        "the same, 10 % wrong": bounded[1],
    }


def grown(
    shop: Shop,
    studio: Catalog,
    train: Photos,
    test: Photos,
    counts: list[int],
    limit: int,
    wrong: float,
    seed: int,
) -> list[float]:
    """recall@1 after so many confirmed photos per product, at most `limit` of them kept."""
    generator = np.random.default_rng(seed)
    streams = [
        generator.permutation(np.flatnonzero(train.labels == index))
        for index in range(len(shop.ids))
    ]
    catalog, results = studio, []
    for turn in range(max(counts) + 1):
        if turn in counts:
            results.append(recall(shop, catalog, test))
        for product, stream in enumerate(streams):
            if turn < min(len(stream), max(counts)):
                photo = int(stream[turn])
                if generator.random() < wrong:
                    photo = int(generator.integers(len(train.labels)))
                vector = train.vectors[photo]
                catalog = confirm(catalog, shop.ids[product], vector, limit=limit)[0]
    return results


def recall(shop: Shop, catalog: Catalog, test: Photos) -> float:
    """recall@1."""
    first = [catalog.match(vector, k=1)[0].id for vector in test.vectors]
    own = [shop.ids[index] for index in test.labels]
    return float(np.mean([a == b for a, b in zip(first, own, strict=True)]))
