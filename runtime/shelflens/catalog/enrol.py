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
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adapt import VIEWS, LeftOut, adaptation_matrix, left_out_recall, views
from shelflens.catalog.adaptation import Adaptation, unit
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import unit_queries
from shelflens.catalog.prefix import prefix
from shelflens.catalog.topk import top_products
from shelflens.model.card import ModelCard
from shelflens.model.image import Photo

Adapt = Literal["auto", "off"]

SAMPLE = 200
"""Images whose views say how to adapt."""

FEW_IMAGES = 3
"""Of a product with so many images no views are enrolled: they show it from several sides."""

KNOWN_SIMILARITY = 0.92
"""Mean cosine of an image and its views from which a model knows how to see such goods, where
left-out images do not decide. A model's card has its own, `known_similarity`, from
`python -m benchmarks.quality.shops --install`; this is for cards without."""

OWN_SIMILARITY = 0.88
"""Cosine that an image has with its row at least, so that it is recognised when it is shown again
also where its views are unlike it. It costs no recall: the experiment's note."""

SAME_IMAGE = 0.999
"""Cosine similarity from which two rows are of one image."""

_CANDIDATE = 0.7
"""Cosine similarity with its own row that an enrolled image has at least."""

_PROBED = 48

_BLOCK = 32
"""Images whose views are held at a time: 8 views of 224 pixels of each take 37 MiB."""

Floats = NDArray[np.float32]
Step = Callable[[str, int, int], None]
"""Called with the step, the number of images it has finished, and of how many."""


class ViewEmbedder(Protocol):
    """What is asked of a model: `Embedder`, or a network in training."""

    @property
    def card(self) -> ModelCard:
        """Its model card."""

    def load(self, photo: Photo) -> NDArray[np.uint8]:
        """Decode a photo to the model's input, uint8 [size, size, 3]."""

    def embed_many(self, photos: Sequence[Photo]) -> tuple[NDArray[np.int64], Floats]:
        """Indices [n] and embeddings float32 [n, d] of photos that can be read."""


