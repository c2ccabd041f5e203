"""The linear head at the start of a training."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train


def test_the_head_starts_as_a_projection_that_keeps_neighbours() -> None:
    from shelflens_train.backbones import embedding_network, feature_network
    from shelflens_train.head import project_head
    from shelflens_train.spec import BackboneSpec

    network = embedding_network(BackboneSpec(alpha=0.35, dim=16, size=64), side=64)
    random = np.random.default_rng(0)
    products = random.normal(size=(12, 1280))
    products[:, 0] += 30  # what all photos have in common
    features = (np.repeat(products, 6, 0) + random.normal(size=(72, 1280)) * 0.5).astype(np.float32)
    project_head(network, features)
    kernel, bias = network.get_layer("embedding").get_weights()
    vectors = features @ kernel + bias
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T - 2 * np.eye(72)
    assert np.array_equal(cosines.argmax(1) // 6, np.arange(72) // 6)
    assert abs(vectors.mean(0)).max() < 0.3, "what is common to all photos is taken off"
    assert feature_network(network).output_shape == (None, 1280)
