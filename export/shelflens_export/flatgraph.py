"""Changes to a TFLite FlatBuffer that converters do not offer."""

from __future__ import annotations

import importlib
from typing import Any

import flatbuffers

from shelflens.errors import ModelError

_IDENTIFIER = b"TFL3"


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
    alone then has 256 steps. One float operator on d numbers costs nothing and is exact.

    Raises:
        ModelError: the model has not exactly one float32 output.
    """
    names, tree = schema(), unpack(model)
    graph = tree.subgraphs[0]
    outputs = list(graph.outputs)
    if len(outputs) != 1 or graph.tensors[outputs[0]].type != names.TensorType.FLOAT32:
        raise ModelError(f"converted model: expected one float32 output, got {len(outputs)}")
    code = names.OperatorCodeT()
    code.builtinCode = names.BuiltinOperator.L2_NORMALIZATION
    code.deprecatedBuiltinCode = names.BuiltinOperator.L2_NORMALIZATION
    code.version = 1
    tree.operatorCodes.append(code)

    raw = graph.tensors[outputs[0]]
    unit = names.TensorT()
    unit.shape, unit.shapeSignature = list(raw.shape), raw.shapeSignature
    unit.type, unit.name, unit.buffer = names.TensorType.FLOAT32, b"embedding", 0
    raw.name = b"embedding_raw"
    graph.tensors.append(unit)
    place = len(graph.tensors) - 1

    operator = names.OperatorT()
    operator.opcodeIndex = len(tree.operatorCodes) - 1
    operator.inputs, operator.outputs = outputs, [place]
    operator.builtinOptionsType = names.BuiltinOptions.L2NormOptions
    operator.builtinOptions = names.L2NormOptionsT()
    operator.builtinOptions.fusedActivationFunction = names.ActivationFunctionType.NONE
    graph.operators.append(operator)

    graph.outputs = [place]
    for signature in tree.signatureDefs or []:
        for output in signature.outputs:
            output.name, output.tensorIndex = b"embedding", place
    return pack(tree)
