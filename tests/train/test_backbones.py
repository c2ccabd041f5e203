"""The embedding networks."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("mobilenet_v3_small", {"alpha": 0.75}),
        ("mobilenet_v3_large", {"alpha": 0.75, "minimalistic": True}),
        ("mobilenet_v2_pruned", {}),
        ("vgg16", {}),
        ("resnet50", {}),
        ("inception_v3", {"size": 128}),
    ],
)
def test_every_backbone_builds_and_scales_its_own_input(
    backbone: str, options: dict[str, object]
) -> None:
    import keras

    from shelflens_train.spec import BackboneSpec
    from shelflens_train.start_weights import starting_network

    keras.utils.set_random_seed(0)
    spec = BackboneSpec(
        backbone,
        dim=16,
        trains_statistics=True,
        **{"size": 64, **options},  # type: ignore[arg-type]
    )
    model = starting_network(spec, "none")
    pixels = np.random.default_rng(0).integers(0, 255, (2, spec.size, spec.size, 3))
    vectors = np.asarray(model(pixels.astype(np.float32)))
    assert vectors.shape == (2, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_the_caffe_backbones_get_what_keras_would_give_them() -> None:
    import keras

    from shelflens_train.backbones import _caffe_scaling

    pixels = np.random.default_rng(0).integers(0, 255, (1, 5, 6, 3)).astype(np.float32)
    oracle = keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode="caffe")
    assert np.allclose(np.asarray(_caffe_scaling()(pixels)), oracle, atol=1e-4)
