"""Means of networks' weights: a model soup, and WiSE-FT between start and end.

Fine-tunes of one start that differ by their seed, or by how long and how hard they were trained,
end on the rim of one valley of the loss, and the mean of their weights lies lower in it than any of
them, at no cost on the device (Wortsman et al., "Model soups", ICML 2022; for the mean with the
start: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Sequence[NDArray[Any]]
"""The arrays of one network, as `get_weights` gives them."""


def interpolate(start: Weights, end: Weights, start_share: float) -> list[NDArray[Any]]:
    """Weights between those of a start and an end."""
    return [start_share * a + (1 - start_share) * b for a, b in zip(start, end, strict=True)]


def mean_weights(networks: Iterable[Weights]) -> list[NDArray[np.float64]]:
    """The mean of several networks of one shape, summed in float64."""
    total: list[NDArray[np.float64]] = []
    count = 0
    for weights in networks:
        total = total or [np.zeros(array.shape, np.float64) for array in weights]
        for sums, array in zip(total, weights, strict=True):
            sums += array
        count += 1
    return [array / count for array in total]


def relative_distance(first: Weights, second: Weights) -> float:
    """Largest distance between two networks' arrays, as a share of the length of each."""
    return max(
        float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(a)), 1e-9)
        for a, b in zip(first, second, strict=True)
    )
