"""Where a general training starts: between the ImageNet network and the bundled model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from shelflens_train.backbones import embedding_network
from shelflens_train.batchnorm_folding import foldable, layers_by_name
from shelflens_train.spec import BackboneSpec
from shelflens_train.start_weights import starting_network


def imagenet_network(weights: str, *, dim: int, size: int) -> keras.Model:
    """MobileNetV2 with ImageNet weights, BatchNorm folded; the head is random."""
    network = embedding_network(BackboneSpec(size=size, dim=dim), weights=weights, side=size)
    fold(network)
    return network


def bundled_network(*, size: int) -> keras.Model:
    """The bundled model, from its int8 file; its BatchNorm is folded there."""
    return starting_network(BackboneSpec(size=size), "bundled")


def fold(network: keras.Model) -> None:
    """Write each BatchNorm that keeps its statistics into the kernel before it.

    What is left of it is a shift, as `load_tflite` leaves it: only then do the weights of two
    networks lie in one space, in which their mean means something.
    """
    layers = layers_by_name(network)
    for source, norm_name in foldable(network):
        norm, convolution = layers[norm_name], layers[source]
        gamma, beta, mean, variance = (
            np.asarray(variable)
            for variable in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        )
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernel = convolution.get_weights()[0]
        depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        convolution.set_weights([kernel * (factor[:, np.newaxis] if depthwise else factor)])
        ones, zeros = np.ones_like(beta), np.zeros_like(beta)
        shift = beta - mean * factor
        norm.set_weights([ones, shift, zeros, ones - np.float32(norm.epsilon)])


def mix_backbones(network: keras.Model, second: keras.Model, share: float) -> None:
    """Put `share` of the second network's backbone into the first; both folded.

    Args:
        network: Changed in place, its head excepted.
        second: The same architecture; its head may have another length.
        share: 0 leaves the first as it is, 1 gives the second's backbone.
    """
    weights = [layer.get_weights() for layer in _backbone_layers(second)]
    for layer, theirs in zip(_backbone_layers(network), weights, strict=True):
        if theirs:
            mine = layer.get_weights()
            layer.set_weights(
                [(1 - share) * a + share * b for a, b in zip(mine, theirs, strict=True)]
            )


def _backbone_layers(network: keras.Model) -> list[Any]:
    return [layer for name, layer in layers_by_name(network).items() if name != "embedding"]


def freeze_until(learner: keras.Model, block: int) -> None:
    """Hold the first layers still: those before the given block of MobileNetV2 (0: none)."""
    frozen = block > 0
    for name, layer in layers_by_name(learner).items():
        if name == f"block_{block}_expand":
            frozen = False
        if frozen or name == "scale":
            layer.trainable = False
