"""Where a file loses quality: its layers side by side with those of the float file.

Both graphs run on the same photos with every intermediate tensor kept. A layer's error is that of
its median channel: root mean square difference over standard deviation. The median, since a few
channels that hardly move have large errors and do no harm, while one channel of huge values ruins
all others of its tensor and hides behind its own size. What counts against a layer is the error
that its output has beyond that of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_export.quiet import quiet

_COPIES = {"QUANTIZE", "DEQUANTIZE", "CAST", "DELEGATE", "RESHAPE"}
_ACTIVATIONS = {"Clip", "Relu"}
_HEAD = "Dense head"


@dataclass(frozen=True)
class LayerError:
    """How far one layer's output is from the float file's."""

    layer: str
    family: str
    error: float
    """Relative error of the median channel of its output."""
    added: float
    """What is not explained by the error of its inputs."""


@dataclass(frozen=True)
class _Layer:
    name: str
    family: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    """Places of the layers it reads."""


@dataclass(frozen=True)
class _Trace:
    layers: list[_Layer]
    run: Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
    """uint8 [size, size, 3] -> the output of every layer, float32 [positions, channels]."""


def layer_errors(float_file: Path, file: Path, photos: NDArray[np.uint8]) -> list[LayerError]:
    """Compare two files of one network layer by layer.

    Args:
        float_file: The float32 file of the same kind (`.tflite` or `.onnx`).
        file: The file in question.
        photos: uint8 [n, size, size, 3]; a dozen will do.

    Returns:
        In the order of the network; layers without a counterpart are left out.
    """
    with quiet():
        if file.suffix == ".onnx":
            ours, theirs, pairs = _onnx_pair(float_file, file)
        else:
            ours, theirs = _tflite_trace(float_file), _tflite_trace(file)
            pairs = _aligned(ours.layers, theirs.layers)
        errors = _errors(ours, theirs, pairs, photos)
    found: list[LayerError] = []
    heads = [place for place, (mine, _) in enumerate(pairs) if ours.layers[mine].family == _HEAD]
    for mine, _ in pairs[: heads[-1] + 1 if heads else None]:
        layer = ours.layers[mine]
        before = max((errors.get(one, 0.0) for one in layer.inputs), default=0.0)
        added = float(np.sqrt(max(errors[mine] ** 2 - before**2, 0.0)))
        found.append(LayerError(layer.name, layer.family, errors[mine], added))
    return found


def blame(errors: Iterable[LayerError]) -> str:
    """One sentence: the family that adds most error, and its worst layer."""
    families: dict[str, float] = {}
    for one in errors:
        families[one.family] = families.get(one.family, 0.0) + one.added**2
    if not families or not any(families.values()):
        return "no layer stands out: look at the input scaling and at the photos"
    family = max(families, key=lambda name: families[name])
    share = families[family] / sum(families.values())
    worst = max((one for one in errors if one.family == family), key=lambda one: one.added)
    return (
        f"suspect the {family} ({share:.0%} of the error added), "
        f"most of all {worst.layer} (relative error {worst.error:.2f})"
    )


def _errors(
    ours: _Trace, theirs: _Trace, pairs: list[tuple[int, int]], photos: NDArray[np.uint8]
) -> dict[int, float]:
    sums: dict[int, list[Any]] = {mine: [0.0, 0.0, 0.0, 0] for mine, _ in pairs}
    for photo in photos:
        good, other = ours.run(photo), theirs.run(photo)
        for mine, its in pairs:
            wanted, got = good[mine].astype(np.float64), other[its]
            entry = sums[mine]
            entry[0] = entry[0] + ((got - wanted) ** 2).sum(0)
            entry[1] = entry[1] + wanted.sum(0)
            entry[2] = entry[2] + (wanted**2).sum(0)
            entry[3] += len(wanted)
    errors = {}
    for mine, (square, total, power, count) in sums.items():
        variance = power / count - (total / count) ** 2
        alive = variance > 1e-8 * max(float(variance.max()), 1e-12)
        ratio = (square / count)[alive] / variance[alive] if alive.any() else np.zeros(1)
        # Above 1 nothing of the signal is left, and more is not worse.
        errors[mine] = float(np.sqrt(min(float(np.median(ratio)), 1.0)))
    return errors


def _aligned(ours: list[_Layer], theirs: list[_Layer]) -> list[tuple[int, int]]:
    """Pairs of layers with the same family and shape, in order."""
    keys = [[(one.family, one.shape) for one in layers] for layers in (ours, theirs)]
    blocks = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_matching_blocks()
    return [(block.a + step, block.b + step) for block in blocks for step in range(block.size)]


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
        return _HEAD
    if kind in ("MEAN", "GlobalAveragePool", "ReduceMean"):
        return "pooling"
    if kind == "HARD_SWISH" or "activation" in name or "re_lu" in name:
        return "hard-swish"  # in ONNX an addition, a clip and two multiplications
    return {"ADD": "additions", "Add": "additions"}.get(kind, f"{kind.lower()} operators")


def _tflite_trace(path: Path) -> _Trace:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    made: dict[int, int] = {}
    layers: list[_Layer] = []
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
        inputs = tuple(made[int(one)] for one in sources if int(one) in made)
        made[int(target)] = len(layers)
        layers.append(_Layer(_short(output["name"]), family, tuple(output["shape"]), inputs))
        kept.append(output)
    entry = interpreter.get_input_details()[0]["index"]

    def run(photo: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(entry, photo[np.newaxis])
        interpreter.invoke()
        found = []
        for one in kept:
            values = interpreter.get_tensor(one["index"]).astype(np.float32)
            scale, zero = one["quantization"]
            values = (values - zero) * scale if scale else values
            found.append(values.reshape(-1, values.shape[-1]))
        return found

    return _Trace(layers, run)


def _onnx_pair(float_file: Path, file: Path) -> tuple[_Trace, _Trace, list[tuple[int, int]]]:
    """The quantizer keeps tensor names: X becomes X_DequantizeLinear_Output."""
    import onnx

    ours, theirs = onnx.load(float_file), onnx.load(file)
    there = {name for node in theirs.graph.node for name in node.output}
    weights = {one.name: tuple(one.dims) for one in ours.graph.initializer}
    producer = {name: node for node in ours.graph.node for name in node.output}
    layers: list[_Layer] = []
    made: dict[str, int] = {}
    names: list[tuple[str, str]] = []
    seen_conv = False
    for node in ours.graph.node:
        target = node.output[0]
        inputs = tuple(sorted({made[one] for one in node.input if one in made}))
        other = next(
            (one for one in (f"{target}_DequantizeLinear_Output", target) if one in there), None
        )
        if other is None or node.op_type in ("Transpose", "Cast", "Squeeze", "Reshape"):
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
        layers.append(_Layer(_short(target), family, (), inputs))
        names.append((target, other))
    traces = [
        _Trace(layers, _onnx_run(model, [pair[side] for pair in names]))
        for side, model in enumerate((ours, theirs))
    ]
    return traces[0], traces[1], [(place, place) for place in range(len(layers))]


def _onnx_run(
    model: Any, names: list[str]
) -> Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    import onnxruntime
    from onnx import ValueInfoProto

    there = {one.name for one in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in there)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(photo: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        outputs = session.run(names, {"image": photo[np.newaxis]})
        return [
            np.moveaxis(one, 1, -1).reshape(-1, one.shape[1]).astype(np.float32) for one in outputs
        ]

    return run


def _short(name: str) -> str:
    """`functional/net/block_1_project_BN_1/batchnorm/sub1` -> `block_1_project_BN_1`."""
    parts = [one for one in name.split(";")[0].split(":")[0].split("/") if one]
    plain = [one for one in parts if one.rsplit("_", 1)[0] not in _PLAIN and one not in _PLAIN]
    return (plain or parts or [name])[-1]


_PLAIN = {
    *("batchnorm", "sub", "sub1", "sub2", "add", "add_1", "mul", "mul_1", "Add", "Relu6", "Relu"),
    *("convolution", "depthwise", "Conv2D", "BiasAdd", "MatMul", "Mean", "truediv"),
}
"""Parts of a tensor's name that say what is computed, not in which layer."""
