"""The embedding network: pixels in, a direction out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from shelflens.errors import ModelError
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.from_tflite import load_tflite, start_file


def embedding_model(config: TrainConfig, *, weights: str | None, side: int | None) -> keras.Model:
    """Backbone, pooling, a linear head and unit length.

    BatchNorm keeps the statistics of the start weights (`training=False`): batches of a few dozen
    photos would spoil them. Only a network that starts from nothing learns its own.

    Args:
        config: Which backbone, size and dimension.
        weights: "imagenet", a weights file of `keras.applications`, or None.
        side: Side of the input, pixels; None takes any. The weights do not depend on it.

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
    """The embedding network with the start weights of the config, at the size it is used at.

    Raises:
        ModelError: the weights cannot be had or do not fit.
    """
    if config.weights == "none":
        return embedding_model(config, weights=None, side=config.size)
    if file := start_file(config.weights):
        model = embedding_model(config, weights=None, side=config.size)
        load_tflite(file, model, backbone=f"{config.backbone} {config.alpha:g}")
        return model
    run = Path(config.weights)
    if config.weights != "imagenet" and run.is_dir():
        model = embedding_model(config, weights=None, side=config.size)
        _copy_run(run, model, config)
        return model
    if config.weights != "imagenet" and not run.exists():
        raise FileNotFoundError(2, "no such weights file or run folder", str(run))
    try:
        return embedding_model(config, weights=config.weights, side=config.size)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        hint = (
            "; without a network give --weights FILE"
            if config.weights == "imagenet"
            else f"; expected no-top weights of {config.backbone} with alpha {config.alpha}"
        )
        raise ModelError(f"weights {config.weights!r}: {reason}{hint}") from error


class Proxies(keras.layers.Layer):  # type: ignore[misc]
    """One direction a product, and every embedding's cosine with each.

    Of a Matryoshka embedding each prefix is an embedding too, and is compared with the same
    prefix of the proxies (Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022).
    """

    def __init__(self, products: int, prefixes: tuple[int, ...], *, seed: int) -> None:
        super().__init__(dtype="float32", name="proxies")
        self._products, self._prefixes, self._seed = products, prefixes, seed

    def build(self, input_shape: Any) -> None:
        """Random directions, until they are set."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self._products),
            initializer=keras.initializers.RandomNormal(stddev=0.06, seed=self._seed),
        )

    def call(self, embeddings: Any) -> Any:
        """float32 [b, d] -> float32 [b, p, c]: cosines, for each prefix and each product."""
        return ops.stack(
            [
                ops.normalize(embeddings[:, :length], axis=1)
                @ ops.normalize(self.kernel[:length], axis=0)
                for length in self._prefixes
            ],
            axis=1,
        )


def brings_head(config: TrainConfig) -> bool:
    """Whether the start weights come with a head worth keeping."""
    return bool(start_file(config.weights)) or (Path(config.weights) / "model.keras").exists()


def classifier(
    embedder: keras.Model,
    products: int,
    *,
    prefixes: tuple[int, ...],
    seed: int,
    pairs: bool = False,
    lesson: Callable[[Any, Any], Any] | None = None,
) -> keras.Model:
    """The network that is trained: the embedding, and cosines with one proxy a product.

    `lesson` sees pictures and embeddings, and gives the embeddings back.

    Returns:
        uint8 or float [n, s, s, 3] in 0..255 -> float32 [n, p, products], cosines; with `pairs`
        the embedding too, float32 [n, d].
    """
    image = keras.Input((None, None, 3), name="photo")
    embedding = embedder(image)
    if lesson:
        embedding = lesson(image, embedding)
    cosines = Proxies(products, prefixes, seed=seed)(embedding)
    return keras.Model(image, [cosines, embedding] if pairs else cosines, name="classifier")


def features_of(embedder: keras.Model) -> keras.Model:
    """The part below the head: pixels -> pooled features of the backbone."""
    return keras.Model(embedder.input, embedder.get_layer("embedding").input)


def set_head(embedder: keras.Model, features: NDArray[np.float32]) -> None:
    """Make the head a projection that keeps what the start weights know.

    The features are centred and turned onto their principal axes, the largest first, each divided
    by the fifth root of its variance's square, which evens them out a little. A random head has to
    be learnt before the backbone may move, and what it forgets meanwhile is lost; this one finds
    more products than the raw features do, before any training (drawn store, one studio picture
    a product: recall@1 0.69 for 0.61).

    Args:
        embedder: Its head is replaced.
        features: float32 [n, f], pooled features of typical photos.
    """
    middle = features.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((features - middle).T.astype(np.float64)))
    head = embedder.get_layer("embedding")
    strongest = np.argsort(values)[::-1][: head.units]
    size = np.maximum(values[strongest], values.max() * 1e-4)
    kernel = axes[:, strongest] / size**0.2
    head.set_weights([kernel.astype(np.float32), (-middle @ kernel).astype(np.float32)])


def freeze_backbone(embedder: keras.Model, *, frozen: bool) -> None:
    """Train the head alone, or everything but the scaling of the input."""
    for layer in embedder.layers:
        layer.trainable = layer.name != "scale" and (not frozen or layer.name == "embedding")


def _backbone(
    config: TrainConfig, weights: str | None, side: int | None
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
    before = saved_config(run)
    for key in ("backbone", "alpha", "minimalistic"):
        had, asked = getattr(before, key), getattr(config, key)
        if had != asked:
            raise ModelError(
                f"{run}: was trained with {key} {had}, asked for {asked}; "
                f"give --{key} as the run has it"
            )
    old = keras.models.load_model(source, compile=False)
    # By place: Keras puts the input size into the backbone's name.
    for layer, theirs in zip(model.layers, old.layers, strict=True):
        if layer.name != "embedding" or before.dim == config.dim:
            layer.set_weights(theirs.get_weights())
