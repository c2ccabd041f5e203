"""The folded network computes what the network computes, before and after it is trained."""

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

    from shelflens_train.backbones import embedding_network
    from shelflens_train.spec import BackboneSpec

    keras.utils.set_random_seed(0)
    spec = BackboneSpec(backbone, **{"dim": 16, "size": 64, **options})
    network = embedding_network(spec, side=spec.size)
    random = np.random.default_rng(0)
    for layer in network.layers[2].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return network, embedding_network(spec)


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
    from shelflens_train.backbones import freeze_backbone
    from shelflens_train.batchnorm_folding import FoldedNetwork

    network, fresh = networks(backbone, options)
    before = [weights.copy() for weights in network.get_weights()]
    folded = FoldedNetwork(network, fresh)
    side = network.input_shape[1]
    pixels = np.random.default_rng(1).uniform(0, 255, (3, side, side, 3)).astype(np.float32)

    def said(model: Any) -> NDArray[np.float32]:
        return np.asarray(model(pixels, training=False))

    start = said(network)
    np.testing.assert_allclose(said(folded.model), start, atol=2e-5)
    freeze_backbone(folded.model, frozen=False)
    folded.model.compile("sgd", "mse")
    wanted = np.random.default_rng(2).normal(size=start.shape)
    folded.model.fit(pixels, wanted, epochs=2, verbose=0)
    learnt = said(folded.model)
    assert np.abs(learnt - start).max() > 1e-3, "it was trained"
    folded.write_back()
    np.testing.assert_allclose(said(network), learnt, atol=2e-5)
    moved = [
        variable.path
        for variable, old in zip(network.weights, before, strict=True)
        if not np.array_equal(variable.numpy(), old)
    ]
    assert not [path for path in moved if "moving" in path or "gamma" in path or "scale/" in path]
    assert any("beta" in path for path in moved)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_saved_weights_are_loaded_again(tmp_path: Path) -> None:
    """A run that goes on after a kill goes on with what it had learnt."""
    from shelflens_train.batchnorm_folding import FoldedNetwork
    from shelflens_train.proxies import classifier

    def learner(start: Any) -> Any:
        return classifier(
            FoldedNetwork(start, networks("mobilenet_v2", {"alpha": 0.35})[1]).model,
            3,
            dims=(8, 16),
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
