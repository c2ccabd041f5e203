"""From images to rows: views of products with few images, and whether to adapt to this shop.

A sample of the images is seen through random views (`adapt`). If that helps on the shop's own
images, every query and row is multiplied by the matrix made of them, and each image of a product
with few is enrolled as the mean of itself and its views. Limits and rules were measured on eight
shops: benchmarks/experiments/2026-11-27-adapted-catalogs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adapt import VIEWS, adaptation_matrix, left_out_recall, views
from shelflens.catalog.adaptation import Adaptation
from shelflens.model.embedder import Embedder
from shelflens.model.image import Photo

Adapt = Literal["auto", "off"]

SAMPLE = 200
"""Images whose views say how to adapt."""

FEW_IMAGES = 3
"""Of a product with so many images no views are enrolled: they show it from several sides."""

MIN_LEFT_OUT = 20
"""Left-out images that can decide; the views do for a shop with fewer."""

KNOWN_LIKENESS = 0.86
"""Mean cosine of an image and its views from which the model knows how to see such goods. It is
0.90 for those it was trained on, and at most 0.83 for others."""

_BLOCK = 32
"""Images whose views are held at a time: 8 views of 224 pixels of each take 37 MiB."""

Floats = NDArray[np.float32]
Step = Callable[[str, int, int], None]
"""Called with the step, the number of images it has finished, and of how many."""


def _silent(name: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Verdict:
    """Whether a catalog was adapted to its shop, and by which two figures."""

    adapted: bool
    left_out: tuple[float, float] | None
    """Share of left-out images that find their product without and with adapting; None where fewer
    than `MIN_LEFT_OUT` could be left out."""
    likeness: float
    """Mean cosine of an image and its views."""

    def __str__(self) -> str:
        found = ""
        if self.left_out:
            without, adapted = self.left_out
            found = f"left-out images found {without:.3f}, adapted {adapted:.3f}"
        if not self.left_out or self.left_out[0] == self.left_out[1]:
            sign = "below" if self.likeness < KNOWN_LIKENESS else "at least"
            views_say = f"likeness of views {self.likeness:.2f}, {sign} {KNOWN_LIKENESS}"
            found = f"{found}; {views_say}" if found else views_say
        return f"{'adapted to these images' if self.adapted else 'not adapted'} ({found})"


def adapted_rows(
    photos: Sequence[Photo],
    vectors: Floats,
    products: Sequence[str],
    embedder: Embedder,
    *,
    on_step: Step = _silent,
) -> tuple[Floats, Adaptation, Verdict]:
    """What to enrol of a shop's images, and the adaptation, if it helps here.

    Args:
        photos: n images that can be read.
        vectors: float32 [n, d], their embeddings.
        products: Product of each.
        embedder: The model.
        on_step: See `Step`.

    Returns:
        float32 [n, d], rows of length 1 that the adaptation is still to be applied to; the
        adaptation, the identity where it does not help; and why.
    """
    sample = np.unique(np.linspace(0, len(photos) - 1, min(SAMPLE, len(photos))).round())
    chosen = sample.astype(np.int64)
    parts = [seen for _, seen in _seen(photos, chosen, embedder)]
    seen = np.concatenate(parts)
    adaptation = Adaptation.of(adaptation_matrix(seen))
    likeness = float(np.einsum("nd,nvd->nv", vectors[chosen], seen).mean())
    found = left_out_recall(vectors, products, adaptation)
    recalls = found[:2] if found and found[2] >= MIN_LEFT_OUT else None
    helps = likeness < KNOWN_LIKENESS
    if recalls and recalls[0] != recalls[1]:
        helps = recalls[1] > recalls[0]
    verdict = Verdict(helps and bool(adaptation), recalls, likeness)
    if not verdict.adapted:
        return vectors, Adaptation(), verdict
    return with_views(photos, vectors, products, embedder, on_step=on_step), adaptation, verdict


def with_views(
    photos: Sequence[Photo],
    vectors: Floats,
    products: Sequence[str],
    embedder: Embedder,
    *,
    on_step: Step = _silent,
) -> Floats:
    """Embeddings of images, those of products with few as the mean with their views.

    Args:
        photos: n images that can be read.
        vectors: float32 [n, d], their embeddings.
        products: Product of each; those with `FEW_IMAGES` or more among these get no views.
        embedder: The model.
        on_step: See `Step`.

    Returns:
        float32 [n, d], rows of length 1.
    """
    counts = Counter(products)
    chosen = np.array([n for n, product in enumerate(products) if counts[product] < FEW_IMAGES])
    rows, done = vectors.copy(), 0
    for part, seen in _seen(photos, chosen.astype(np.int64), embedder):
        sums = vectors[part] + seen.sum(axis=1)
        rows[part] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        done += len(part)
        on_step("views", done, len(chosen))
    return rows


def _seen(
    photos: Sequence[Photo], chosen: NDArray[np.int64], embedder: Embedder
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """A block of indices [b], and the embeddings of these images' views, float32 [b, v, d]."""
    from concurrent.futures import ThreadPoolExecutor

    def seen_again(index: int) -> NDArray[np.uint8]:
        return views(embedder.load(photos[index]))

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(chosen), _BLOCK):
            part = chosen[start : start + _BLOCK]
            pixels = np.concatenate(list(pool.map(seen_again, part.tolist())))
            _, embedded = embedder.embed_many(list(pixels))
            yield part, embedded.reshape(len(part), VIEWS, -1)
