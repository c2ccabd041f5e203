"""Keras networks and the plain arrays of `params`."""

from __future__ import annotations

import keras
import numpy as np

from shelflens_train.backbones import embedding_network
from shelflens_train.batchnorm_folding import foldable, layers_by_name
from shelflens_train.general.params import HEAD, Params
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


def params_of(network: keras.Model) -> Params:
    """The weights of an embedding network on MobileNetV2; its BatchNorm is folded in place."""
    fold(network)
    layers, params = layers_by_name(network), {}
    for source, norm in foldable(network):
        kernel = layers[source].get_weights()[0]
        if isinstance(layers[source], keras.layers.DepthwiseConv2D):
            kernel = kernel[..., 0]
        elif kernel.shape[:2] == (1, 1):
            kernel = kernel[0, 0]
        params[source] = {"kernel": kernel, "shift": np.asarray(layers[norm].beta)}
    kernel, shift = layers[HEAD].get_weights()
    return {**params, HEAD: {"kernel": kernel, "shift": shift}}


def put_into(network: keras.Model, params: Params) -> None:
    """The reverse of `params_of`."""
    fold(network)
    layers = layers_by_name(network)
    for source, norm in foldable(network):
        layer, values = layers[source], params[source]
        shape = layer.get_weights()[0].shape
        layer.set_weights([values["kernel"].reshape(shape)])
        layers[norm].beta.assign(values["shift"])
    layers[HEAD].set_weights([params[HEAD]["kernel"], params[HEAD]["shift"]])
