"""Judging an embedding by what the device does with it: recall@1 through `Catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.calibration.fit import UNKNOWN_SHARE, fit_posterior
from shelflens.calibration.scores import ScoredPhotos, score_photos
from shelflens.catalog.posterior import Posterior
from shelflens.dataset import LabelledImage
from shelflens.errors import DataError
from shelflens.evaluation.measure.metrics import error_curve, recall_at_k
from shelflens.progress import Progress
from shelflens_train.devices import on_this_process
from shelflens_train.photo_bank import PhotoBank

_BLOCK = 32


@dataclass(frozen=True)
class Retrieval:
    """What came back for each query."""

    recall: float
    """recall@1: the share of queries whose best product is theirs."""
    genuine: NDArray[np.float32]
    """Best score of each query's own product."""
    impostor: NDArray[np.float32]
    """Best score among the other products: what the query would get, were its own not there."""
    photos: ScoredPhotos | None
    """The scores of each query's first products, with its own product enrolled and left out; None
    of a network that has learnt nothing, whose scores are all alike."""


def embed(
    model: keras.Model,
    items: Sequence[LabelledImage],
    bank: PhotoBank,
    *,
    progress: str = "embedding",
) -> NDArray[np.float32]:
    """Embed photos with a Keras model, in blocks of 32: float32 [n, dim].

    The next blocks are decoded on all cores meanwhile. `progress` names the line that is shown.
    """
    blocks: list[NDArray[np.float32]] = []
    with on_this_process(), Progress(progress, len(items)) as bar:
        for pixels in bank.blocks([item.path for item in items], _BLOCK):
            # One shape for every block: a second shape would be compiled anew.
            padded = np.zeros((_BLOCK, *pixels.shape[1:]), np.float32)
            padded[: len(pixels)] = pixels
            found = keras.ops.convert_to_numpy(model.predict_on_batch(padded))[: len(pixels)]
            blocks.append(found)
            bar.update(min(len(blocks) * _BLOCK, len(items)))
    return np.concatenate(blocks).astype(np.float32)


def retrieve(
    gallery: NDArray[np.float32],
    gallery_products: Sequence[str],
    queries: NDArray[np.float32],
    query_products: Sequence[str],
) -> Retrieval:
    """Match every query against a catalog of the gallery.

    Args:
        gallery: float32 [n, d], with the product of each row.
        queries: float32 [m, d], with the product of each row.
    """
    catalog = Catalog(list(gallery_products), gallery, space="evaluation")
    ranked, genuine, impostor = [], [], []
    for vector, product in zip(queries, query_products, strict=True):
        matches = catalog.match(vector, k=len(catalog))
        ranked.append([matches[0].id])
        genuine.append(next(match.score for match in matches if match.id == product))
        impostor.append(next(match.score for match in matches if match.id != product))
    scored = None
    with suppress(DataError):
        scored = score_photos(catalog, queries, query_products)
    return Retrieval(
        recall_at_k(ranked, query_products),
        np.array(genuine, np.float32),
        np.array(impostor, np.float32),
        scored,
    )


def retrieval(
    model: keras.Model,
    gallery: Sequence[LabelledImage],
    queries: Sequence[LabelledImage],
    bank: PhotoBank,
) -> Retrieval:
    """Embed gallery and queries, and match every query."""
    return retrieve(
        embed(model, gallery, bank),
        [item.product for item in gallery],
        embed(model, queries, bank),
        [item.product for item in queries],
    )


def default_calibration(found: Retrieval) -> dict[str, Any]:
    """What catalogs that have no calibration of their own go by, for the model card.

    The posterior is fitted on the queries, with their own product enrolled and left out, and drawn
    towards that of shops of many kinds. The threshold is at the equal error rate: as many queries
    fall below it with their own product as rise above it with only the others.

    Returns:
        `threshold`, a cosine similarity, and the coefficients of `posterior`.
    """
    _, threshold = error_curve(found.genuine, found.impostor).equal
    photos, posterior = found.photos, Posterior()
    if photos is not None:
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
