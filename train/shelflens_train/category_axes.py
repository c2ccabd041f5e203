"""Category axes: directions of an embedding along which products of a category lie close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.category_axes import CategoryAxes

MAX_AXES = 48
"""There are never more than one fewer than categories."""

SHRINK = 0.3
"""Share of the mean variance in the scatter within categories (Ledoit and Wolf 2004): a category of
three products says little about 256 dimensions."""


def category_axes(vectors: NDArray[np.float32], categories: Sequence[str]) -> CategoryAxes:
    """Linear discriminant analysis (Fisher 1936; Rao 1948), with a shrunk scatter.

    Args:
        vectors: float32 [n, d], embeddings of training photos.
        categories: Of each of the n photos; "" for a photo without one, which is left out.

    Returns:
        The axes that separate categories best, the best first; none for fewer than 2 categories.
    """
    known = np.array([bool(category) for category in categories])
    names, index = np.unique(np.array(categories)[known], return_inverse=True)
    if len(names) < 2:
        return CategoryAxes()
    rows = vectors[known].astype(np.float64)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, index, rows)
    means = sums / np.bincount(index)[:, np.newaxis]
    within = rows - means[index]
    scatter = within.T @ within / len(rows)
    scatter = (1 - SHRINK) * scatter + SHRINK * np.trace(scatter) / len(scatter) * np.eye(
        len(scatter)
    )
    values, axes = np.linalg.eigh(scatter)
    whitened = axes / np.sqrt(values)
    between = (means - rows.mean(axis=0)) @ whitened
    _, sizes, best = np.linalg.svd(between, full_matrices=False)
    count = min(MAX_AXES, int((sizes > sizes[0] * 1e-6).sum()))
    return CategoryAxes.of((whitened @ best[:count].T).T)
