"""A start for head and proxies that knows what the start weights know."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens_train.backbones import feature_network
from shelflens_train.evaluate import embed
from shelflens_train.head import project_head
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split


def initialize(
    embedder: keras.Model, split: Split, bank: PhotoBank, *, new_head: bool
) -> NDArray[np.float32]:
    """Set the head, and give each proxy the mean embedding of what it stands for.

    Args:
        embedder: The embedding network, at any input size.
        split: What is trained on.
        bank: Its photos, at the size they are trained at.
        new_head: Whether to project the head; otherwise it is kept.

    Returns:
        float32 [d, c], a proxy per class, then one per category.
    """
    items = [*split.train, *split.auxiliary]
    features = embed(feature_network(embedder), items, bank, progress="first embedding")
    if new_head:
        project_head(embedder, features)
    kernel, bias = embedder.get_layer("embedding").get_weights()
    vectors = _unit(features @ kernel + bias)
    return _mean_directions(vectors, split).T


def _mean_directions(vectors: NDArray[np.float32], split: Split) -> NDArray[np.float32]:
    """Mean direction of each class, then of each category: float32 [c, d].

    Args:
        vectors: float32 [n, d], of training photos, then of auxiliary images.
        split: What they show.
    """
    products = [item.product for item in (*split.train, *split.auxiliary)]
    class_index = {name: index for index, name in enumerate(split.classes)}
    category_index = {name: len(class_index) + index for index, name in enumerate(split.categories)}
    sums = np.zeros((len(class_index) + len(category_index), vectors.shape[1]), np.float32)
    np.add.at(sums, [class_index[product] for product in products], vectors)
    rows = [row for row, product in enumerate(products) if product in split.category]
    np.add.at(sums, [category_index[split.category[products[row]]] for row in rows], vectors[rows])
    return _unit(sums)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9
    )
    return unit
