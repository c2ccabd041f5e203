"""What a batch shows: which things, and how each of its two views is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.scene import BOX, CYLINDER, PLANE
from shelflens_train.general.views import CUTOUT, LABEL, SINGLE, Batch, Pool, view_of


class Batches:
    """Batches of pairs: two views of each thing, look-alikes together.

    Args:
        pool: What may be drawn.
        shares: Domain -> share of the things of a batch.
        things: How many things a batch shows.
        side: Of the views, pixels.
        together: Share of single photos that come with their neighbours.
        solid: Share of labels on boxes (a third of these on cylinders); the rest are cards.
    """

    def __init__(
        self,
        pool: Pool,
        shares: Mapping[str, float],
        *,
        things: int,
        side: int,
        together: float,
        solid: float = 0.75,
    ) -> None:
        self._pool, self._things, self._side = pool, things, side
        self._together, self._solid = together, solid
        self._domains = [name for name in shares if (pool.domains == name).any()]
        weights = np.array([shares[name] for name in self._domains])
        self._shares = weights / weights.sum()
        self._rows = {name: np.flatnonzero(pool.domains == name) for name in self._domains}
        self._used = np.isin(pool.domains, self._domains)
        self._families: dict[str, list[NDArray[np.int64]]] = {}
        self._members: dict[int, NDArray[np.int64]] = {}
        for name, rows in self._rows.items():
            self._families[name] = _groups(rows, pool.families[rows])
            for group in _groups(rows, pool.identities[rows]):
                self._members[int(pool.identities[group[0]])] = group
        self._labels = np.flatnonzero((pool.kinds == LABEL) & self._used)
        self._scenery = np.flatnonzero((pool.kinds == SINGLE) & self._used)

    def batch(self, generator: np.random.Generator) -> Batch:
        """Arrays of `2 * things` views; view i and view i + things show the same thing."""
        counts = generator.multinomial(self._things, self._shares)
        pairs: list[NDArray[np.int64]] = []
        for name, count in zip(self._domains, counts, strict=True):
            if count:
                pairs.append(self._pairs(name, int(count), generator))
        chosen = np.concatenate(pairs)
        return self._views(chosen, generator)

    def _pairs(self, name: str, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """int64 [count, 2] textures."""
        pool, rows = self._pool, self._rows[name]
        if pool.kinds[rows[0]] == SINGLE:
            seeds = generator.choice(rows, count)
            grouped = int(self._together * count) // 4 * 4
            for start in range(0, grouped, 4):
                near = pool.neighbours[seeds[start]]
                near = near[self._used[near] & (pool.kinds[near] == SINGLE)]
                if len(near) >= 3:
                    seeds[start + 1 : start + 4] = generator.choice(near, 3, replace=False)
            return np.stack([seeds, seeds], axis=1)
        found: list[tuple[int, int]] = []
        families = self._families[name]
        while len(found) < count:
            family = families[int(generator.integers(len(families)))]
            identities = np.unique(pool.identities[family])
            for identity in generator.permutation(identities)[:4]:
                found.append(self._pair(self._members[int(identity)], generator))
        return np.array(found[:count], np.int64)

    def _view(
        self,
        textures: NDArray[np.int64],
        things: dict[str, NDArray[Any]],
        generator: np.random.Generator,
        reference: NDArray[np.bool_],
    ) -> Batch:
        return view_of(
            self._pool,
            self._scenery,
            self._side,
            textures,
            things,
            generator,
            reference=reference,
        )

    def _pair(self, members: NDArray[np.int64], generator: np.random.Generator) -> tuple[int, int]:
        first = int(generator.choice(members))
        rest = members[members != first]
        if not len(rest):
            return first, first
        if self._pool.kinds[first] == CUTOUT:
            # A front and a back share nothing that could be learnt.
            alike = self._pool.reference_vectors[rest] @ self._pool.reference_vectors[first]
            random = np.exp((alike - alike.max()) / 0.15)
            return first, int(generator.choice(rest, p=random / random.sum()))
        return first, int(generator.choice(rest))

    def _views(self, chosen: NDArray[np.int64], generator: np.random.Generator) -> Batch:
        pool, count = self._pool, len(chosen)
        kinds = pool.kinds[chosen[:, 0]]
        solid = (kinds == LABEL) | (
            (kinds == SINGLE) & ~pool.cutouts[chosen[:, 0]] & (generator.random(count) < 0.12)
        )
        form = generator.random(count)
        shape = np.where(solid & (form < self._solid), BOX, PLANE)
        shape = np.where(solid & (form < self._solid * 0.35), CYLINDER, shape)
        things = {
            "solid": solid,
            "shape": shape,
            "depth": np.exp(generator.uniform(np.log(0.08), np.log(0.9), count)),
            "squash": np.exp(generator.uniform(-0.25, 0.25, count)),
            "wrap": generator.uniform(0.4, 1.0, count),
            "side": np.where(
                generator.random(count) < 0.5, generator.choice(self._labels, count), -1
            )
            if len(self._labels)
            else np.full(count, -1),
            "plain": generator.uniform(30, 245, (count, 3)),
            "gloss": np.where(generator.random(count) < 0.5, 0, generator.uniform(0, 0.9, count)),
        }
        reference = generator.random(count) < 0.5
        views = [
            self._view(chosen[:, 0], things, generator, reference),
            self._view(chosen[:, 1], things, generator, np.zeros(count, bool)),
        ]
        batch = {name: np.concatenate([views[0][name], views[1][name]]) for name in views[0]}
        batch["identity"] = np.tile(pool.identities[chosen[:, 0]], 2).astype(np.int32)
        batch["texture"] = np.concatenate([chosen[:, 0], chosen[:, 1]]).astype(np.int32)
        return batch


def _groups(rows: NDArray[np.int64], keys: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(keys, kind="stable")
    cuts = np.flatnonzero(np.diff(keys[order])) + 1
    return np.split(rows[order], cuts)
