"""BatchNorm folding: the same network, laid out to train twice as fast.

BatchNorm that keeps its start statistics is a fixed factor and a shift for each channel. The
folded network multiplies each convolution's kernel by that factor, which has a few thousand
weights, in place of its output, which has millions of values. Kernels and shifts are trained as
before, with the same gradients; gamma, which a kernel can stand for, stays as it was. They are
copied back exactly.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops


class _Scaled(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution whose kernel has a fixed factor for each output channel."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.factor = self.add_weight(
            name="factor", shape=(self.filters,), initializer="ones", trainable=False
        )

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, kernel * ops.cast(self.factor, kernel.dtype))

    def load_own_variables(self, store: Any) -> None:
        # Keras saves kernel and bias of a convolution; the factor is made with the layer.
        self.kernel.assign(store["0"])
        self.bias.assign(store["1"])


class _ScaledDepthwise(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """The same for a depthwise convolution of depth multiplier 1."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.factor = self.add_weight(
            name="factor", shape=(input_shape[-1], 1), initializer="ones", trainable=False
        )

    def call(self, inputs: Any) -> Any:
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel * ops.cast(self.factor, self.kernel.dtype),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return ops.add(outputs, ops.reshape(self.bias, (1, 1, 1, -1)))


class _Passed(keras.layers.Layer):  # type: ignore[misc]
    """In place of a BatchNorm that is folded away."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return inputs


class PlainNetwork:
    """A network that learns its own statistics is trained as it is, only at any input size."""

    def __init__(self, network: keras.Model, fresh: keras.Model) -> None:
        fresh.set_weights(network.get_weights())
        self._network, self.model = network, fresh

    def write_back(self) -> None:
        """Copy the weights into the network."""
        self._network.set_weights(self.model.get_weights())


class FoldedNetwork:
    """A network folded; `model` is trained, `write_back` gives the network the result.

    Args:
        network: A functional model with a backbone inside whose BatchNorm is in inference mode.
        fresh: The same architecture, new; it is taken apart, and may have another input size.
    """

    def __init__(self, network: keras.Model, fresh: keras.Model) -> None:
        fresh.set_weights(network.get_weights())
        # Paired by position: Inception's layers have no names of their own.
        names, layers = layers_by_name(fresh), layers_by_name(network).values()
        self._plain = dict(zip(names, layers, strict=True))
        self._norm_of = dict(foldable(fresh))
        self.model = keras.models.clone_model(
            fresh, clone_function=partial(_folded, norm_of=self._norm_of), recursive=True
        )
        for name, layer in layers_by_name(self.model).items():
            if name in self._norm_of:
                plain, norm = self._plain[name], self._plain[self._norm_of[name]]
                kernel, shift = _shift(plain, norm)
                layer.set_weights([kernel, shift, _factor(norm).reshape(layer.factor.shape)])
            elif layer.weights:
                layer.set_weights(self._plain[name].get_weights())

    def write_back(self) -> None:
        """Copy the trained weights into the network."""
        for name, layer in layers_by_name(self.model).items():
            if name in self._norm_of:
                plain, norm = self._plain[name], self._plain[self._norm_of[name]]
                kernel, shift, _ = layer.get_weights()
                bias = plain.get_weights()[1:]
                before = (bias[0] if bias else 0.0) - norm.moving_mean.numpy()
                plain.set_weights([kernel, *bias])
                norm.beta.assign(shift - before * _factor(norm))
            elif layer.weights:
                self._plain[name].set_weights(layer.get_weights())


def _folded(layer: Any, *, norm_of: dict[str, str]) -> Any:
    """A new layer for the folded network."""
    config = layer.get_config()
    if layer.name in norm_of.values():
        return _Passed(name=layer.name)
    if layer.name in norm_of:
        kind = _Scaled if type(layer) is keras.layers.Conv2D else _ScaledDepthwise
        return kind.from_config({**config, "use_bias": True})
    return type(layer).from_config(config)


def foldable(model: keras.Model) -> list[tuple[str, str]]:
    """Names of convolutions and of the BatchNorm that alone reads each."""
    pairs = []
    for layer in layers_by_name(model).values():
        if not isinstance(layer, keras.layers.BatchNormalization) or not layer.center:
            continue
        source = layer.input._keras_history.operation
        alone = len(source._outbound_nodes) == 1
        kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
        if alone and type(source) in kinds and source.activation is keras.activations.linear:
            pairs.append((source.name, layer.name))
    return pairs


def layers_by_name(model: keras.Model) -> dict[str, Any]:
    """All layers, those of the backbone included, in the order of the graph."""
    found: dict[str, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= layers_by_name(layer)
        else:
            found[layer.name] = layer
    return found


def _factor(norm: Any) -> Any:
    gamma = norm.gamma.numpy() if norm.scale else 1.0
    return gamma / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)


def _shift(source: Any, norm: Any) -> tuple[Any, Any]:
    kernel, *bias = source.get_weights()
    before = (bias[0] if bias else 0.0) - norm.moving_mean.numpy()
    return kernel, norm.beta.numpy() + before * _factor(norm)
