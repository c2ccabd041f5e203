"""Bias correction: what int8 rounding shifts on average is put back into the biases.

Rounding a layer's weights and inputs moves the mean of each of its output channels, and these
shifts add up over fifty layers: on MobileNetV2 they are the larger part of the error. Layer by
layer from the entrance, the mean of each channel over some photos is compared with the float
network's and the difference added to the layer's int32 bias. Files keep their size and speed.
After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019, here with photos.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_export import flatgraph

Means = list[NDArray[np.float64]]
"""For each watched tensor the mean of its channels, float64 [c]."""


def correct_tflite(model: bytes, reference: bytes, photos: NDArray[np.uint8]) -> bytes:
    """Correct the biases of an int8 FlatBuffer.

    Args:
        model: int8, uint8 input.
        reference: The float32 conversion of the same network, uint8 input.
        photos: uint8 [n, size, size, 3]; 64 will do.
    """
    tree, exact = flatgraph.unpack(model), flatgraph.unpack(reference)
    layers, counterparts = _weighted(tree), _weighted(exact)
    if [kind for kind, _ in layers] != [kind for kind, _ in counterparts]:
        return model  # converted along another path: nothing to compare with
    graph = tree.subgraphs[0]
    wanted = _tflite_means(exact, [operator.outputs[0] for _, operator in counterparts], photos)
    for (_, operator), want in zip(layers, wanted, strict=True):
        bias = graph.tensors[operator.inputs[2]]
        if bias.type != flatgraph.schema().TensorType.INT32:
            continue
        (have,) = _tflite_means(tree, [operator.outputs[0]], photos)
        buffer = tree.buffers[bias.buffer]
        old = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), np.int32)
        buffer.data = np.frombuffer(
            _moved(old, (want - have) / np.asarray(bias.quantization.scale)).tobytes(), np.uint8
        )
    return flatgraph.pack(tree)


def correct_onnx(model: Any, reference: Any, photos: NDArray[np.uint8]) -> Any:
    """Correct the biases of a QDQ model.

    Args:
        model: From `onnxruntime.quantization`, where tensor X has become
            X_DequantizeLinear_Output.
        reference: The float model that was quantized.
        photos: uint8 [n, size, size, 3]; 64 will do.
    """
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    maker = {name: node for node in model.graph.node for name in node.output}
    readers = {node.input[0]: node for node in model.graph.node if node.op_type[:8] == "Quantize"}
    watched = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and len(node.input) == 3:
            source = maker.get(node.input[2])
            made = node.output[0]
            # The head's output is left in float, all others are quantized.
            seen = f"{made}_DequantizeLinear_Output" if made in readers else made
            if source is not None and source.input[0] in stored:
                watched.append((made, seen, source))
    wanted = _onnx_means(reference, [made for made, _, _ in watched], photos)
    for (_, seen, source), want in zip(watched, wanted, strict=True):
        (have,) = _onnx_means(model, [seen], photos)
        tensor = stored[source.input[0]]
        scale = numpy_helper.to_array(stored[source.input[1]]).astype(np.float64)
        moved = _moved(numpy_helper.to_array(tensor), (want - have) / scale)
        tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
    return model


def _moved(bias: NDArray[np.int32], steps: NDArray[np.float64]) -> NDArray[np.int32]:
    limits = np.iinfo(np.int32)
    return np.clip(np.round(bias + steps), limits.min, limits.max).astype(np.int32)


def _weighted(tree: Any) -> list[tuple[int, Any]]:
    """Operators with weights and a bias, in order."""
    codes = flatgraph.schema().BuiltinOperator
    kinds = (codes.CONV_2D, codes.DEPTHWISE_CONV_2D, codes.FULLY_CONNECTED)
    found = []
    for operator in tree.subgraphs[0].operators:
        kind = tree.operatorCodes[operator.opcodeIndex].builtinCode
        if kind in kinds and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            found.append((kind, operator))
    return found


def _tflite_means(tree: Any, tensors: list[int], photos: NDArray[np.uint8]) -> Means:
    """Run the graph as far as these tensors, with them as its outputs."""
    from ai_edge_litert.interpreter import Interpreter

    graph = tree.subgraphs[0]
    kept = graph.outputs, graph.operators, tree.signatureDefs
    last = max(
        index
        for index, operator in enumerate(graph.operators)
        if set(operator.outputs) & set(tensors)
    )
    graph.outputs, graph.operators, tree.signatureDefs = tensors, kept[1][: last + 1], []
    content = flatgraph.pack(tree)
    graph.outputs, graph.operators, tree.signatureDefs = kept
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    outputs = interpreter.get_output_details()
    sums: Means = [np.zeros(output["shape"][-1]) for output in outputs]
    for photo in photos:
        interpreter.set_tensor(entry, photo[np.newaxis])
        interpreter.invoke()
        for index, output in enumerate(outputs):
            values = interpreter.get_tensor(output["index"]).astype(np.float32)
            scale, zero = output["quantization"]
            mean = values.reshape(-1, values.shape[-1]).mean(0, dtype=np.float64)
            sums[index] += (mean - zero) * scale if scale else mean
    return [total / len(photos) for total in sums]


def _onnx_means(model: Any, names: list[str], photos: NDArray[np.uint8]) -> Means:
    import onnxruntime
    from onnx import ModelProto, ValueInfoProto

    part = ModelProto()
    part.CopyFrom(model)
    last = max(index for index, node in enumerate(part.graph.node) if set(node.output) & set(names))
    del part.graph.node[last + 1 :], part.graph.output[:], part.graph.value_info[:]
    part.graph.output.extend(ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        part.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    sums: Means = []
    for photo in photos:
        found = session.run(names, {"image": photo[np.newaxis]})
        means = [
            values.mean(axis=(0, *range(2, values.ndim)), dtype=np.float64) for values in found
        ]
        sums = [a + b for a, b in zip(sums, means, strict=True)] if sums else means
    return [total / len(photos) for total in sums]
