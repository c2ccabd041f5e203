"""The embedding network: pixels in, a direction out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shelflens.errors import ModelError
from shelflens_train.config import TrainConfig


def embedding_model(config: TrainConfig, *, weights: str | None, side: int) -> keras.Model:
    """Backbone, pooling, a linear head and unit length.

    BatchNorm keeps the statistics of the start weights (`training=False`): batches of a few dozen
    photos would spoil them. Only a network that starts from nothing learns its own.

    Args:
        config: Which backbone, size and dimension.
        weights: "imagenet", a weights file of `keras.applications`, or None.
        side: Side of the input, pixels; the weights do not depend on it.

    Returns:
        float32 [n, side, side, 3] in 0..255 -> float32 [n, dim], rows of length 1.

    Raises:
        ModelError: the weights cannot be had or do not fit.
    """
    image = keras.Input((side, side, 3), name="image")
    prepare, network = _backbone(config, weights, side)
    kept = None if config.weights == "none" else False
    features = network(prepare(image), training=kept)
    # The head stays in float32 under mixed precision: lengths of 256 numbers need the digits.
    embedding = keras.layers.Dense(config.dim, dtype="float32", name="embedding")(features)
    unit = keras.layers.UnitNormalization(dtype="float32", name="unit")(embedding)
    return keras.Model(image, unit, name="embedder")


def starting_model(config: TrainConfig) -> keras.Model:
    """The embedding network with the start weights of the config, at the size it is trained at.

    Raises:
        ModelError: the weights cannot be had or do not fit.
    """
    if config.weights == "none":
        return embedding_model(config, weights=None, side=config.training_side)
    run = Path(config.weights)
    if config.weights != "imagenet" and run.is_dir():
        model = embedding_model(config, weights=None, side=config.training_side)
        _copy_run(run, model, config)
        return model
    if config.weights != "imagenet" and not run.exists():
        raise FileNotFoundError(2, "no such weights file or run folder", str(run))
    try:
        return embedding_model(config, weights=config.weights, side=config.training_side)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        hint = (
            "; without a network give --weights FILE"
            if config.weights == "imagenet"
            else f"; expected no-top weights of {config.backbone} with alpha {config.alpha}"
        )
        raise ModelError(f"weights {config.weights!r}: {reason}{hint}") from error


def classifier(
    embedder: keras.Model, augment: keras.Model, products: int, *, photo_side: int, seed: int
) -> keras.Model:
    """The network that is trained: augmentation, embedding, cosines with one proxy a product.

    Returns:
        uint8 or float [n, photo_side, photo_side, 3] in 0..255 -> float32 [n, products], cosines.
    """
    image = keras.Input((photo_side, photo_side, 3), name="photo")
    proxies = keras.layers.Dense(
        products,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        dtype="float32",
        name="proxies",
    )
    cosines = proxies(embedder(augment(image)))
    model = keras.Model(image, cosines, name="classifier")
    proxies.kernel.assign(proxies.kernel_constraint(proxies.kernel))
    return model


def freeze_backbone(embedder: keras.Model, *, frozen: bool) -> None:
    """Train the head alone, or everything."""
    for layer in embedder.layers:
        layer.trainable = not frozen or layer.name in ("embedding", "unit")


def _backbone(
    config: TrainConfig, weights: str | None, side: int
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
    if config.backbone == "mobilenet_v2":
        return unit_range, nets.MobileNetV2(alpha=config.alpha, **options)
    if config.backbone in ("mobilenet_v3_small", "mobilenet_v3_large"):
        small = config.backbone == "mobilenet_v3_small"
        build = nets.MobileNetV3Small if small else nets.MobileNetV3Large
        # These scale by themselves, from 0..255.
        network = build(alpha=config.alpha, minimalistic=config.minimalistic, **options)
        return keras.layers.Identity(name="scale"), network
    if config.backbone == "inception_v3":
        return unit_range, nets.InceptionV3(**options)
    network = (nets.VGG16 if config.backbone == "vgg16" else nets.ResNet50)(**options)
    return _caffe_scaling(), network


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


def _copy_run(run: Path, model: keras.Model, config: TrainConfig) -> None:
    source = run / "model.keras"
    if not source.exists():
        raise FileNotFoundError(2, "no model.keras in the run folder", str(run))
    before = json.loads((run / "config.json").read_text())
    for key in ("backbone", "alpha", "minimalistic"):
        if before[key] != getattr(config, key):
            raise ModelError(
                f"{run}: was trained with {key} {before[key]}, asked for {getattr(config, key)}; "
                f"give --{key} as the run has it"
            )
    old = keras.models.load_model(source, compile=False)
    for layer in model.layers:
        fresh = old.get_layer(layer.name).get_weights()
        if layer.name != "embedding" or before["dim"] == config.dim:
            layer.set_weights(fresh)
