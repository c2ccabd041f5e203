"""The output of every layer of a file, on one photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_COPIES = {"QUANTIZE", "DEQUANTIZE", "CAST", "DELEGATE", "RESHAPE"}
_ACTIVATIONS = {"Clip", "Relu"}
HEAD = "Dense head"


@dataclass(frozen=True)
class Layer:
    name: str
    family: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    """Indices of the layers it reads."""


@dataclass(frozen=True)
class Trace:
    layers: list[Layer]
    run: Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
    """uint8 [size, size, 3] -> the output of every layer, float32 [positions, channels]."""


def _family(kind: str, name: str, *, before: bool, depthwise: bool, point: bool) -> str:
    """The family of a layer; `before`: no convolution came before it."""
    conv = kind in ("CONV_2D", "Conv", "DEPTHWISE_CONV_2D")
    if before and not conv:
        return "input scaling"
    if "squeeze" in name:
        return "squeeze-and-excite"
    if conv:
        if before:
            return "first convolution"
        if depthwise:
            return "depthwise convolutions"
        return "1x1 convolutions" if point else "convolutions"
    if kind in ("FULLY_CONNECTED", "Gemm", "MatMul"):
        return HEAD
    if kind in ("MEAN", "GlobalAveragePool", "ReduceMean"):
        return "pooling"
    if kind == "HARD_SWISH" or "activation" in name or "re_lu" in name:
        return "hard-swish"  # in ONNX an addition, a clip and two multiplications
    return {"ADD": "additions", "Add": "additions"}.get(kind, f"{kind.lower()} operators")


def tflite_trace(path: Path) -> Trace:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    made: dict[int, int] = {}
    layers: list[Layer] = []
    kept: list[dict[str, Any]] = []
    seen_conv = False
    for operator in interpreter._get_ops_details():
        kind, sources, target = operator["op_name"], operator["inputs"], operator["outputs"][0]
        if kind in _COPIES:
            if int(sources[0]) in made:
                made[int(target)] = made[int(sources[0])]
            continue
        output = tensors[target]
        conv = "CONV_2D" in kind
        kernel = tensors[sources[1]]["shape"] if conv else ()
        family = _family(
            kind,
            output["name"],
            before=not seen_conv,
            depthwise=kind == "DEPTHWISE_CONV_2D",
            point=conv and max(kernel[1:3]) == 1,
        )
        seen_conv |= conv
        inputs = tuple(made[int(source)] for source in sources if int(source) in made)
        made[int(target)] = len(layers)
        layers.append(Layer(_short(output["name"]), family, tuple(output["shape"]), inputs))
        kept.append(output)
    entry = interpreter.get_input_details()[0]["index"]

    def run(photo: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(entry, photo[np.newaxis])
        interpreter.invoke()
        found = []
        for tensor in kept:
            values = interpreter.get_tensor(tensor["index"]).astype(np.float32)
            scale, zero = tensor["quantization"]
            values = (values - zero) * scale if scale else values
            found.append(values.reshape(-1, values.shape[-1]))
        return found

    return Trace(layers, run)


def onnx_traces(float_file: Path, file: Path) -> tuple[Trace, Trace]:
    """The float file's and the quantized file's layers, pair by pair.

    The quantizer keeps tensor names: X becomes X_DequantizeLinear_Output.
    """
    import onnx

    models = [onnx.load(float_file), onnx.load(file)]
    graph = models[0].graph
    quantized = {name for node in models[1].graph.node for name in node.output}
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    producer = {name: node for node in graph.node for name in node.output}
    layers: list[Layer] = []
    made: dict[str, int] = {}
    names: list[tuple[str, str]] = []
    seen_conv = False
    for node in graph.node:
        target = node.output[0]
        inputs = tuple(sorted({made[name] for name in node.input if name in made}))
        candidates = (f"{target}_DequantizeLinear_Output", target)
        quantized_name = next((name for name in candidates if name in quantized), None)
        if quantized_name is None or node.op_type in ("Transpose", "Cast", "Squeeze", "Reshape"):
            # Not kept by the quantizer: its readers see through it to what it read.
            if inputs:
                made[target] = inputs[0]
            continue
        origin = node
        while origin.op_type in _ACTIVATIONS and origin.input[0] in producer:
            origin = producer[origin.input[0]]
        conv = origin.op_type == "Conv"
        kernel = weights.get(origin.input[1], ()) if conv else ()
        family = _family(
            origin.op_type,
            target,
            before=not seen_conv,
            depthwise=len(kernel) == 4 and kernel[1] == 1,
            point=len(kernel) == 4 and max(kernel[2:]) == 1,
        )
        seen_conv |= conv
        made[target] = len(layers)
        layers.append(Layer(_short(target), family, (), inputs))
        names.append((target, quantized_name))
    float_trace, trace = (
        Trace(layers, _onnx_run(model, [pair[side] for pair in names]))
        for side, model in enumerate(models)
    )
    return float_trace, trace


def _onnx_run(
    model: Any, names: list[str]
) -> Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    import onnxruntime
    from onnx import ValueInfoProto

    present = {output.name for output in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in present)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(photo: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        outputs = session.run(names, {"image": photo[np.newaxis]})
        return [
            np.moveaxis(values, 1, -1).reshape(-1, values.shape[1]).astype(np.float32)
            for values in outputs
        ]

    return run


def _short(name: str) -> str:
    """`functional/net/block_1_project_BN_1/batchnorm/sub1` -> `block_1_project_BN_1`."""
    parts = [part for part in name.split(";")[0].split(":")[0].split("/") if part]
    plain = [part for part in parts if part.rsplit("_", 1)[0] not in _PLAIN and part not in _PLAIN]
    return (plain or parts or [name])[-1]


_PLAIN = {
    *("batchnorm", "sub", "sub1", "sub2", "add", "add_1", "mul", "mul_1", "Add", "Relu6", "Relu"),
    *("convolution", "depthwise", "Conv2D", "BiasAdd", "MatMul", "Mean", "truediv"),
}
"""Parts of a tensor's name that say what is computed, not in which layer."""
