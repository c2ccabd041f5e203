"""The run's MobileNetV2 rebuilt in legacy Keras, which tensorflow-model-optimization works on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError
from shelflens_export.run_folder import RunFolder, read_pixels

_SAME = 0.9999
"""Smallest cosine between the two float models; below it a weight went astray."""


def rebuild(network: Any, run: RunFolder) -> Any:
    """The network in tf_keras, from scaled pixels to the last Dense layer, with its weights.

    Raises:
        ModelError: weights that do not fit, or another network than MobileNetV2.
    """
    import tf_keras

    size = run.card.size
    base = tf_keras.applications.MobileNetV2(
        input_shape=(size, size, 3),
        alpha=float(run.training.get("alpha", 1.0)),
        include_top=False,
        weights=None,
    )
    pooled = tf_keras.layers.GlobalAveragePooling2D(name="pool")(base.output)
    embedding = tf_keras.layers.Dense(run.card.dim, name="embedding")(pooled)
    rebuilt = tf_keras.Model(base.input, embedding, name="embedder")
    weights = {layer.name: layer.get_weights() for layer in _leaves(network)}
    for layer in rebuilt.layers:
        if layer.get_weights():
            _copy(weights, layer, run)
    _check(network, rebuilt, run)
    return rebuilt


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes -> -1..1, as MobileNetV2 expects them."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _copy(weights: dict[str, Any], layer: Any, run: RunFolder) -> None:
    if layer.name not in weights:
        raise ModelError(
            f"int8-qat: {run.path} has no layer {layer.name!r}, so it is no MobileNetV2 of "
            "keras.applications; take int8"
        )
    try:
        layer.set_weights(weights[layer.name])
    except ValueError as error:
        raise ModelError(
            f"int8-qat: layer {layer.name!r} has other shapes than alpha "
            f"{run.training.get('alpha')} in {run.path}/config.json says; train again"
        ) from error


def _leaves(network: Any) -> Iterator[Any]:
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _check(network: Any, rebuilt: Any, run: RunFolder) -> None:
    pixels, _, _ = read_pixels(run.train[:8], run.card.size)
    wanted = np.asarray(network(pixels.astype(np.float32)))
    got = np.asarray(rebuilt(scaled(pixels), training=False))
    cosine = float((np.einsum("nd,nd->n", wanted, got) / np.linalg.norm(got, axis=1)).min())
    if not cosine > _SAME:
        raise ModelError(
            f"int8-qat: the network rebuilt in tf_keras gives cosine {cosine:.4f} to that of "
            f"{run.path}, expected above {_SAME}; is it scaled other than x / 127.5 - 1? take int8"
        )
