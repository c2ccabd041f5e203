"""Layer errors: where a file loses quality against the float file, layer by layer.

Both graphs run on the same photos with every intermediate tensor kept. A layer's error is that of
its median channel: root mean square difference over standard deviation. The median, since a few
channels that hardly move have large errors and do no harm, while one channel of huge values ruins
all others of its tensor and hides behind its own size. What counts against a layer is the error
that its output has beyond that of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_export.layer_traces import HEAD, Layer, Trace, onnx_traces, tflite_trace
from shelflens_export.quiet import quiet


@dataclass(frozen=True)
class LayerError:
    """How far one layer's output is from the float file's."""

    layer: str
    family: str
    error: float
    """Relative error of the median channel of its output."""
    added: float
    """What is not explained by the error of its inputs."""


def layer_errors(float_file: Path, file: Path, photos: NDArray[np.uint8]) -> list[LayerError]:
    """Compare two files of one network layer by layer.

    Args:
        float_file: The float32 file of the same engine (`.tflite` or `.onnx`).
        file: The file in question.
        photos: uint8 [n, size, size, 3]; a dozen will do.

    Returns:
        In the order of the network; layers without a counterpart are left out.
    """
    with quiet():
        if file.suffix == ".onnx":
            exact, rounded = onnx_traces(float_file, file)
            pairs = [(index, index) for index in range(len(exact.layers))]
        else:
            exact, rounded = tflite_trace(float_file), tflite_trace(file)
            pairs = _aligned(exact.layers, rounded.layers)
        errors = _errors(exact, rounded, pairs, photos)
    found: list[LayerError] = []
    heads = [index for index, (layer, _) in enumerate(pairs) if exact.layers[layer].family == HEAD]
    for index, _ in pairs[: heads[-1] + 1 if heads else None]:
        layer = exact.layers[index]
        before = max((errors.get(source, 0.0) for source in layer.inputs), default=0.0)
        added = float(np.sqrt(max(errors[index] ** 2 - before**2, 0.0)))
        found.append(LayerError(layer.name, layer.family, errors[index], added))
    return found


def blame(errors: Iterable[LayerError]) -> str:
    """One sentence: the family that adds most error, and its worst layer."""
    families: dict[str, float] = {}
    for layer in errors:
        families[layer.family] = families.get(layer.family, 0.0) + layer.added**2
    if not families or not any(families.values()):
        return "no layer stands out: look at the input scaling and at the photos"
    family = max(families, key=lambda name: families[name])
    share = families[family] / sum(families.values())
    worst = max((layer for layer in errors if layer.family == family), key=lambda row: row.added)
    return (
        f"layer errors: the {family} add {share:.0%} of the error, "
        f"{worst.layer} the largest part (relative error {worst.error:.2f})"
    )


def _errors(
    exact: Trace, rounded: Trace, pairs: list[tuple[int, int]], photos: NDArray[np.uint8]
) -> dict[int, float]:
    """The error of each of the float file's layers that has a counterpart, by its index."""
    sums: dict[int, list[Any]] = {index: [0.0, 0.0, 0.0, 0] for index, _ in pairs}
    for photo in photos:
        expected, found = exact.run(photo), rounded.run(photo)
        for index, counterpart in pairs:
            wanted, got = expected[index].astype(np.float64), found[counterpart]
            entry = sums[index]
            entry[0] = entry[0] + ((got - wanted) ** 2).sum(0)
            entry[1] = entry[1] + wanted.sum(0)
            entry[2] = entry[2] + (wanted**2).sum(0)
            entry[3] += len(wanted)
    errors = {}
    for index, (square, total, power, count) in sums.items():
        variance = power / count - (total / count) ** 2
        alive = variance > 1e-8 * max(float(variance.max()), 1e-12)
        ratio = (square / count)[alive] / variance[alive] if alive.any() else np.zeros(1)
        # Above 1 nothing of the signal is left, and more is not worse.
        errors[index] = float(np.sqrt(min(float(np.median(ratio)), 1.0)))
    return errors


def _aligned(exact: list[Layer], rounded: list[Layer]) -> list[tuple[int, int]]:
    """Pairs of layers with the same family and shape, in order."""
    keys = [[(layer.family, layer.shape) for layer in layers] for layers in (exact, rounded)]
    blocks = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_matching_blocks()
    return [(block.a + step, block.b + step) for block in blocks for step in range(block.size)]
