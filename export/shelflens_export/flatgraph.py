"""Changes to a TFLite FlatBuffer that converters do not offer."""

from __future__ import annotations

import importlib
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError

_IDENTIFIER = b"TFL3"
_WORTH_ROUNDING = 1024
"""Weights of a layer from which rounding them saves more than the operator that undoes it takes."""


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Puts weights at multiples of 16 bytes, which the schema asks for and Python forgets."""

    def StartVector(self, element: int, count: int, alignment: int) -> int:
        return int(super().StartVector(element, count, 16 if element == 1 else alignment))


def schema() -> Any:
    """The generated classes of the TFLite schema; LiteRT's copy loads in no time."""
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ModuleNotFoundError:
        return importlib.import_module("tensorflow.lite.python.schema_py_generated")


def unpack(model: bytes) -> Any:
    """FlatBuffer -> object tree (`ModelT`).

    Raises:
        ModelError: not a TFLite FlatBuffer.
    """
    if model[4:8] != _IDENTIFIER:
        raise ModelError(
            f"TFLite model: expected identifier TFL3, got {model[4:8]!r}; convert again"
        )
    tree = schema()
    return tree.ModelT.InitFromObj(tree.Model.GetRootAs(model, 0))


def pack(tree: Any) -> bytes:
    """Object tree -> FlatBuffer."""
    builder = _Builder(1 << 20)
    builder.Finish(tree.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def add_unit_length(model: bytes) -> bytes:
    """Append L2_NORMALIZATION, in float, behind the only output, and name it `embedding`.

    Converters lower `UnitNormalization` to five operators and quantize each: the sum of squares
    alone then has 256 steps. One float operator on d values costs nothing and is exact.

    Raises:
        ModelError: the model has not exactly one float32 output.
    """
    names, tree = schema(), unpack(model)
    graph = tree.subgraphs[0]
    outputs = list(graph.outputs)
    if len(outputs) != 1 or graph.tensors[outputs[0]].type != names.TensorType.FLOAT32:
        raise ModelError(f"converted model: expected one float32 output, got {len(outputs)}")
    code = _add_code(tree, names.BuiltinOperator.L2_NORMALIZATION, version=1)

    raw = graph.tensors[outputs[0]]
    unit = names.TensorT()
    unit.shape, unit.shapeSignature = list(raw.shape), raw.shapeSignature
    unit.type, unit.name, unit.buffer = names.TensorType.FLOAT32, b"embedding", 0
    raw.name = b"embedding_raw"
    graph.tensors.append(unit)
    index = len(graph.tensors) - 1

    operator = names.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = outputs, [index]
    operator.builtinOptionsType = names.BuiltinOptions.L2NormOptions
    operator.builtinOptions = names.L2NormOptionsT()
    operator.builtinOptions.fusedActivationFunction = names.ActivationFunctionType.NONE
    graph.operators.append(operator)

    graph.outputs = [index]
    for signature in tree.signatureDefs or []:
        for output in signature.outputs:
            output.name, output.tensorIndex = b"embedding", index
    return pack(tree)


def round_weights(model: bytes) -> bytes:
    """Store the weights of a float network as int8, a scale for each output channel.

    A DEQUANTIZE in front of each layer gives it floats again. Interpreters do that once, when the
    file is opened, so it is as fast as the float file at a quarter of its size. Activations are not
    rounded: that is for networks whose activations do not survive it, such as MobileNetV3 with
    hard-swish and squeeze-and-excite.

    Args:
        model: A float32 FlatBuffer.
    """
    names, tree = schema(), unpack(model)
    kinds = names.BuiltinOperator
    # Axis of the output channels in the weights of each kind of layer.
    channels = {kinds.CONV_2D: 0, kinds.FULLY_CONNECTED: 0, kinds.DEPTHWISE_CONV_2D: 3}
    graph = tree.subgraphs[0]
    code = _add_code(tree, kinds.DEQUANTIZE, version=2)
    found: dict[int, Any] = {}
    for layer in graph.operators:
        axis = channels.get(tree.operatorCodes[layer.opcodeIndex].builtinCode)
        if axis is None or (index := int(layer.inputs[1])) in found:
            continue
        weights = graph.tensors[index]
        values = tree.buffers[weights.buffer].data
        shape = [int(length) for length in weights.shape]
        if values is None or np.prod(shape) < _WORTH_ROUNDING:
            continue
        floats = np.frombuffer(np.asarray(values, np.uint8).tobytes(), np.float32).reshape(shape)
        stored = _rounded(tree, floats, axis)
        stored.name = weights.name + b"_int8"
        graph.tensors.append(stored)
        weights.buffer = 0
        operator = names.OperatorT()
        operator.opcodeIndex = code
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [index]
        found[index] = operator
    graph.operators = [*found.values(), *graph.operators]
    _drop_unread(tree)
    return pack(tree)


def _rounded(tree: Any, floats: NDArray[np.float32], axis: int) -> Any:
    """An int8 tensor of these values, with a scale for each index along an axis."""
    names = schema()
    rest = tuple(index for index in range(floats.ndim) if index != axis)
    scale = np.maximum(np.abs(floats).max(rest, keepdims=True), np.float32(1e-12)) / 127
    steps = np.clip(np.round(floats / scale), -127, 127).astype(np.int8)
    buffer = names.BufferT()
    buffer.data = np.frombuffer(steps.tobytes(), np.uint8)
    tree.buffers.append(buffer)
    tensor = names.TensorT()
    tensor.shape, tensor.type = list(floats.shape), names.TensorType.INT8
    tensor.buffer = len(tree.buffers) - 1
    tensor.quantization = names.QuantizationParametersT()
    tensor.quantization.scale = scale.astype(np.float32).ravel()
    tensor.quantization.zeroPoint = np.zeros(scale.size, np.int64)
    tensor.quantization.quantizedDimension = axis
    return tensor


def _drop_unread(tree: Any) -> None:
    """Empty the buffers that no tensor reads any more."""
    read = {tensor.buffer for graph in tree.subgraphs for tensor in graph.tensors}
    read |= {entry.buffer for entry in tree.metadata or []}
    for index, buffer in enumerate(tree.buffers):
        if index not in read:
            buffer.data = None


def _add_code(tree: Any, kind: int, *, version: int) -> int:
    """Index of a new kind of operator."""
    code = schema().OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, kind, version
    tree.operatorCodes.append(code)
    return len(tree.operatorCodes) - 1
