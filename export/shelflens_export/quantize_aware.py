"""int8 by quantization-aware training: MobileNetV2 only, in legacy Keras.

tensorflow-model-optimization works on `tf_keras` models and has no rule for hard-swish, so the
same MobileNetV2 is built there, the weights are moved across layer by layer, and the result is
held against the Keras 3 model before anything else.

The fine-tune distils: the quantized network learns to give the float network's own embeddings
(1 - cosine) of lightly changed train photos. That needs no labels, keeps the embedding space, so
that catalogs stay valid, and cannot forget what the float network knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.dataset import LabelledImage
from shelflens.errors import ModelError
from shelflens_export.flatgraph import add_unit_length
from shelflens_export.legacy_keras import rebuild, scaled
from shelflens_export.run_folder import RunFolder, read_pixels
from shelflens_export.to_tflite import converting

_BATCH = 32
_SHIFT_RATE = 25.0
"""Shifts may move this much faster than kernels: most of rounding's error is bias."""


def supported(run: RunFolder) -> bool:
    """Whether the run's backbone can be trained with simulated int8."""
    return run.training.get("backbone") == "mobilenet_v2"


def require_support(run: RunFolder) -> None:
    """Refuse a backbone that quantization-aware training cannot do.

    Raises:
        ModelError: naming the backbone and what to do.
    """
    backbone = run.training.get("backbone")
    if not supported(run):
        why = (
            "tensorflow-model-optimization has no rule for its hard-swish"
            if str(backbone).startswith("mobilenet_v3")
            else "it is done for mobilenet_v2 only"
        )
        raise ModelError(
            f"int8-qat: {run.path} has backbone {backbone}, {why}; take int8 (post-training), or "
            "train with --backbone mobilenet_v2"
        )


def quantize_aware(
    network: Any, run: RunFolder, *, epochs: int, learning_rate: float, seed: int
) -> bytes:
    """Fine-tune with simulated int8 and convert.

    Args:
        network: The run's Keras 3 model.
        run: Its photos are what is distilled on.
        epochs: Passes over the train photos.
        learning_rate: Of kernels; shifts move faster.
        seed: Seed of order and augmentation.

    Returns:
        A FlatBuffer like that of `to_tflite`. Its input has the scale 1/127.5: the network's
        normalisation is the input's quantization, and costs nothing.

    Raises:
        ModelError: another backbone than MobileNetV2, or weights that do not fit.
    """
    require_support(run)
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
    import tensorflow_model_optimization as tfmot
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    teacher = rebuild(network, run)
    with tfmot.quantization.keras.quantize_scope():
        student = tfmot.quantization.keras.quantize_model(teacher)
    _depthwise_per_channel(student)
    _set_ranges(teacher, student, run)
    _distil(teacher, student, run, epochs=epochs, learning_rate=learning_rate, seed=seed)
    return add_unit_length(_convert(student, run.card.size))


def _depthwise_per_channel(student: Any) -> None:
    """Simulate one scale per channel in depthwise kernels, as the converter gives them.

    tfmot takes scales along the last axis, which is 1 there: one scale for all channels, whose
    weights differ a hundredfold. In inference the kernel is left alone, so that the converter
    meets plain weights and quantizes them as it does after training.
    """
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot

    class PerChannel(tfmot.quantization.keras.quantizers.Quantizer):  # type: ignore[misc]
        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            return {}

        def __call__(self, inputs: Any, training: Any, weights: Any, **_: Any) -> Any:
            if not training:
                return inputs
            kernel = tf.transpose(inputs, [0, 1, 3, 2])
            top = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), [0, 1, 2])) + 1e-8
            rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                kernel, -top, top, num_bits=8, narrow_range=True
            )
            return tf.transpose(rounded, [0, 1, 3, 2])

        def get_config(self) -> dict[str, Any]:
            return {}

    for layer in student.layers:
        if type(getattr(layer, "layer", None)).__name__ == "DepthwiseConv2D":
            layer._weight_vars = [(kernel, PerChannel(), {}) for kernel, _, _ in layer._weight_vars]


