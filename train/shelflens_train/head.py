"""The linear head of an embedding network: its first weights, and a change of axes at the end."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

_POWER = 0.2
"""Power of the variance that each principal axis is divided by: 0 is plain PCA, 0.5 whitens."""


def project_head(embedder: keras.Model, features: NDArray[np.float32]) -> None:
    """Make the head a projection of the features onto their principal axes, the largest first.

    Nothing in it is random, so nothing has to be learnt before the backbone may move, and the
    untrained network finds more products than the raw features do.

    Args:
        embedder: Its head is replaced.
        features: float32 [n, f], pooled features of typical photos.
    """
    mean = features.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((features - mean).T.astype(np.float64)))
    head = embedder.get_layer("embedding")
    largest = np.argsort(values)[::-1][: head.units]
    variance = np.maximum(values[largest], values.max() * 1e-4)
    kernel = axes[:, largest] / variance**_POWER
    head.set_weights([kernel.astype(np.float32), (-mean @ kernel).astype(np.float32)])


def transform_head(embedder: keras.Model, axes: NDArray[np.float64]) -> None:
    """Multiply what an embedding network gives, before it is normalised, by float64 [d, d]."""
    head = embedder.get_layer("embedding")
    head.set_weights([(weights @ axes).astype(np.float32) for weights in head.get_weights()])
