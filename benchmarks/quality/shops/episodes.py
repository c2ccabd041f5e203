"""Episodes: part of a domain enrolled, photos of it and of what is not, and how they score."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.measuring import Vectors
from benchmarks.quality.shops.stock import Shop
from shelflens import Catalog
from shelflens.calibration.scores import Scores
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.default_calibration import Goods
from shelflens.catalog.enrol import FEW_IMAGES, SAMPLE, judged, mean_with_views
from shelflens.catalog.scores import MATCH_CANDIDATES

KNOWN, SAME_SHELF, ELSEWHERE = range(3)
MAX_PHOTOS = 80
"""Per group of an episode."""
SHARES = (0.5, 0.25, 0.25)
"""What the three groups weigh."""
ENROLLED = (3, 0.75)
"""Fewest products enrolled, and the largest share of the domain's."""
IMAGES = (1, 1, 1, 2, 3, 3, 8, 27)
"""Images per product, at most, drawn from these."""
_CHECKED = 3
"""Photos per episode whose scores are compared with those of `Catalog.answer`."""


@dataclass(frozen=True)
class Photos:
    """How the photos of one episode score."""

    scores: Scores
    group: NDArray[np.int64]
    """`KNOWN`, `SAME_SHELF` or `ELSEWHERE`, [m]."""
    goods: Goods
    """Of the catalog."""


@dataclass(frozen=True)
class Episode:
    """A catalog and photos to ask it about."""

    catalog: Catalog
    vectors: Vectors
    """float32 [m, d]."""
    labels: list[str]
    """What each shows, [m]; empty for elsewhere."""
    group: NDArray[np.int64]
    """[m]."""


def episodes_of(
    shop: Shop, shops: list[Shop], count: int, seed: int, known_similarity: float
) -> list[Photos]:
    """Scored episodes of one domain."""
    generator = np.random.default_rng([seed, zlib.crc32(shop.name.encode())])
    elsewhere = shop.elsewhere(shops)
    return [scored(episode(shop, elsewhere, generator, known_similarity)) for _ in range(count)]


def episode(
    shop: Shop, elsewhere: Vectors, generator: np.random.Generator, known_similarity: float
) -> Episode:
    """Enrol some products of a domain, and pick photos."""
    images = int(generator.choice(IMAGES))
    several = images > FEW_IMAGES
    among = shop.roles == "further" if several else np.ones(len(shop.roles), bool)
    products = generator.permutation(np.unique(shop.products[among]))
    fewest, share = ENROLLED
    size = int(np.exp(generator.uniform(np.log(fewest), np.log(share * len(products)))))
    roles = [str(generator.choice(["reference", "shot"]))] if images == 1 else ["shot"]
    roles += ["further"] * several
    return enrol(
        shop, elsewhere, generator, products[:size], roles, images, MAX_PHOTOS, known_similarity
    )


def enrol(
    shop: Shop,
    elsewhere: Vectors,
    generator: np.random.Generator,
    enrolled: NDArray[np.str_],
    roles: list[str],
    images: int,
    max_photos: int,
    known_similarity: float,
) -> Episode:
    """A catalog of these products as `build_catalog` makes it, and photos of each group.

    Args:
        shop: The domain.
        elsewhere: float32 [n, d], photos of other domains.
        generator: Draws the images and the photos.
        enrolled: Product ids.
        roles: Of the images enrolled.
        images: Per product, at most.
        max_photos: Per group.
        known_similarity: Of the model (`shelflens.catalog.enrol`).
    """
    chosen: list[int] = []
    for product in enrolled:
        own = np.flatnonzero((shop.products == product) & np.isin(shop.roles, roles))
        if not len(own):
            own = np.flatnonzero((shop.products == product) & (shop.roles == "reference"))
        chosen += generator.permutation(own)[:images].tolist()
    rows = np.array(chosen)
    asked = shop.roles == "query"
    known = np.flatnonzero(asked & np.isin(shop.products, enrolled))
    rest = np.flatnonzero(asked & ~np.isin(shop.products, enrolled))
    known, rest = (generator.permutation(part)[:max_photos] for part in (known, rest))
    outside = elsewhere[generator.permutation(len(elsewhere))[:max_photos]]
    return Episode(
        built(shop, rows, known_similarity),
        np.concatenate([shop.vectors[known], shop.vectors[rest], outside]),
        [*shop.products[known].tolist(), *shop.products[rest].tolist(), *[""] * len(outside)],
        np.repeat([KNOWN, SAME_SHELF, ELSEWHERE], [len(known), len(rest), len(outside)]),
    )


def built(shop: Shop, rows: NDArray[np.int64], known_similarity: float) -> Catalog:
    """The catalog of these images, adapted where `adapted_rows` adapts it.

    Views of further photos are not embedded: where one of these is enrolled, views of the shots of
    the same products say how to adapt.
    """
    products, vectors, seen = shop.products[rows], shop.vectors[rows], shop.views[rows]
    viewed = rows
    if np.isnan(seen[:, 0, 0]).any():
        viewed = np.flatnonzero(np.isin(shop.products, products) & (shop.roles == "shot"))
    spread = np.linspace(0, len(viewed) - 1, min(SAMPLE, len(viewed))).round()
    sample = viewed[np.unique(spread.astype(np.int64))]
    labels = products.tolist()
    similarity = float(shop.similarities[sample].mean())
    adaptation, verdict = judged(vectors, labels, shop.views[sample], similarity, known_similarity)
    if verdict.adapted:
        _, owner, count = np.unique(products, return_inverse=True, return_counts=True)
        few = count[owner] < FEW_IMAGES
        vectors[few] = mean_with_views(vectors[few], seen[few])
    calibration = Calibration(view_similarity=verdict.similarity)
    return Catalog(labels, vectors, space=shop.name, adaptation=adaptation, calibration=calibration)


def scored(asked: Episode) -> Photos:
    """The scores of all photos; of a few also as `Catalog.answer` gives them."""
    nearest = asked.catalog.nearest(asked.vectors, MATCH_CANDIDATES)
    scores = Scores.of(nearest, asked.labels, asked.catalog.ids)
    for index in range(_CHECKED):
        answer = asked.catalog.answer(asked.vectors[index])
        posterior = asked.catalog.calibration.posterior
        first, *_, none = posterior.probabilities(scores.scores[index], scores.products)
        np.testing.assert_allclose([answer.confidence, answer.unknown_probability], [first, none],
                                   atol=1e-6)  # fmt: skip
    return Photos(scores, asked.group, Goods.of(asked.catalog))


def weights(parts: list[Photos]) -> NDArray[np.float64]:
    """What each photo of a domain's episodes weighs, [m] of all; they sum to 1."""
    group = np.concatenate([part.group for part in parts])
    counts = np.bincount(group, minlength=len(SHARES))
    found: NDArray[np.float64] = (np.array(SHARES) / counts)[group]
    return found
