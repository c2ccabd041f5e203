"""Judging an embedding by what the device does with it: recall@1 through `Catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.calibration.fit import PRECISION
from shelflens.calibration.thresholds import margin_for
from shelflens.catalog.calibration import Calibration
from shelflens.dataset import LabelledImage
from shelflens.evaluation.measure.metrics import error_curve, recall_at_k
from shelflens_train.photo_bank import PhotoBank


@dataclass(frozen=True)
class Retrieval:
    """What came back for each query."""

    recall: float
    """recall@1: the share of queries whose best product is theirs."""
    genuine: NDArray[np.float32]
    """Best score of each query's own product."""
    impostor: NDArray[np.float32]
    """Best score among the other products: what the query would get, were its own not there."""
    margin: NDArray[np.float32]
    """Score of the first product less that of the second."""


def embed(
    model: keras.Model, items: Sequence[LabelledImage], bank: PhotoBank
) -> NDArray[np.float32]:
    """Embed photos with a Keras model, in blocks of 32: float32 [n, dim]."""
    blocks = []
    for start in range(0, len(items), 32):
        pixels = np.stack([bank.get(item.path) for item in items[start : start + 32]])
        # One shape for every block: a second shape would be compiled anew.
        padded = np.zeros((32, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = pixels
        blocks.append(keras.ops.convert_to_numpy(model.predict_on_batch(padded))[: len(pixels)])
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
    ranked, genuine, impostor, margin = [], [], [], []
    for vector, product in zip(queries, query_products, strict=True):
        matches = catalog.match(vector, k=len(catalog))
        ranked.append([matches[0].id])
        genuine.append(next(match.score for match in matches if match.id == product))
        impostor.append(next(match.score for match in matches if match.id != product))
        margin.append(matches[0].score - matches[1].score)
    scores = (np.array(column, np.float32) for column in (genuine, impostor, margin))
    return Retrieval(recall_at_k(ranked, query_products), *scores)


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


def default_calibration(found: Retrieval) -> dict[str, float]:
    """Threshold and margin for catalogs that have none of their own.

    The threshold is at the equal error rate: as many queries fall below it with their own product
    as rise above it with only the others. The margin is the smallest from which an accepted product
    is right in a share `PRECISION`, as in `shelflens catalog calibrate`. Measure with one image per
    product, the smallest catalog: with more images all scores rise, and the threshold accepts more
    unknown products.

    Returns:
        `threshold` and `margin`, in units of cosine similarity.
    """
    _, threshold = error_curve(found.genuine, found.impostor).equal
    accepted = np.maximum(found.genuine, found.impostor) >= threshold
    margin = margin_for(
        found.margin[accepted].astype(np.float64),
        (found.genuine > found.impostor)[accepted],
        precision=PRECISION,
        default=Calibration().margin,
    )
    return {"threshold": round(threshold, 4), "margin": round(margin, 4)}


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
