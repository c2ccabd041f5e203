"""Judging an embedding by what the device does with it: recall@1 through `Catalog`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.calibration.fit import UNKNOWN_SHARE, fit_posterior
from shelflens.calibration.scores import ScoredPhotos, score_photos
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.posterior import Posterior
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.dataset import LabelledImage
from shelflens.errors import DataError
from shelflens.evaluation.measure.metrics import error_curve
from shelflens.progress import Progress
from shelflens_train.devices import on_this_process
from shelflens_train.photo_bank import PhotoBank

_BLOCK = 32


@dataclass(frozen=True)
class Retrieval:
    """What came back for each query."""

    recall: float
    """recall@1: the share of queries whose best product is theirs."""
    right: NDArray[np.bool_]
    """Of each query, whether it is: bool [m]."""
    genuine: NDArray[np.float32]
    """Score of each query's own product; of its best row, where it is not among the first ones."""
    impostor: NDArray[np.float32]
    """Best score among the other products: what the query would get, were its own not there."""
    photos: Callable[[], ScoredPhotos]
    """The scores of each query's first products, with its own product enrolled and left out."""


def embed(
    model: keras.Model,
    items: Sequence[LabelledImage],
    bank: PhotoBank,
    *,
    progress: str = "embedding",
) -> NDArray[np.float32]:
    """Embed photos with a Keras model, in blocks of 32: float32 [n, dim].

    The next blocks are decoded on all cores meanwhile.

    Args:
        model: The network.
        items: The photos, n of them.
        bank: Gives them.
        progress: What the progress line says.
    """
    blocks: list[NDArray[np.float32]] = []
    with on_this_process(), Progress(progress, len(items)) as bar:
        bar.begin()
        for pixels in bank.blocks([item.path for item in items], _BLOCK):
            blocks.append(in_blocks(model, pixels))
            bar.update(min(len(blocks) * _BLOCK, len(items)))
    return np.concatenate(blocks)


def in_blocks(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed decoded photos, 32 at a time: uint8 [n, size, size, 3] -> float32 [n, dim]."""
    blocks = []
    for start in range(0, len(pixels), _BLOCK):
        part = pixels[start : start + _BLOCK]
        # One shape for every block: a second shape would be compiled anew.
        padded = np.zeros((_BLOCK, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        blocks.append(keras.ops.convert_to_numpy(model.predict_on_batch(padded))[: len(part)])
    return np.concatenate(blocks).astype(np.float32)


def retrieve(
    gallery: NDArray[np.float32],
    gallery_products: Sequence[str],
    queries: NDArray[np.float32],
    query_products: Sequence[str],
    adaptation: Adaptation | None = None,
) -> Retrieval:
    """Match every query against a catalog of the gallery.

    Args:
        gallery: float32 [n, d], with the product of each row.
        queries: float32 [m, d], with the product of each row.
        adaptation: Of the catalog.
    """
    catalog = Catalog(list(gallery_products), gallery, space="evaluation", adaptation=adaptation)
    right, genuine, impostor = [], [], []
    ranked = catalog.match_many(queries, MATCH_CANDIDATES + 1)
    for vector, product, matches in zip(queries, query_products, ranked, strict=True):
        right.append(matches[0].id == product)
        own = next((match.score for match in matches if match.id == product), None)
        genuine.append(_best_row(catalog, vector, product) if own is None else own)
        impostor.append(next(match.score for match in matches if match.id != product))
    return Retrieval(
        float(np.mean(right)),
        np.array(right, np.bool_),
        np.array(genuine, np.float32),
        np.array(impostor, np.float32),
        partial(score_photos, catalog, queries, query_products),
    )


def _best_row(catalog: Catalog, vector: NDArray[np.float32], product: str) -> float:
    """The score of a product that is not among the first ones."""
    scores = catalog.best_row_scores(catalog.queries([vector]))[0]
    return float(scores[catalog.ids.index(product)])


def retrieval(
    model: keras.Model,
    gallery: Sequence[LabelledImage],
    queries: Sequence[LabelledImage],
    bank: PhotoBank,
    *,
    progress: str = "embedding",
) -> Retrieval:
    """Embed gallery and queries, and match every query; see `embed` and `retrieve`."""
    both = embed(model, [*gallery, *queries], bank, progress=progress)
    return retrieve(
        both[: len(gallery)],
        [item.product for item in gallery],
        both[len(gallery) :],
        [item.product for item in queries],
    )


def default_calibration(found: Retrieval, *, on_views: bool = False) -> dict[str, Any]:
    """What catalogs that have no calibration of their own go by, for the model card.

    The posterior is fitted on the queries, with their own product enrolled and left out, and drawn
    towards that of shops of many kinds; on synthetic views, which are too easy, it is that one. The
    threshold is at the equal error rate: as many queries fall below it with their own product as
    rise above it with only the others.

    Returns:
        `threshold`, a cosine similarity, and the coefficients of `posterior`.
    """
    _, threshold = error_curve(found.genuine, found.impostor).equal
    posterior = Posterior()
    # A network whose scores are all alike has learnt nothing, and the run says so.
    with suppress(DataError):
        if not on_views:
            photos = found.photos()
            posterior = fit_posterior(photos.known, photos.not_enrolled, UNKNOWN_SHARE, posterior)
    return {"threshold": round(threshold, 4), "posterior": asdict(posterior)}


def sample_per_product(items: Sequence[LabelledImage], count: int) -> list[LabelledImage]:
    """At most `count` photos of every product, spread over its photos."""
    by_product: dict[str, list[LabelledImage]] = {}
    for item in items:
        by_product.setdefault(item.product, []).append(item)
    chosen = []
    for photos in by_product.values():
        indices = np.unique(np.linspace(0, len(photos) - 1, min(count, len(photos))).round())
        chosen += [photos[int(index)] for index in indices]
    return chosen
