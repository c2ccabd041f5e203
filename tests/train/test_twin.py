"""The fast twin computes what the network computes, before and after it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.train


def networks(backbone: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """A network with BatchNorm statistics as if it had been trained, and a fresh one."""
    import keras

    from shelflens_train.config import TrainConfig
    from shelflens_train.model import embedding_model

    keras.utils.set_random_seed(0)
    values = {"dim": 16, "size": 64, "backbone": backbone, **options}
    config = TrainConfig(data=("x",), **values)
    network = embedding_model(config, weights=None, side=config.size)
    random = np.random.default_rng(0)
    for layer in network.layers[2].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for one in layer.weights:
                one.assign(random.uniform(0.5, 1.5, one.shape))
    return network, embedding_model(config, weights=None, side=None)


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("mobilenet_v2", {"alpha": 0.35}),
        ("mobilenet_v3_small", {"alpha": 0.75, "minimalistic": True}),
        ("mobilenet_v3_small", {"alpha": 0.75}),
        ("resnet50", {}),
        ("inception_v3", {"size": 96}),
    ],
)
def test_it_gives_the_same_and_gives_back_what_it_learnt(
    backbone: str, options: dict[str, Any]
) -> None:
    from shelflens_train.model import freeze_backbone
    from shelflens_train.twin import Twin

    network, fresh = networks(backbone, options)
    before = [one.copy() for one in network.get_weights()]
    twin = Twin(network, fresh)
    side = network.input_shape[1]
    pixels = np.random.default_rng(1).uniform(0, 255, (3, side, side, 3)).astype(np.float32)

    def said(model: Any) -> NDArray[np.float32]:
        return np.asarray(model(pixels, training=False))

    start = said(network)
    np.testing.assert_allclose(said(twin.model), start, atol=2e-5)
    freeze_backbone(twin.model, frozen=False)
    twin.model.compile("sgd", "mse")
    wanted = np.random.default_rng(2).normal(size=start.shape)
    twin.model.fit(pixels, wanted, epochs=2, verbose=0)
    learnt = said(twin.model)
    assert np.abs(learnt - start).max() > 1e-3, "it was trained"
    twin.write_back()
    np.testing.assert_allclose(said(network), learnt, atol=2e-5)
    moved = [
        one.path
        for one, old in zip(network.weights, before, strict=True)
        if not np.array_equal(one.numpy(), old)
    ]
    assert not [path for path in moved if "moving" in path or "gamma" in path or "scale/" in path]
    assert any("beta" in path for path in moved)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_saved_weights_are_loaded_again(tmp_path: Path) -> None:
    """A run that goes on after a kill goes on with what it had learnt."""
    from shelflens_train.model import classifier
    from shelflens_train.twin import Twin

    def learner(start: Any) -> Any:
        return classifier(
            Twin(start, networks("mobilenet_v2", {"alpha": 0.35})[1]).model,
            3,
            prefixes=(8, 16),
            seed=0,
        )

    start = networks("mobilenet_v2", {"alpha": 0.35})[0]
    first, second = learner(start), learner(start)
    first.compile("sgd", "mse")
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    first.fit(pixels, np.ones((2, 2, 3)), epochs=1, verbose=0)
    first.save_weights(tmp_path / "last.weights.h5")
    said = first.predict(pixels, verbose=0)
    assert not np.allclose(second.predict(pixels, verbose=0), said, atol=1e-4)
    second.load_weights(tmp_path / "last.weights.h5")
    np.testing.assert_allclose(second.predict(pixels, verbose=0), said, atol=1e-5)


def test_the_head_starts_as_a_projection_that_keeps_neighbours() -> None:
    from shelflens_train.model import features_of, set_head

    network, _ = networks("mobilenet_v2", {"alpha": 0.35})
    random = np.random.default_rng(0)
    kinds = random.normal(size=(12, 1280))
    kinds[:, 0] += 30  # what all photos have in common
    features = (np.repeat(kinds, 6, 0) + random.normal(size=(72, 1280)) * 0.5).astype(np.float32)
    set_head(network, features)
    kernel, bias = network.get_layer("embedding").get_weights()
    vectors = features @ kernel + bias
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T - 2 * np.eye(72)
    assert np.array_equal(cosines.argmax(1) // 6, np.arange(72) // 6)
    assert abs(vectors.mean(0)).max() < 0.3, "what is common to all photos is taken off"
    assert features_of(network).output_shape == (None, 1280)


def test_proxies_compare_every_prefix() -> None:
    from shelflens_train.model import Proxies

    random = np.random.default_rng(0)
    vectors = random.normal(size=(4, 16)).astype(np.float32)
    layer = Proxies(5, (4, 16), seed=0)
    got = np.asarray(layer(vectors))
    kernel = layer.kernel.numpy()
    assert got.shape == (4, 2, 5)
    for place, length in enumerate((4, 16)):
        for i in range(4):
            for j in range(5):
                a, b = vectors[i, :length], kernel[:length, j]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert got[i, place, j] == pytest.approx(cosine, abs=1e-5)
