"""Simulated customers of the Grocery store.

A customer has two or three interests: categories with at least three products, drawn by a
popularity that falls as 1/rank^0.8 over products (Zipf). Of each category the customer likes four
products in five; half of these are met in the events, the other half is held out and to be found.
There are 6 to 10 events: the first one of each interest, the rest by a personal share of interest
(Dirichlet, 3). An event is a view (0.4), a photo of the product (0.2), a like (0.25) or a
purchase (0.15); a photo event carries a phone photo of the split under test, the others the
catalog's image. Every seventh event or so (0.15) is noise: a view of any product of the store.
Events lie up to 60 days back. Nothing in here knows about an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOISE = 0.15
KINDS, PROBABILITIES = ("view", "photo", "like", "buy"), (0.4, 0.2, 0.25, 0.15)


@dataclass(frozen=True)
class Act:
    """One simulated event."""

    kind: str
    product: int
    photo: int
    """Which photo of the split; -1 for the catalog's image."""
    days: float
    """How long ago."""


@dataclass(frozen=True)
class Customer:
    """What a customer did, and which products are still to be found."""

    acts: list[Act]
    held_out: set[int]


class Store:
    """The categories of the products, their popularity, and the photos that customers take."""

    def __init__(self, categories: NDArray[np.int64], photos: NDArray[np.int64], seed: int) -> None:
        """Categories int64 [p] of each product; photos int64 [n], the product each photo shows."""
        generator = np.random.default_rng(seed)
        self.categories, self.photos = categories, photos
        popularity = 1 / np.arange(1, len(categories) + 1) ** 0.8
        generator.shuffle(popularity)
        sizes = np.bincount(categories)
        self.interests = np.flatnonzero(sizes >= 3)
        mass = np.array([popularity[categories == interest].sum() for interest in self.interests])
        self.probabilities = mass / mass.sum()

    def customer(self, generator: np.random.Generator) -> Customer:
        """A random customer."""
        count = int(generator.integers(2, 4))
        chosen = generator.choice(self.interests, count, replace=False, p=self.probabilities)
        shares = generator.dirichlet(np.full(count, 3.0))
        met: list[NDArray[np.int64]] = []
        held_out: set[int] = set()
        for interest in chosen:
            products = generator.permutation(np.flatnonzero(self.categories == interest))
            liked = products[: max(2, int(np.ceil(0.8 * len(products))))]
            half = max(1, len(liked) // 2)
            met.append(liked[:half])
            held_out.update(liked[half:].tolist())
        acts = []
        for turn in range(int(generator.integers(6, 11))):
            if generator.random() < NOISE:
                kind, product = "view", int(generator.integers(len(self.categories)))
            else:
                index = turn if turn < count else int(generator.choice(count, p=shares))
                kind = str(generator.choice(KINDS, p=PROBABILITIES))
                product = int(generator.choice(met[index]))
            taken = np.flatnonzero(self.photos == product)
            photo = int(generator.choice(taken)) if kind == "photo" and len(taken) else -1
            acts.append(Act(kind, product, photo, float(generator.uniform(0, 60))))
        return Customer(acts, held_out - {act.product for act in acts})


def customers(store: Store, count: int, seed: int) -> list[Customer]:
    """That many customers who have something to find."""
    generator = np.random.default_rng(seed)
    chosen: list[Customer] = []
    while len(chosen) < count:
        customer = store.customer(generator)
        if customer.held_out:
            chosen.append(customer)
    return chosen
