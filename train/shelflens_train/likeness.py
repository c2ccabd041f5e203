"""The directions of an embedding in which products of one kind lie close together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.category_axes import CategoryAxes

MOST = 48
"""Axes at most; one fewer than there are kinds is all there is."""

SHRINK = 0.3
"""Share of the mean variance in the scatter within kinds (Ledoit and Wolf 2004): a kind of three
products says little about 256 numbers."""


def kind_axes(vectors: NDArray[np.float32], kinds: Sequence[str]) -> CategoryAxes:
    """Linear discriminant analysis (Fisher 1936; Rao 1948), with a shrunk scatter.

    Args:
        vectors: float32 [n, d], embeddings of training photos.
        kinds: What each shows, n names; "" for a photo without one, which is left out.

    Returns:
        The axes that tell kinds apart best, the best first; none for fewer than 2 kinds.
    """
    told = np.array([bool(kind) for kind in kinds])
    names, numbers = np.unique(np.array(kinds)[told], return_inverse=True)
    if len(names) < 2:
        return CategoryAxes()
    known = vectors[told].astype(np.float64)
    counts = np.bincount(numbers)
    sums = np.zeros((len(names), known.shape[1]))
    np.add.at(sums, numbers, known)
    means = sums / counts[:, np.newaxis]
    inside = known - means[numbers]
    scatter = inside.T @ inside / len(known)
    scatter = (1 - SHRINK) * scatter + SHRINK * np.trace(scatter) / len(scatter) * np.eye(
        len(scatter)
    )
    values, turned = np.linalg.eigh(scatter)
    whitened = turned / np.sqrt(values)
    _, sizes, best = np.linalg.svd((means - known.mean(axis=0)) @ whitened, full_matrices=False)
    count = min(MOST, int((sizes > sizes[0] * 1e-6).sum()))
    return CategoryAxes.of((whitened @ best[:count].T).T)
