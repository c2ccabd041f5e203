"""Start weights from an int8 `.tflite` that ShelfLens exported, such as the bundled model.

The file is all that a shop has of the model it uses, and the bundled one is in every install: a
fine-tune can start from it without a network. Kernels come back with the error of their rounding
(at most half a step of 1/127 of a channel's largest weight), which training removes.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError
from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens_train.batchnorm_folding import foldable, layers_by_name

_WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def load_tflite(path: Path, model: keras.Model, *, backbone: str) -> None:
    """Fill an embedding network with the weights of an int8 file.

    BatchNorm is folded in the file: in the network it becomes a plain shift. A head of fewer
    dimensions than the file's takes the first ones, a prefix of its Matryoshka embedding.

    Args:
        path: The `.tflite`.
        model: As `embedding_network` makes it, of MobileNetV2.
        backbone: Its backbone as a model card writes it, "mobilenet_v2 1".

    Raises:
        ModelError: another backbone, a file that is not int8, or one of fewer dimensions.
        FileNotFoundError: no such file.
    """
    card = read_tflite_card(path)
    if card.backbone != backbone or not backbone.startswith("mobilenet_v2"):
        raise ModelError(
            f"{path}: backbone {card.backbone}, asked for {backbone}; expected the same, and "
            "mobilenet_v2"
        )
    weighed = _weights(path)
    pairs, layers = foldable(model), layers_by_name(model)
    head = layers["embedding"]
    if card.variant not in ("int8", "int8-qat") or len(weighed) != len(pairs) + 1:
        raise ModelError(f"{path}: variant {card.variant}; expected int8 as shelflens export makes")
    if head.units > card.dim:
        raise ModelError(f"{path}: embeddings of {card.dim} dimensions, asked for {head.units}")
    for (source, norm), (kernel, shift) in zip(pairs, weighed[:-1], strict=True):
        # TFLite: [out, h, w, in] or [1, h, w, channels]; Keras: [h, w, in, out or 1].
        layers[source].set_weights([kernel.transpose(1, 2, 3, 0)])
        ones, zeros = np.ones(len(shift), np.float32), np.zeros(len(shift), np.float32)
        layers[norm].set_weights([ones, shift, zeros, ones - np.float32(layers[norm].epsilon)])
    kernel, shift = weighed[-1]
    head.set_weights([kernel.T[:, : head.units], shift[: head.units]])


def _weights(path: Path) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernel and shift of every weighed operation, in the order of the graph, as float32."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates: XNNPACK would replace the operations by one of its own.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def dequantized(index: int) -> NDArray[np.float32]:
        quantization = details[index]["quantization_parameters"]
        values = interpreter.get_tensor(index).astype(np.float32)
        shape = np.ones(values.ndim, int)
        if len(quantization["scales"]) > 1:
            shape[quantization["quantized_dimension"]] = len(quantization["scales"])
        scaled: NDArray[np.float32] = values * quantization["scales"].reshape(shape)
        return scaled

    return [
        (dequantized(op["inputs"][1]), dequantized(op["inputs"][2]))
        for op in interpreter._get_ops_details()
        if op["op_name"] in _WEIGHED
    ]


def start_file(weights: str) -> Path | None:
    """The `.tflite` that `--weights` names, if it names one."""
    if weights == "bundled":
        return BUNDLED_MODEL
    return Path(weights) if weights.endswith(".tflite") else None
