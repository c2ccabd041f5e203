"""A Keras model as ONNX: uint8 RGB [batch, size, size, 3] in, float32 [batch, dim] out.

One transpose is left, on the bytes at the entrance: convolutions work on planes [n, 3, h, w].
"""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError

OPSET = 17
"""Read by ONNX Runtime 1.12 (2022) and later; has all that per-channel QDQ needs (13)."""


def to_onnx(network: Any) -> Any:
    """Convert a model that ends in UnitNormalization.

    Args:
        network: Keras model, float32 [n, size, size, 3] in 0..255 -> float32 [n, dim].

    Returns:
        ModelProto, checked, with BatchNorm and padding folded into convolutions.
    """
    import tensorflow as tf
    import tf2onnx

    shape = [None, *network.input_shape[1:]]
    function = tf.function(
        lambda image: network(image, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
    )
    model, _ = tf2onnx.convert.from_function(
        function, function.input_signature, opset=OPSET, inputs_as_nchw=["image:0"]
    )
    _take_bytes(model, list(network.input_shape[1:]))
    _name_output(model, network.output_shape[1])
    return _fold(model)


def quantize(model: Any, calibration: NDArray[np.uint8], target: str) -> Any:
    """Static int8 with QDQ nodes, from the scaled pixels to the last Dense layer.

    Weights are quantized per channel, ranges are the smallest and largest values seen: percentile
    and entropy ranges do no better and need gigabytes. What follows the
    last Dense layer, bringing the vector to length 1, stays in float.

    Args:
        model: From `to_onnx`.
        calibration: uint8 [m, size, size, 3].
        target: "x86" (unsigned activations), "arm" (signed) or "auto" for this machine.
    """
    from onnxruntime import quantization

    class Photos(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            photo = next(self._left, None)
            return None if photo is None else {"image": photo[np.newaxis]}

    kinds = quantization.QuantType
    with tempfile.TemporaryDirectory() as folder:
        # A file, since a ModelProto is changed by being quantized.
        source, path = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantization.quantize_static(
            source,
            path,
            Photos(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=kinds.QUInt8 if processor(target) == "x86" else kinds.QInt8,
            weight_type=kinds.QInt8,
            # AVX2 adds two products of bytes in 16 bits, which overflow and are clipped where
            # there is no VNNI. Weights of 7 bits cannot overflow (ONNX Runtime, "Quantize ONNX
            # models").
            reduce_range=processor(target) == "x86",
            nodes_to_exclude=_stay_float(model),
        )
        return _checked(path)


def processor(target: str) -> str:
    """`--target` resolved: x86 or arm."""
    if target != "auto":
        return target
    return "arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"


def _take_bytes(model: Any, shape: list[int]) -> None:
    """Put bytes -> planes -> float in front of the converted graph."""
    from onnx import TensorProto, helper

    graph = model.graph
    old = graph.input[0].name
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = "pixels"
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", *shape]))
    planes = helper.make_node("Transpose", ["image"], ["planes"], "planes", perm=[0, 3, 1, 2])
    pixels = helper.make_node("Cast", ["planes"], ["pixels"], "pixels", to=TensorProto.FLOAT)
    graph.node.insert(0, planes)
    graph.node.insert(1, pixels)


def _name_output(model: Any, dim: int) -> None:
    from onnx import TensorProto, helper

    graph = model.graph
    old = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = "embedding"
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])
    )


def _fold(model: Any) -> Any:
    """Shapes inferred, constants, BatchNorm and padding folded; by ONNX Runtime's basic rules.

    These hold for every processor, and the quantizer needs them: a BatchNorm that it meets as a
    separate multiplication gets a rounding of its own.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "converted.onnx", Path(folder) / "folded.onnx"
        source.write_bytes(model.SerializeToString())
        quant_pre_process(source, path)
        return _checked(path)


def _checked(path: Path) -> Any:
    import onnx

    model = onnx.load(path)
    # ONNX Runtime lists every operator domain it knows; readers refuse those they do not.
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"converted ONNX: {str(error).splitlines()[0]}; report this") from error
    return model


def _stay_float(model: Any) -> list[str]:
    """Names of the nodes before the first convolution and behind the last Dense layer."""
    kinds = [node.op_type for node in model.graph.node]
    first = kinds.index("Conv")
    last = max(index for index, kind in enumerate(kinds) if kind in ("Gemm", "MatMul"))
    nodes = model.graph.node
    if kinds[last] == "MatMul" and kinds[last + 1] == "Add":  # the bias belongs to the layer
        last += 1
    return [node.name for node in (*nodes[:first], *nodes[last + 1 :])]
