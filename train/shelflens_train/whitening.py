"""Partial whitening and discriminative rotation of an embedding, at the end of a training.

Training makes the directions strong that separate its own products, and a product that no training
saw may differ by others. So the embedding is first partly whitened: strong directions count for a
little less. Then it is rotated: a prefix of a Matryoshka embedding is an embedding too, so its
first dimensions should hold what separates products best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_POWER = 0.2
"""Power of the standard deviation that is divided by: 0 is none, 1 is whitening."""
_FLOOR = 0.1
"""No direction is taken to be weaker than this share of the mean: few photos say little of it."""
_PREFIX = 64
"""Fewer axes than these are too few to choose by products seen in training alone."""
_UNSEEN = 0.25
"""Share of an axis that separates products, where there are too few of these to estimate it."""
_TINY = 1e-12


def partial_whitening(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """A map that brings the directions of an embedding nearer to each other in strength.

    It is a power of the covariance, between the embedding as it is (power 0) and whitening (-1/2:
    Jégou and Chum, "Negative evidences and co-occurrences in image retrieval", ECCV 2012).

    Args:
        vectors: float32 [n, d], embeddings of length 1 of images of all kinds.

    Returns:
        float64 [d, d], symmetric, for `transform` and `transform_head`; the mean variance stays.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    variance = np.maximum(variance, 0.0)
    mean = max(float(variance.mean()), _TINY)
    factor = (variance / mean + _FLOOR) ** -_POWER
    factor *= np.sqrt(mean / max(float((variance * factor**2).mean()), _TINY))
    whitening: NDArray[np.float64] = (axes * factor) @ axes.T
    return whitening


def discriminative_rotation(
    vectors: NDArray[np.float32], products: Sequence[str]
) -> NDArray[np.float64]:
    """Axes that put first what differs between products and not between their photos.

    They are the eigenvectors of the scatter between products less that within them, the largest
    first (maximum margin criterion: Li, Jiang and Zhang, "Efficient and robust feature extraction
    by maximum margin criterion", NeurIPS 2003). Inside the first 64 they are rotated once more, to
    the principal axes: the very first dimensions must also serve products that no training saw, and
    these differ by other things. Each axis is scaled by the root of its share of scatter between
    products; where products have one photo each, all count alike.

    Products fewer than axes cannot span them all, and what lies beyond is not noise to other
    products: there an axis is scaled by at least a half.

    Args:
        vectors: float32 [n, d], embeddings of length 1.
        products: The product of each.

    Returns:
        float64 [d, d], orthogonal columns of length 1 or less, for `transform` and
        `transform_head`.
    """
    rows = vectors.astype(np.float64)
    between, within, products_seen = _scatters(rows, products)
    axes = _largest_first(between - within)
    prefix = rows @ axes[:, :_PREFIX]
    axes[:, :_PREFIX] @= _largest_first(prefix.T @ prefix)
    signal, noise = (np.einsum("da,de,ea->a", axes, scatter, axes) for scatter in (between, within))
    share = np.maximum(signal, _TINY) / (np.maximum(signal, _TINY) + np.maximum(noise, 0.0))
    beyond = np.argsort(signal)[: max(0, len(signal) - products_seen)]
    share[beyond] = np.maximum(share[beyond], _UNSEEN)
    scaled: NDArray[np.float64] = axes * np.sqrt(share)
    return scaled


def transform(vectors: NDArray[np.float32], axes: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a network whose head was transformed gives: float32 [n, d] of length 1."""
    new = vectors @ axes
    new /= np.maximum(np.linalg.norm(new, axis=1, keepdims=True), _TINY)
    unit: NDArray[np.float32] = new.astype(np.float32)
    return unit


def _scatters(
    rows: NDArray[np.float64], products: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Scatter between products, scatter within them, and how many products there are."""
    _, index = np.unique(np.asarray(products), return_inverse=True)
    count = np.bincount(index)
    means = np.zeros((len(count), rows.shape[1]))
    np.add.at(means, index, rows)
    means /= count[:, None]
    apart = rows - means[index]
    within = apart.T @ apart / len(rows)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return means.T @ means / len(means), within, len(count)


def _largest_first(symmetric: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvectors as columns."""
    axes: NDArray[np.float64] = np.linalg.eigh(symmetric)[1][:, ::-1]
    return axes
