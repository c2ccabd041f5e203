"""What is minimised: products, categories and pairs, at every prefix."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.test_losses import contrasted, cosface, sample, weighed

pytestmark = pytest.mark.train


def test_categories_are_learnt_beside_products() -> None:
    from shelflens_train.config import TrainConfig
    from shelflens_train.losses import cosine_softmax
    from shelflens_train.objective import training_loss

    generator = np.random.default_rng(1)
    cosines = generator.uniform(-1, 1, (6, 2, 7))
    labels = np.array([[0, 1], [3, -1], [4, 0], [1, 1], [2, -1], [4, 0]])
    config = TrainConfig(data=("x",), category="category", category_weight=0.5)
    loss = float(training_loss(config, categories=2)(labels, cosines))
    products = np.mean(
        [cosface(cosines[:, prefix, :5], labels[:, 0], 0.1, 24.0) for prefix in range(2)]
    )
    known = labels[:, 1] >= 0
    categories = cosface(cosines[known, 1, 5:], labels[known, 1], 0.0, 24.0)
    assert loss == pytest.approx(products + 0.5 * categories, rel=1e-4)
    none = cosine_softmax(
        cosines[:, 0, :5], labels[:, 0], margin=0.0, scale=24.0, weights=np.zeros(6, np.float32)
    )
    assert float(none) == 0


@pytest.mark.parametrize("pair_loss", ["multi-similarity", "contrastive"])
def test_pairs_are_compared_at_every_prefix(pair_loss: str) -> None:
    from shelflens_train.config import TrainConfig
    from shelflens_train.objective import training_loss

    _, vectors, products = sample(2)
    labels = np.stack([products, np.full(len(products), -1)], axis=1)
    config = TrainConfig(
        data=("x",), dim=6, prefixes=("2", "4"), pair_loss=pair_loss, per_product=2, pair_weight=0.5
    )
    parts = []
    for dim in (2, 4, 6):
        short = vectors[:, :dim] / np.linalg.norm(vectors[:, :dim], axis=1, keepdims=True)
        contrastive = pair_loss == "contrastive"
        parts.append(contrasted(short, products, 0.1) if contrastive else weighed(short, products))
    _, pairs = training_loss(config, categories=0)
    loss = float(pairs(labels, vectors.astype(np.float32)))
    assert loss == pytest.approx(0.5 * np.mean(parts), rel=1e-4)
