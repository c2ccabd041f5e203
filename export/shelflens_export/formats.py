"""The formats of `shelflens export`: one row each, in the order in which files are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shelflens import ModelCard

if TYPE_CHECKING:
    from shelflens_export.run_folder import RunFolder

# The functions import what they use when they are called: TensorFlow takes seconds.


@dataclass(frozen=True)
class Source:
    """What files are made from."""

    network: Any
    """The Keras model of the run."""
    run: RunFolder
    calibration: NDArray[np.uint8]
    """Train photos that set the int8 ranges, uint8 [n, size, size, 3]."""
    qat_epochs: int
    qat_learning_rate: float
    target: str
    """Processor of the ONNX int8 file: auto, x86 or arm."""
    bias_photos: int
    """Of the train photos, how many correct the int8 biases."""
    seed: int


@dataclass(frozen=True)
class Format:
    """How a file is called, made and checked; a model is FlatBuffer `bytes` or a ModelProto."""

    name: str
    """On the command line."""
    file: str
    """Names do not change from run to run: scripts copy them."""
    variant: str
    """What the file's card calls it."""
    base: str
    """The float format of the same engine, made first: what its layers are compared with."""
    build: Callable[[Source, Any], Any]
    """Source and the base's model -> the model; a base format gets None."""
    pack: Callable[[Any, ModelCard], bytes]
    """The model with its card -> the file."""
    action: str = "converting"
    """What building does, for the screen."""
    correct: Callable[[Any, Any, NDArray[np.uint8]], Any] | None = None
    """Model, the base's model and photos -> the model with its biases corrected."""
    require: Callable[[RunFolder], None] | None = None
    """Raises ModelError for a run that cannot have this format."""


def _tflite(source: Source, variant: str) -> bytes:
    from shelflens_export.to_tflite import to_tflite

    return to_tflite(source.network, variant, source.calibration)


def _round_weights(_: Source, base: bytes) -> bytes:
    from shelflens_export.flatgraph import round_weights

    return round_weights(base)


def _quantize_aware(source: Source, _: bytes) -> bytes:
    from shelflens_export.quantize_aware import quantize_aware

    return quantize_aware(
        source.network,
        source.run,
        epochs=source.qat_epochs,
        learning_rate=source.qat_learning_rate,
        seed=source.seed,
    )


def _require_qat(run: RunFolder) -> None:
    from shelflens_export.quantize_aware import require_support

    require_support(run)


def _onnx(source: Source, _: None) -> Any:
    from shelflens_export.to_onnx import to_onnx

    return to_onnx(source.network)


def _onnx_int8(source: Source, base: Any) -> Any:
    from shelflens_export.to_onnx import quantize

    return quantize(base, source.calibration, source.target)


def _correct_tflite(model: bytes, base: bytes, photos: NDArray[np.uint8]) -> bytes:
    from shelflens_export.bias_correction import correct_tflite

    return correct_tflite(model, base, photos)


def _correct_onnx(model: Any, base: Any, photos: NDArray[np.uint8]) -> Any:
    from shelflens_export.bias_correction import correct_onnx

    return correct_onnx(model, base, photos)


def _pack_tflite(model: bytes, card: ModelCard) -> bytes:
    from shelflens_export.metadata import pack_tflite

    return pack_tflite(model, card)


def _pack_onnx(model: Any, card: ModelCard) -> bytes:
    from shelflens_export.metadata import pack_onnx

    return pack_onnx(model, card)


FORMATS = (
    Format(
        name="float32",
        file="float32.tflite",
        variant="float32",
        base="float32",
        build=lambda source, _: _tflite(source, "float32"),
        pack=_pack_tflite,
    ),
    Format(
        name="float16",
        file="float16.tflite",
        variant="float16",
        base="float32",
        build=lambda source, _: _tflite(source, "float16"),
        pack=_pack_tflite,
    ),
    Format(
        name="dynamic",
        file="dynamic.tflite",
        variant="dynamic",
        base="float32",
        build=lambda source, _: _tflite(source, "dynamic"),
        pack=_pack_tflite,
    ),
    Format(
        name="int8-weights",
        file="int8-weights.tflite",
        variant="int8-weights",
        base="float32",
        build=_round_weights,
        pack=_pack_tflite,
        action="rounding weights",
    ),
    Format(
        name="int8",
        file="int8.tflite",
        variant="int8",
        base="float32",
        build=lambda source, _: _tflite(source, "int8"),
        pack=_pack_tflite,
        correct=_correct_tflite,
    ),
    Format(
        name="int8-qat",
        file="int8-qat.tflite",
        variant="int8-qat",
        base="float32",
        build=_quantize_aware,
        pack=_pack_tflite,
        action="fine-tuning on the train photos",
        correct=_correct_tflite,
        require=_require_qat,
    ),
    Format(
        name="onnx",
        file="float32.onnx",
        variant="float32",
        base="onnx",
        build=_onnx,
        pack=_pack_onnx,
    ),
    Format(
        name="onnx-int8",
        file="int8.onnx",
        variant="int8",
        base="onnx",
        build=_onnx_int8,
        pack=_pack_onnx,
        action="quantizing",
        correct=_correct_onnx,
    ),
)
NAMES = tuple(row.name for row in FORMATS)
BY_NAME = {row.name: row for row in FORMATS}
