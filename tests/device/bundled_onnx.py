"""The bundled model as an int8 ONNX file for Arm, for `tests/device/run arm64 --onnx FILE`.

    .venv-dev/bin/python -m tests.device.bundled_onnx FILE

The float weights are those of the int8 `.tflite`, so the two share a space and the selftest.
Needs the [train] and [export] extras; a minute.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.image import load_image
from shelflens_export.metadata import pack_onnx
from shelflens_export.to_onnx import quantize, to_onnx
from shelflens_train.spec import BackboneSpec
from shelflens_train.start_weights import starting_network


def main(out: Path) -> None:
    """Write the file."""
    card = read_tflite_card(BUNDLED_MODEL)
    network = starting_network(BackboneSpec.from_card(card), "bundled")
    photos = sorted((BUNDLED_MODEL.parent / "demo").rglob("*.jpg"))[::3]
    calibration = np.stack([load_image(path, size=card.size) for path in photos])
    graph = quantize(to_onnx(network), calibration, "arm")
    out.write_bytes(pack_onnx(graph, replace(card, variant="int8")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
