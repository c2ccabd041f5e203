"""The shops: what the domains of `domain_sets` hold, as embeddings of one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.adapting import grocery_test
from benchmarks.quality.domain_sets import Domain, domains
from benchmarks.quality.measuring import Vectors
from benchmarks.quality.shops.further import further_photos
from shelflens import Embedder
from shelflens.catalog.adapt import VIEWS, views
from shelflens.progress import Progress

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
    """"reference" (one per product), "shot" (three), "further" (some products) or "query"."""
    views: Vectors
    """float32 [n, v, d], of the views of reference images and shots; NaN for other images."""
    similarities: Vectors
    """float32 [n], mean cosine of an image and its views; NaN for other images."""

    def elsewhere(self, shops: list[Shop]) -> Vectors:
        """Photos of things that this shop does not sell, [m, d]."""
        return np.concatenate(
            [
                shop.vectors[shop.roles == "query"]
                for shop in shops
                if shop.name != self.name and {shop.name, self.name} not in ALIKE
            ]
        )


def load_shops(cache: Path, synthetic: Path | None, embedder: Embedder) -> list[Shop]:
    """All domains, embedded by a model; kept below the cache, in a folder named by its space.

    Grocery's test photos stand in for the groceries of `domain_sets`, which the bundled network was
    trained on.

    Raises:
        ValueError: the cache has embeddings of another model of this space.
    """
    folder = cache / "embeddings" / embedder.card.space
    folder.mkdir(parents=True, exist_ok=True)
    rest = [domain for domain in domains(cache, synthetic or Path()) if domain.name != "groceries"]
    return [_shop(domain, cache, folder, embedder) for domain in [grocery_test(), *rest]]


def _shop(domain: Domain, cache: Path, folder: Path, embedder: Embedder) -> Shop:
    name, enrolled = domain.name, domain.of("reference", "shot")
    pixels = domain.pixels
    own = _kept(folder / f"{name}.npy", len(pixels), lambda at: pixels[at : at + BATCH], embedder)
    seen = _kept(
        folder / f"{name}-views.npy",
        len(enrolled),
        lambda at: np.concatenate([views(pixels[row]) for row in enrolled[at : at + BATCH]]),
        embedder,
    ).reshape(len(enrolled), VIEWS, -1)
    further = folder / f"{name}-further.npz"
    if not further.exists():
        photos, products = further_photos(domain, cache)
        vectors = _kept(
            folder / f"{name}-further.npy",
            len(photos),
            lambda at: photos[at : at + BATCH],
            embedder,
        )
        np.savez(further, vectors=vectors, products=products)
    with np.load(further) as arrays:
        more, products = arrays["vectors"], arrays["products"]
    if float(embedder.embed(pixels[-1]) @ own[-1]) < 0.999 or len(own) != len(pixels):
        raise ValueError(f"{folder}: embeddings of another model or other images; delete it")
    shown = np.full((len(own) + len(more), *seen.shape[1:]), np.nan, np.float32)
    shown[enrolled] = seen
    vectors = np.concatenate([own, more])
    return Shop(
        name,
        vectors,
        np.concatenate([domain.products, products]),
        np.concatenate([domain.roles, np.full(len(more), "further")]),
        shown,
        np.einsum("nd,nvd->nv", vectors, shown).mean(axis=1),
    )


def _kept(
    file: Path, count: int, pixels: Callable[[int], NDArray[np.uint8]], embedder: Embedder
) -> Vectors:
    """Embeddings of so many images, of length 1, made once; `pixels` gives the batch from an index
    on."""
    if not file.exists():
        parts = []
        with Progress(file.stem, count) as bar:
            for start in range(0, count, BATCH):
                parts.append(embedder.embed_many(list(pixels(start)))[1])
                bar.update(min(start + BATCH, count))
        np.save(file, np.concatenate(parts))
    loaded = np.load(file)
    vectors: Vectors = loaded.reshape(-1, loaded.shape[-1])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
