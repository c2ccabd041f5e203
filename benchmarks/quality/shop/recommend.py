"""Recommendations: which held-out products of simulated customers are found."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.shop.customers import Customer, Store, customers
from benchmarks.quality.shop.store import Photos, Shop, mean
from shelflens import Catalog
from shelflens.discovery.events import Event
from shelflens.discovery.recommend import recommend

STORES = 5
"""What sells best differs from store to store, and with it what popularity alone finds."""

NOW = 1e9
"""Seconds since 1970."""


def events_of(shop: Shop, customer: Customer, catalog: Catalog, photos: Photos) -> list[Event]:
    """A simulated customer's acts as a profile keeps them."""
    return [
        Event(
            number,
            NOW - act.days * 86400,
            act.kind,
            shop.ids[act.product],
            shop.names[act.product],
            photos.vectors[act.photo]
            if act.photo >= 0
            else catalog.mean_direction(catalog.index_of(shop.ids[act.product])),
        )
        for number, act in enumerate(customer.acts)
    ]


def measure(
    shop: Shop, catalog: Catalog, photos: Photos, count: int, seed: int
) -> dict[str, float]:
    """Recall@10 of what was held out, and of two simpler ways, over `STORES` stores."""
    recalls: dict[str, list[float]] = {"ours": [], "popularity": [], "single mean": []}
    categories = shop.category_indices()
    directions = np.stack([catalog.mean_direction(catalog.index_of(key)) for key in shop.ids])
    for turn in range(STORES):
        store = Store(categories, photos.labels, seed + 100 * turn)
        popular = by_popularity(store, seed + 100 * turn + 1)
        for customer in customers(store, count // STORES, seed + 100 * turn + 2):
            events = events_of(shop, customer, catalog, photos)
            centre = np.mean([event.vector for event in events], axis=0)
            suggested = recommend(catalog, events, k=10, now=NOW).suggestions
            orders = {
                "ours": [shop.ids.index(suggestion.product.id) for suggestion in suggested],
                "popularity": popular,
                "single mean": np.argsort(-(directions @ centre), kind="stable").tolist(),
            }
            met = {act.product for act in customer.acts}
            for name, order in orders.items():
                ten = [product for product in order if product not in met][:10]
                best = min(len(customer.held_out), 10)
                recalls[name].append(len(customer.held_out & set(ten)) / best)
    ratio = float(np.mean(recalls["ours"]) / np.mean(recalls["popularity"]))
    return {
        **{name: mean(values) for name, values in recalls.items()},
        "over popularity": round(ratio, 3),
        "customers": len(recalls["ours"]),
    }


def by_popularity(store: Store, seed: int) -> list[int]:
    """Products by what 1,000 customers did."""
    counts = np.zeros(len(store.categories))
    for customer in customers(store, 1000, seed):
        for act in customer.acts:
            counts[act.product] += 1
    order: list[int] = np.argsort(-counts, kind="stable").tolist()
    return order
