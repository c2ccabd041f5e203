"""What the protocols share: images of a split, embeddings, recall, separation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import GROCERY, read_classes, read_split
from shelflens import Catalog, Embedder
from shelflens.dataset import Dataset, LabelledImage
from shelflens.evaluation.measure import metrics
from shelflens.progress import Progress

Vectors = NDArray[np.float32]


def photos_of(name: str, every: int = 1) -> Dataset:
    """A split of the Grocery Store Dataset: train, val, test, or iconic.

    Args:
        name: Of the split.
        every: Take every n-th photo, for a quick look; iconic images are always all.
    """
    classes = read_classes()
    rows = read_split(name)[:: 1 if name == "iconic" else every]
    items = [LabelledImage(GROCERY / photo, classes[index]["product"]) for photo, index in rows]
    return Dataset(items, {columns["product"]: columns for columns in classes.values()})


def products_of(items: Sequence[LabelledImage]) -> list[str]:
    """The product of each image."""
    return [item.product for item in items]


def only(photos: Dataset, products: set[str]) -> Dataset:
    """The images that show these products."""
    return Dataset([item for item in photos.items if item.product in products], photos.attributes)


def embedded(embedder: Embedder, photos: Dataset, name: str) -> Vectors:
    """Embeddings of a dataset's images: float32 [n, d]."""
    with Progress(f"{embedder.card.variant} {name}", len(photos.items)) as bar:
        return embedder.embed_many(photos.paths, on_done=bar.update)[1]


def shortened(vectors: Vectors, dim: int) -> Vectors:
    """The first dimensions of each embedding, at length 1."""
    short = vectors[:, :dim]
    unit: Vectors = short / np.linalg.norm(short, axis=1, keepdims=True)
    return unit


def nearest(
    gallery: Vectors, products: Sequence[str], queries: Vectors
) -> tuple[list[str], NDArray[np.float64]]:
    """The best product of each query, and its score, through the device's own catalog."""
    catalog = Catalog(list(products), gallery, space="measuring")
    matches = [catalog.match(query, k=1)[0] for query in queries]
    return [match.id for match in matches], np.array([match.score for match in matches])


def recall(
    gallery: Vectors, products: Sequence[str], queries: Vectors, own: Sequence[str]
) -> float:
    """recall@1: the share of queries whose best product is their own."""
    ids, _ = nearest(gallery, products, queries)
    return metrics.recall_at_k([[product] for product in ids], own)


def separation(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> tuple[float, float]:
    """AUROC and FPR@95TPR of the best scores of enrolled and of out-of-catalog products."""
    return metrics.auroc(known, unknown), metrics.fpr_at_tpr(known, unknown)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins of confidence."""
    return metrics.calibration_error(metrics.reliability_bins(confidence, right))
