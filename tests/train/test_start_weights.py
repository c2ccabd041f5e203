"""Start weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shelflens.errors import ModelError

pytestmark = pytest.mark.train


def test_start_weights_are_the_weights_file(grocery: Path) -> None:
    import keras

    from shelflens_train.spec import BackboneSpec
    from shelflens_train.start_weights import starting_network

    weights = grocery.parents[1] / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    ours = starting_network(BackboneSpec(size=96), str(weights))
    theirs = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), include_top=False, weights=weights, pooling="avg"
    )
    mine = next(layer for layer in ours.layers if layer.name.startswith("mobilenet"))
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(ModelError, match=r"no-top weights of mobilenet_v2 with alpha 0\.5"):
        starting_network(BackboneSpec(size=96, alpha=0.5), str(weights))


def test_a_shop_starts_from_the_bundled_model_where_it_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And from ImageNet's weights for a network of another kind."""
    from shelflens_train import start_weights
    from shelflens_train.config import AUTO
    from shelflens_train.spec import BackboneSpec

    name, network = start_weights.start_of(BackboneSpec(size=64), AUTO)
    assert name == "bundled"
    bundled = start_weights.starting_network(BackboneSpec(size=64), "bundled")
    for ours, theirs in zip(network.get_weights(), bundled.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    asked: list[str] = []
    real = start_weights.starting_network

    def starting(spec: BackboneSpec, weights: str) -> object:
        asked.append(weights)
        return real(spec, "bundled") if weights == "bundled" else "a network"

    monkeypatch.setattr(start_weights, "starting_network", starting)
    for spec in (BackboneSpec(size=64, alpha=0.5), BackboneSpec(size=64, dim=512)):
        assert start_weights.start_of(spec, AUTO) == ("imagenet", "a network")
    assert asked == ["bundled", "imagenet"] * 2
