"""A Keras model as TFLite: uint8 RGB [1, size, size, 3] in, float32 [1, dim] out, batch 1.

The int8 file is quantized whole (weights per channel, activations per tensor) up to the last
Dense layer; its output is dequantized and brought to length 1 in float.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_export.flatgraph import add_unit_length


def to_tflite(network: Any, variant: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert an embedding, which ends in UnitNormalization, or a finder, which does not.

    Args:
        network: Keras model, float32 [n, size, size, 3] in 0..255 -> float32 [n, dim].
        variant: float32, float16, dynamic or int8.
        calibration: For int8, uint8 [m, size, size, 3]: photos that set the ranges.

    Returns:
        A FlatBuffer with one signature, `image` -> `embedding`, which a finder's has too.
    """
    import keras
    import tensorflow as tf

    is_unit = type(network.layers[-1]).__name__ == "UnitNormalization"
    before_unit = keras.Model(network.input, network.layers[-1].input) if is_unit else network
    # int8: the converter makes the uint8 input itself and needs a float one to put ranges on.
    whole = variant == "int8"
    source = tf.float32 if whole else tf.uint8
    shape = [1, *network.input_shape[1:]]

    def serve(image: Any) -> dict[str, Any]:
        return {"embedding": before_unit(tf.cast(image, tf.float32), training=False)}

    variables = [variable.value for variable in before_unit.variables]
    with converting(serve, variables, tf.TensorSpec(shape, source, name="image")) as converter:
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if whole:
            if calibration is None:
                raise ValueError("int8 needs photos to calibrate on")
            converter.representative_dataset = representative(calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        converted: bytes = converter.convert()
        return add_unit_length(converted) if is_unit else converted


@contextmanager
def converting(serve: Callable[..., Any], variables: list[Any], image: Any) -> Iterator[Any]:
    """A TFLite converter for a function, through a SavedModel with one signature.

    The SavedModel is of a plain module. Saving a Keras model traces each of its 150 layers, which
    takes a minute with simulated quantization, and nothing reads that.

    Args:
        serve: Tensor -> tensors by name.
        variables: All that it reads.
        image: TensorSpec of its input.
    """
    import tensorflow as tf

    module = tf.Module()
    module.kept = variables
    module.serve = tf.function(serve, input_signature=[image])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.serve)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def representative(
    photos: NDArray[np.uint8],
) -> Callable[[], Iterator[list[NDArray[np.float32]]]]:
    """Photos one by one as the converter wants them.

    Two pixels of the first are made black and white: the input's range is then 0..255 whatever
    the photos show, its scale 1, and a pixel enters the graph without rounding.
    """

    def photos_one_by_one() -> Iterator[list[NDArray[np.float32]]]:
        for index, photo in enumerate(photos):
            image = photo[np.newaxis].astype(np.float32)
            if index == 0:
                image[0, 0, 0], image[0, 0, 1] = 0, 255
            yield [image]

    return photos_one_by_one
