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
