"""The space that a general embedding is trained into: what several frozen networks see, in one.

The embeddings of the teachers are put side by side, each with its weight, and projected onto
their strongest directions, which are brought nearer to each other in strength (partial whitening:
Jégou and Chum, ECCV 2012). Each identity's mean in that space is its fixed proxy: trained against
20,000 of them, the network has no proxies to learn, and the order among things that the teachers
knew is what it is held to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Space:
    """An affine map from the teachers' embeddings to directions."""

    weights: tuple[float, ...]
    """Of each teacher."""
    mean: NDArray[np.float64]
    """[e], taken off."""
    axes: NDArray[np.float64]
    """[e, d], multiplied by."""

    def of(self, vectors: Sequence[Vectors]) -> Vectors:
        """float32 [n, e_i] by each teacher -> float32 [n, d]; rows of length 1 in both."""
        return unit((side_by_side(vectors, self.weights) - self.mean) @ self.axes)


def fit_space(
    vectors: Sequence[Vectors],
    *,
    weights: Sequence[float],
    dim: int,
    power: float,
    centre: float = 1.0,
    counts: NDArray[np.float64] | None = None,
) -> Space:
    """A space in which typical images differ in every direction.

    Args:
        vectors: float32 [n, e_i] of each teacher, rows of length 1.
        weights: Of each teacher.
        dim: Directions kept.
        power: 0 leaves the strength of directions, 0.5 makes all equal.
        centre: Share of the mean that is taken off.
        counts: float64 [n], how much each image counts; None for all alike.
    """
    joined = side_by_side(vectors, weights)
    mean = np.average(joined, axis=0, weights=counts)
    apart = joined - mean
    share = np.full(len(joined), 1.0) if counts is None else counts / counts.mean()
    values, axes = np.linalg.eigh((apart * share[:, None]).T @ apart / len(apart))
    strongest = np.argsort(values)[::-1][:dim]
    strength = np.maximum(values[strongest], values.max() * 1e-6)
    return Space(tuple(weights), centre * mean, axes[:, strongest] * strength**-power)


def side_by_side(vectors: Sequence[Vectors], weights: Sequence[float]) -> NDArray[np.float64]:
    """float64 [n, sum of e_i]."""
    parts = [
        weight * part.astype(np.float64) for weight, part in zip(weights, vectors, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def proxies(vectors: Vectors, identities: NDArray[np.int64]) -> Vectors:
    """Mean direction of each identity: float32 [n, d], int [n] -> float32 [c, d] of length 1."""
    sums = np.zeros((int(identities.max()) + 1, vectors.shape[1]))
    np.add.at(sums, identities, vectors)
    return unit(sums)


def ridge_head(
    features: Vectors, wanted: Vectors, *, ridge: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear head that comes nearest to wanted embeddings, before anything is trained.

    Args:
        features: float32 [n, f], pooled features of the backbone.
        wanted: float32 [n, d].
        ridge: Added to the mean variance of the features, as a share of it.

    Returns:
        Kernel [f, d] and bias [d].
    """
    middle, target = features.mean(axis=0), wanted.mean(axis=0)
    apart = (features - middle).astype(np.float64)
    scatter = apart.T @ apart / len(apart)
    scatter += ridge * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    kernel = np.linalg.solve(scatter, apart.T @ (wanted - target) / len(apart))
    return kernel.astype(np.float32), (target - middle @ kernel).astype(np.float32)


def unit(rows: NDArray[np.float64] | Vectors) -> Vectors:
    """Rows of length 1, float32."""
    scaled: Vectors = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    ).astype(np.float32)
    return scaled
