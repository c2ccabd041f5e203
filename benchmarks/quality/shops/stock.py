"""The shops: what the domains of `domain_sets` hold, as embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.domain_sets import domains
from benchmarks.quality.measuring import Vectors
from shelflens import Embedder
from shelflens.progress import Progress

NAMES = ("groceries", "ycb", "packs", "synthetic", "catalogue", "garments", "objects")
BATCH = 32
ALIKE = ({"garments", "catalogue"},)
"""Domains that sell the same things: none is elsewhere for the other."""


@dataclass(frozen=True)
class Shop:
    """The images of one domain."""

    name: str
    vectors: Vectors
    """float32 [n, d], rows of length 1."""
    products: NDArray[np.str_]
    roles: NDArray[np.str_]
    """"reference" (one per product), "shot" (three) or "query"."""

    def elsewhere(self, shops: list[Shop]) -> Vectors:
        """Photos of things that this shop does not sell, [m, d]."""
        return np.concatenate(
            [
                shop.vectors[shop.roles == "query"]
                for shop in shops
                if shop.name != self.name and {shop.name, self.name} not in ALIKE
            ]
        )


def load_shops(cache: Path, synthetic: Path | None) -> list[Shop]:
    """All domains with the bundled model's embeddings, made where the cache has none.

    Raises:
        ValueError: the cache has embeddings of another model.
    """
    folder = cache / "domains"
    if not all((folder / f"{name}.npz").exists() for name in NAMES):
        domains(cache, synthetic or Path())
    embedder = Embedder.open()
    shops = []
    for name in NAMES:
        with np.load(folder / f"{name}.npz") as arrays:
            products, roles = arrays["products"], arrays["roles"]
            vectors = _vectors(cache / "embeddings" / "bundled" / f"{name}.npy", embedder,
                               arrays["pixels"])  # fmt: skip
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        shops.append(Shop(name, vectors, products, roles))
    return shops


def _vectors(file: Path, embedder: Embedder, pixels: NDArray[np.uint8]) -> Vectors:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        with Progress(file.stem, len(pixels)) as bar:
            for start in range(0, len(pixels), BATCH):
                parts.append(embedder.embed_many(list(pixels[start : start + BATCH]))[1])
                bar.update(min(start + BATCH, len(pixels)))
        np.save(file, np.concatenate(parts))
    vectors: Vectors = np.load(file)
    if float(embedder.embed(pixels[-1]) @ vectors[-1]) < 0.999 or len(vectors) != len(pixels):
        raise ValueError(f"{file.name}: embeddings of another model or other images; delete it")
    return vectors