def _silent(name: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Verdict:
    """Whether a catalog was adapted to its shop, and by which figures."""

    adapted: bool
    left_out: LeftOut
    similarity: float
    """Mean cosine of an image and its views."""
    known_similarity: float = KNOWN_SIMILARITY
    """From which the model knows how to see such goods."""

    def __str__(self) -> str:
        sign = "below" if self.similarity < self.known_similarity else "at least"
        why = f"similarity of views {self.similarity:.2f}, {sign} {self.known_similarity:g}"
        if found := self.left_out.asked:
            without, adapted = self.left_out.without / found, self.left_out.adapted / found
            recalls = f"left-out images found {without:.3f}, adapted {adapted:.3f}"
            why = recalls if self.left_out.decides else f"{why}; {recalls}"
        return f"{'adapted to these images' if self.adapted else 'not adapted'} ({why})"


def adapted_rows(
    photos: Sequence[Photo],
    vectors: Floats,
    products: Sequence[str],
    embedder: ViewEmbedder,
    *,
    dim: int | None = None,
    on_step: Step = _silent,
) -> tuple[Floats, Adaptation, Verdict]:
    """What to enrol of a shop's images, and the adaptation, if it helps here.

    Args:
        photos: n images that can be read.
        vectors: float32 [n, d], their embeddings.
        products: Product of each.
        embedder: The model.
        dim: Numbers per row: the first of each embedding; None for all. Whether the model knows
            such goods is judged by whole embeddings.
        on_step: See `Step`.

    Returns:
        float32 [n, dim], rows of length 1 that the adaptation is still to be applied to; the
        adaptation, the identity where it does not help; and why.
    """
    spread = np.linspace(0, len(photos) - 1, min(SAMPLE, len(photos))).round()
    sample = np.unique(spread.astype(np.int64))
    seen = np.concatenate([part for _, part in _seen(photos, sample, embedder, vectors)])
    similarity = similarity_of_views(vectors[sample], seen)
    if dim is not None:
        vectors, seen = prefix(vectors, dim), prefix(seen, dim)
    known = float(embedder.card.calibration.get("known_similarity", KNOWN_SIMILARITY))
    adaptation, verdict = judged(vectors, products, seen, similarity, known)
    if not verdict.adapted:
        return vectors, adaptation, verdict
    rows = with_views(photos, vectors, products, embedder, on_step=on_step, seen=(sample, seen))
    return rows, adaptation, verdict


def judged(
    vectors: Floats,
    products: Sequence[str],
    seen: Floats,
    similarity: float,
    known_similarity: float,
) -> tuple[Adaptation, Verdict]:
    """The adaptation, if it helps on a shop's images, and why.

    Args:
        vectors: float32 [n, d], embeddings of all images.
        products: Product of each.
        seen: float32 [s, v, d], embeddings of the views of some of them.
        similarity: See `similarity_of_views`.
        known_similarity: Of the model; see `KNOWN_SIMILARITY`.

    Returns:
        The identity where it does not help.
    """
    adaptation = Adaptation.of(adaptation_matrix(seen))
    left_out = left_out_recall(vectors, products, adaptation)
    helps = similarity < known_similarity
    if left_out.decides:
        helps = left_out.adapted > left_out.without
    verdict = Verdict(helps and bool(adaptation), left_out, similarity, known_similarity)
    return adaptation if verdict.adapted else Adaptation(), verdict


def similarity_of_views(images: Floats, seen: Floats) -> float:
    """Mean cosine of images [s, d] and their views [s, v, d]: how well a model knows such goods."""
    return float(np.einsum("nd,nvd->nv", images, seen).mean())


def with_views(
    photos: Sequence[Photo],
    vectors: Floats,
    products: Sequence[str],
    embedder: ViewEmbedder,
    *,
    on_step: Step = _silent,
    seen: tuple[NDArray[np.int64], Floats] | None = None,
) -> Floats:
    """Embeddings of images, those of products with few as the mean with their views.

    Args:
        photos: n images that can be read.
        vectors: float32 [n, d], their embeddings, or the first numbers of these, of length 1.
        products: Product of each; those with `FEW_IMAGES` or more among these get no views.
        embedder: The model.
        on_step: See `Step`.
        seen: Images whose views are embedded already, indices [s], and float32 [s, v, d].

    Returns:
        float32 [n, d], rows of length 1.
    """
    counts = Counter(products)
    few = np.array([counts[product] < FEW_IMAGES for product in products], np.bool_)
    rows = vectors.copy()
    if seen is not None:
        rows[seen[0]] = mean_with_views(vectors[seen[0]], seen[1])
        rows[~few] = vectors[~few]
        few[seen[0]] = False
    left, done = np.flatnonzero(few), 0
    for part, views_of in _seen(photos, left, embedder, vectors):
        rows[part] = mean_with_views(vectors[part], views_of)
        done += len(part)
        on_step("views", done, len(left))
    return rows


def enrolled_already(
    catalog: Catalog, photos: Sequence[Photo], vectors: Floats, embedder: ViewEmbedder
) -> NDArray[np.bool_]:
    """Which photos are images of an adapted catalog, enrolled as the mean with their views.

    The embedding of such an image is not its row; the mean with the same views is. The `_PROBED`
    photos that score highest are looked at, and the rest only if one of these is enrolled.

    Args:
        catalog: The catalog.
        photos: n photos that can be read.
        vectors: float32 [n, d], their embeddings.
        embedder: The model.

    Returns:
        bool [n]; none of them for a catalog that is not adapted.
    """
    same = np.zeros(len(photos), np.bool_)
    if not catalog.adaptation:
        return same
    vectors = unit_queries(catalog.contents, vectors)
    scores = _nearest(catalog, vectors)
    candidates = np.argsort(-scores, kind="stable")[: int((scores >= _CANDIDATE).sum())]
    for group in (candidates[:_PROBED], candidates[_PROBED:]):
        for part, seen in _seen(photos, group, embedder, vectors):
            same[part] = _nearest(catalog, mean_with_views(vectors[part], seen)) >= SAME_IMAGE
        if not same.any():
            break
    return same


def _nearest(catalog: Catalog, vectors: Floats) -> Floats:
    """The score of each vector's best row: float32 [n, d] -> float32 [n]."""
    rows, first_rows = catalog.contents.rows, catalog.contents.products.first_rows
    found = top_products(rows.values, rows.scales, first_rows, catalog.queries(vectors), 1)
    return np.array([best[0] for _, best in found], np.float32)


def mean_with_views(vectors: Floats, seen: Floats) -> Floats:
    """The mean directions of images [b, d] and their views [b, v, d], near the images' own."""
    rows = unit(vectors + seen.sum(axis=1))
    own = np.einsum("bd,bd->b", vectors, rows)[:, np.newaxis]
    away = unit(rows - own * vectors)
    nearest: Floats = OWN_SIMILARITY * vectors + np.sqrt(1 - OWN_SIMILARITY**2) * away
    return np.where(own < OWN_SIMILARITY, nearest, rows).astype(np.float32)


def _seen(
    photos: Sequence[Photo], chosen: NDArray[np.int64], embedder: ViewEmbedder, vectors: Floats
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """A block of indices [b], and the embeddings of these images' views, float32 [b, v, d]; as long
    as those of the images, float32 [n, d]."""
    from concurrent.futures import ThreadPoolExecutor

    def seen_again(index: int) -> NDArray[np.uint8]:
        return views(embedder.load(photos[index]))

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(chosen), _BLOCK):
            part = chosen[start : start + _BLOCK]
            pixels = np.concatenate(list(pool.map(seen_again, part.tolist())))
            _, embedded = embedder.embed_many(list(pixels))
            yield part, prefix(embedded, vectors.shape[1]).reshape(len(part), VIEWS, -1)
