"""Which directions of the embedding come first, so that a prefix of it tells most.

Turning an embedding changes no cosine similarity, but it changes what its first numbers hold. At
the end of a training the head is turned so that they hold what tells products apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

_TELLING = 64
"""Fewer axes than these are too few to choose by products seen in training: see `telling_axes`."""


def telling_axes(vectors: NDArray[np.float32], products: Sequence[str]) -> NDArray[np.float64]:
    """A rotation that puts first what differs between products and not between their photos.

    The axes are the eigenvectors of scatter between products less scatter within them, the largest
    first (maximum margin criterion: Li, Jiang and Zhang, "Efficient and robust feature extraction
    by maximum margin criterion", NeurIPS 2003). Inside the first 64 they are turned once more, to
    the principal axes: the very first numbers must also serve products that no training saw, and
    these differ by other things. Measured on 40 such products, recall@1 of the first 64 numbers
    from one studio picture: 0.650 for 0.630 as trained; of the first 32: 0.625 for 0.621.

    Args:
        vectors: float32 [n, d], embeddings of length 1.
        products: The product of each.

    Returns:
        float64 [d, d], orthogonal; `vectors @ it` are the turned embeddings.
    """
    wide = vectors.astype(np.float64)
    _, number = np.unique(np.asarray(products), return_inverse=True)
    count = np.bincount(number)
    middles = np.zeros((len(count), wide.shape[1]))
    np.add.at(middles, number, wide)
    middles /= count[:, None]
    apart = wide - middles[number]
    within = apart.T @ apart / len(wide)
    middles /= np.maximum(np.linalg.norm(middles, axis=1, keepdims=True), 1e-9)
    axes = _largest_first(middles.T @ middles / len(middles) - within)
    first = axes[:, :_TELLING]
    seen = wide @ first
    return np.concatenate([first @ _largest_first(seen.T @ seen), axes[:, _TELLING:]], axis=1)


def turn_head(embedder: keras.Model, rotation: NDArray[np.float64]) -> None:
    """Turn what an embedding network gives."""
    head = embedder.get_layer("embedding")
    head.set_weights([(one @ rotation).astype(np.float32) for one in head.get_weights()])


def _largest_first(symmetric: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvectors as columns."""
    axes: NDArray[np.float64] = np.linalg.eigh(symmetric)[1][:, ::-1]
    return axes
