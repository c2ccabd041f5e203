"""The embedding network: pixels in, a direction out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from shelflens_train.spec import BackboneSpec

PRUNED = {
    **{f"block_{index}": 160 for index in (7, 8, 9)},
    **{f"block_{index}": 208 for index in (10, 11, 12)},
    **{"block_13": 240, "block_14": 320, "block_15": 320, "block_16": 400, "Conv_1": 512},
}
"""Channels of mobilenet_v2_pruned: inside each block, and of the last convolution.

What runs between the blocks is as wide as in MobileNetV2, so its weights are a start for the
pruned one (`benchmarks.recipe.small`). Four fifths of MobileNetV2's weights lie in these layers.
"""


def embedding_network(
    spec: BackboneSpec, *, weights: str | None = None, side: int | None = None
) -> keras.Model:
    """Backbone, pooling, a linear head and unit length.

    BatchNorm keeps the statistics of the start weights (`training=False`), since those of a batch
    of a few dozen photos are too noisy; with `spec.trains_statistics` it learns its own.

    Args:
        spec: What to build.
        weights: "imagenet", a weights file of `keras.applications`, or None for random ones.
        side: Side of the input, pixels; None takes any. The weights do not depend on it.

    Returns:
        float32 [n, side, side, 3] in 0..255 -> float32 [n, dim], rows of length 1.
    """
    image = keras.Input((side, side, 3), name="image")
    prepare, backbone = _backbone(spec, weights, side)
    features = backbone(prepare(image), training=None if spec.trains_statistics else False)
    # The head stays in float32 under mixed precision: unit length needs the digits.
    embedding = keras.layers.Dense(spec.dim, dtype="float32", name="embedding")(features)
    unit = keras.layers.UnitNormalization(dtype="float32", name="unit")(embedding)
    return keras.Model(image, unit, name="embedder")


def feature_network(embedder: keras.Model) -> keras.Model:
    """The part below the head: pixels -> pooled features of the backbone."""
    return keras.Model(embedder.input, embedder.get_layer("embedding").input)


def freeze_backbone(embedder: keras.Model, *, frozen: bool) -> None:
    """Train the head alone, or everything but the scaling of the input."""
    for layer in embedder.layers:
        layer.trainable = layer.name != "scale" and (not frozen or layer.name == "embedding")


def _backbone(
    spec: BackboneSpec, weights: str | None, side: int | None
) -> tuple[Callable[[Any], Any], keras.Model]:
    """The layer that scales 0..255 as the backbone expects, and the backbone."""
    nets = keras.applications
    options = {
        "input_shape": (side, side, 3),
        "include_top": False,
        "weights": weights,
        "pooling": "avg",
    }
    unit_range = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")
    if spec.name == "mobilenet_v2":
        return unit_range, nets.MobileNetV2(alpha=spec.alpha, **options)
    if spec.name == "mobilenet_v2_pruned":
        return unit_range, _pruned(nets.MobileNetV2(**options | {"weights": None}))
    if spec.name in ("mobilenet_v3_small", "mobilenet_v3_large"):
        small = spec.name == "mobilenet_v3_small"
        build = nets.MobileNetV3Small if small else nets.MobileNetV3Large
        # These scale by themselves, from 0..255.
        network = build(alpha=spec.alpha, minimalistic=spec.minimalistic, **options)
        return keras.layers.Identity(name="scale"), network
    if spec.name == "inception_v3":
        return unit_range, nets.InceptionV3(**options)
    network = (nets.VGG16 if spec.name == "vgg16" else nets.ResNet50)(**options)
    return _caffe_scaling(), network


def _pruned(network: keras.Model) -> keras.Model:
    """MobileNetV2 with the channels of `PRUNED`; random weights."""
    widths = {name if name == "Conv_1" else f"{name}_expand": n for name, n in PRUNED.items()}

    def narrowed(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in widths:
            config["filters"] = widths[layer.name]
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=narrowed)


def _caffe_scaling() -> Callable[[Any], Any]:
    """RGB to BGR less the ImageNet mean, as a fixed 1x1 convolution that every converter knows.

    The mean is that of `keras.applications.imagenet_utils.preprocess_input(mode="caffe")`.
    """
    swap = np.array([[[[0, 0, 1], [0, 1, 0], [1, 0, 0]]]], np.float32)
    mean = np.array([-103.939, -116.779, -123.68], np.float32)
    return keras.layers.Conv2D(  # type: ignore[no-any-return]
        3,
        1,
        kernel_initializer=keras.initializers.Constant(swap),
        bias_initializer=keras.initializers.Constant(mean),
        trainable=False,
        name="scale",
    )
