"""Cosines with proxies."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train


def test_proxies_compare_every_prefix() -> None:
    from shelflens_train.proxies import Proxies

    random = np.random.default_rng(0)
    vectors = random.normal(size=(4, 16)).astype(np.float32)
    layer = Proxies(5, (4, 16), seed=0)
    got = np.asarray(layer(vectors))
    kernel = layer.kernel.numpy()
    assert got.shape == (4, 2, 5)
    for prefix, dim in enumerate((4, 16)):
        for i in range(4):
            for j in range(5):
                a, b = vectors[i, :dim], kernel[:dim, j]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert got[i, prefix, j] == pytest.approx(cosine, abs=1e-5)
