"""The Grocery products as a shop: ids, categories, embeddings by split, catalogs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import GROCERY, read_classes, read_split
from shelflens import Catalog, Embedder
from shelflens.progress import Progress

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
"""The index of each photo's product."""

Embed = Callable[[Sequence[Path]], Vectors]


@dataclass(frozen=True)
class Shop:
    """81 products in the order of their class index."""

    ids: list[str]
    names: list[str]
    categories: list[str]
    images: list[Path]
    """The studio image of each."""

    @classmethod
    def read(cls) -> Shop:
        """From the dataset."""
        classes = [columns for _, columns in sorted(read_classes().items())]
        return cls(
            [columns["product"] for columns in classes],
            [columns["name"] for columns in classes],
            [columns["category"] for columns in classes],
            [GROCERY / columns["iconic"] for columns in classes],
        )

    @property
    def attributes(self) -> dict[str, dict[str, str]]:
        """Name and category by id."""
        columns = zip(self.ids, self.names, self.categories, strict=True)
        return {key: {"name": name, "category": category} for key, name, category in columns}

    def category_indices(self) -> Labels:
        """The category of each product, as an index into their sorted names."""
        names = sorted(set(self.categories))
        return np.array([names.index(category) for category in self.categories])


@dataclass(frozen=True)
class Photos:
    """Embeddings float32 [n, d] and products of one split."""

    vectors: Vectors
    labels: Labels


def embedded(embed: Embed, split: str) -> Photos:
    """Train, val, test or iconic."""
    rows = read_split(split)
    vectors = embed([GROCERY / photo for photo, _ in rows])
    return Photos(vectors, np.array([index for _, index in rows]))


def embed_with(embedder: Embedder) -> Embed:
    """An embedder as a function."""

    def embed(paths: Sequence[Path]) -> Vectors:
        with Progress("shelflens", len(paths)) as bar:
            return embedder.embed_many(list(paths), on_done=bar.update)[1]

    return embed


def full_catalog(shop: Shop, train: Photos, space: str) -> Catalog:
    """All train photos."""
    ids = [shop.ids[index] for index in train.labels]
    return Catalog(ids, train.vectors, space=space, attributes=shop.attributes)


def mean(values: Any) -> float:
    """Rounded to four digits."""
    return round(float(np.mean(values)), 4)
