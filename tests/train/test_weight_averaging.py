"""Means of weights, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from shelflens_train.weight_averaging import interpolate, mean_weights, relative_distance

pytestmark = pytest.mark.train


def weights(seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape).astype(np.float32) for shape in ((3, 4), (4,))]


def test_the_mean_counts_a_network_as_often_as_it_is_given() -> None:
    first, second = weights(1), weights(2)
    for a, b, mean in zip(first, second, mean_weights([first, second, first]), strict=True):
        assert mean.dtype == np.float64
        assert np.allclose(mean, (2 * a.astype(float) + b) / 3)


def test_a_share_of_the_start() -> None:
    start, end = weights(1), weights(2)
    for a, b, mixed in zip(start, end, interpolate(start, end, 0.25), strict=True):
        assert np.allclose(mixed, 0.25 * a + 0.75 * b)


def test_the_distance_is_relative_and_that_of_the_array_that_moved_furthest() -> None:
    first = weights(1)
    moved = [first[0], first[1] * 1.5]
    assert relative_distance(first, first) == 0
    assert relative_distance(first, moved) == pytest.approx(0.5, rel=1e-6)