def _set_ranges(teacher: Any, student: Any, run: RunFolder) -> None:
    """Start from the ranges that the float network's activations have on train photos.

    tfmot starts from -6..6 and moves by a thousandth per step: on its own it would need days.
    """
    import tf_keras

    pixels, _, _ = read_pixels(run.train[:: max(len(run.train) // 128, 1)], run.card.size)
    student(scaled(pixels[:1]), training=True)  # ranges of the kernels are theirs after one call
    names = [layer.name for layer in teacher.layers[1:]]
    watch = tf_keras.Model(teacher.input, [teacher.get_layer(name).output for name in names])
    lows, highs = [], []
    for start in range(0, len(pixels), _BATCH // 2):
        found = watch(scaled(pixels[start : start + _BATCH // 2]), training=False)
        lows.append([float(np.min(values)) for values in found])
        highs.append([float(np.max(values)) for values in found])
    low = dict(zip(names, np.mean(lows, axis=0), strict=True))
    high = dict(zip(names, np.mean(highs, axis=0), strict=True))
    for layer in student.layers:
        name = layer.name.removeprefix("quant_")
        for variable in layer.weights:
            kind = variable.name.split("/")[-1]
            if kind.startswith("quantize_layer_m"):  # the input: pixels scaled to -1..1
                variable.assign(-1.0 if "_min" in kind else 1.0)
            elif kind.startswith(("output_m", "post_activation_m")):
                variable.assign(min(low[name], 0.0) if "_min" in kind else max(high[name], 0.0))


def _distil(
    teacher: Any, student: Any, run: RunFolder, *, epochs: int, learning_rate: float, seed: int
) -> None:
    """Teach the student the embeddings of the teacher, kernels and shifts at their own rates."""
    import tensorflow as tf
    import tf_keras

    shifts = []
    for layer in student.layers:
        inner = getattr(layer, "layer", None)
        if isinstance(inner, tf_keras.layers.BatchNormalization):
            layer.trainable = False  # it keeps its statistics, as in training
            shifts.append(inner.beta)
    kernels = student.trainable_variables
    steps = max(epochs * -(-len(run.train) // _BATCH), 1)
    optimizers = [
        tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(rate, steps))
        for rate in (learning_rate, learning_rate * _SHIFT_RATE)
    ]

    @tf.function  # type: ignore[untyped-decorator]
    def learn(images: Any) -> None:
        wanted = tf.math.l2_normalize(teacher(images, training=False), axis=-1)
        with tf.GradientTape() as tape:
            got = tf.math.l2_normalize(student(images, training=True), axis=-1)
            loss = tf.reduce_mean(1 - tf.reduce_sum(wanted * got, axis=-1))
        for optimizer, variables, slopes in zip(
            optimizers, (kernels, shifts), tape.gradient(loss, (kernels, shifts)), strict=True
        ):
            optimizer.apply_gradients(zip(slopes, variables, strict=True))

    random = np.random.default_rng(seed)
    for _ in range(epochs):
        for images in _batches(run.train, run.card.size, random):
            if len(images) == min(_BATCH, len(run.train)):  # one shape, one trace
                learn(images)


def _batches(
    photos: list[LabelledImage], size: int, random: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Scaled photos in random order, lightly changed: shifted, brighter or darker."""
    order = random.permutation(len(photos))
    for start in range(0, len(order), _BATCH):
        chosen = [photos[index] for index in order[start : start + _BATCH]]
        pixels, _, _ = read_pixels(chosen, size)
        images = scaled(pixels)
        shift = tuple(random.integers(-size // 16, size // 16 + 1, 2))
        images = np.roll(images, shift, axis=(1, 2))
        light = random.uniform(0.85, 1.15, (len(images), 1, 1, 1)).astype(np.float32)
        yield np.clip((images + 1) * light - 1, -1, 1)


def _convert(student: Any, size: int) -> bytes:
    import tensorflow as tf

    def serve(image: Any) -> dict[str, Any]:
        return {"embedding": student(image, training=False)}

    image = tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
    with converting(serve, student.variables, image) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = tf.uint8
        return bytes(converter.convert())
