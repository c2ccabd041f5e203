"""From a run folder to checked files: the whole of `shelflens export`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.files import atomic_writer
from shelflens_export import (
    debias,
    flatgraph,
    metadata,
    parity,
    quantize_aware,
    report,
    to_onnx,
    to_tflite,
)
from shelflens_export.config import FILES, VARIANTS, ExportConfig
from shelflens_export.parity import GateRow
from shelflens_export.probe import trouble
from shelflens_export.quiet import step
from shelflens_export.run_folder import RunFolder, load_network, read_pixels, read_run, sample

REJECTED = ".rejected"


def export_run(run: Path, out: Path, config: ExportConfig) -> list[GateRow]:
    """Make the files, measure them, write them and the report.

    A file that fails the gate is written as `NAME.rejected`, which no engine opens: it can be
    looked into and not be shipped by accident. An older file of that name stays as it was.

    Args:
        run: Run folder of `shelflens train`.
        out: Folder for the files, `export.json`, `export.md` and `export.png`; made if need be.
        config: Formats and limits.

    Returns:
        One row a file, in the order of `FILES`.

    Raises:
        DataError: not a run folder, or photos that cannot be used.
        ModelError: a model that cannot be loaded, or a format that its backbone cannot have.
        OSError: the output folder cannot be written.
    """
    folder = read_run(run, config)
    if "int8-qat" in config.wanted:
        if config.formats == ("all",) and not quantize_aware.supported(folder):
            print("int8-qat: left out, needs the backbone mobilenet_v2")
            config = replace(config, formats=tuple(one for one in FILES if one != "int8-qat"))
        else:
            quantize_aware.require_support(folder)
    out.mkdir(parents=True, exist_ok=True)
    with step(f"reading {run / 'model.keras'}"):
        network = load_network(folder)
    with step("float embeddings of the gate's photos"):
        gate = parity.open_gate(folder, network, config)
    print(f"gate: {gate.protocol}; float recall@1 {gate.recall:.3f}")
    calibration = _calibration(folder, config)
    with tempfile.TemporaryDirectory(prefix="shelflens-export-") as work:
        made = _convert(folder, network, calibration, config, Path(work))
        rows = []
        for kind in config.wanted:
            row = _judged(gate, made, kind, config)
            keep(made[kind], out / row.file)
            rows.append(row)
    report.write(rows, gate, folder, out, config)
    return rows


def _calibration(folder: RunFolder, config: ExportConfig) -> NDArray[np.uint8]:
    """Train photos, decoded; the gate looks up others where there are others."""
    chosen = sample(folder.train, config.calibration_photos, config.seed + 1)
    pixels, _, skipped = read_pixels(chosen, folder.card.size)
    for line in skipped:
        print(f"skipped: {line}")
    return pixels


def _convert(
    folder: RunFolder,
    network: Any,
    calibration: NDArray[np.uint8],
    config: ExportConfig,
    work: Path,
) -> dict[str, Path]:
    """The files asked for, and the float ones that others are held against."""
    wanted = set(config.wanted)
    made: dict[str, Path] = {}
    reference = b""
    means = calibration[: config.bias_photos]

    def save(kind: str, content: bytes) -> None:
        made[kind] = work / FILES[kind]
        made[kind].write_bytes(content)

    for kind in (one for one in FILES if not one.startswith("onnx")):
        if kind not in wanted and (kind != "float32" or wanted <= {"onnx", "onnx-int8"}):
            continue
        what = f"fine-tuning on {len(folder.train)} photos" if kind == "int8-qat" else "converting"
        with step(f"{FILES[kind]}: {what}"):
            model = _tflite(folder, network, kind, calibration, config, reference)
        save(kind, metadata.pack_tflite(model, _card(folder, kind)))
        if kind in ("int8", "int8-qat") and len(means) and not trouble(made[kind]):
            with step(f"{FILES[kind]}: correcting biases"):
                model = debias.debias_tflite(model, reference, means)
            save(kind, metadata.pack_tflite(model, _card(folder, kind)))
        reference = model if kind == "float32" else reference
    if wanted & {"onnx", "onnx-int8"}:
        with step(f"{FILES['onnx']}: converting"):
            graph = to_onnx.to_onnx(network)
            save("onnx", metadata.pack_onnx(graph, _card(folder, "onnx")))
    if "onnx-int8" in wanted:
        with step(f"{FILES['onnx-int8']}: quantizing for {to_onnx.processor(config.target)}"):
            small = to_onnx.quantize(graph, calibration, config.target)
        if len(means):
            with step(f"{FILES['onnx-int8']}: correcting biases"):
                small = debias.debias_onnx(small, graph, means)
        save("onnx-int8", metadata.pack_onnx(small, _card(folder, "onnx-int8")))
    return made


def _tflite(
    folder: RunFolder,
    network: Any,
    kind: str,
    calibration: NDArray[np.uint8],
    config: ExportConfig,
    reference: bytes,
) -> bytes:
    if kind == "int8-weights":
        return flatgraph.round_weights(reference)
    if kind == "int8-qat":
        return quantize_aware.quantize_aware(
            network, folder, epochs=config.qat_epochs, rate=config.qat_rate, seed=config.seed
        )
    return to_tflite.to_tflite(network, kind, calibration)


def _card(folder: RunFolder, kind: str) -> Any:
    return replace(folder.card, variant=VARIANTS[kind])


def _judged(gate: parity.Gate, made: dict[str, Path], kind: str, config: ExportConfig) -> GateRow:
    base = "onnx" if kind.startswith("onnx") else "float32"
    return parity.judge(gate, made[kind], made[base], kind, config)


def keep(source: Path, target: Path) -> None:
    """Write the file; of a pair NAME and NAME.rejected only a good NAME outlives the other."""
    with atomic_writer(target) as stream:
        stream.write(source.read_bytes())
    if target.suffix == REJECTED:
        older = target.with_suffix("")
        if older.exists():
            print(f"{older} is from an earlier export and was left as it was")
    else:
        target.with_name(target.name + REJECTED).unlink(missing_ok=True)
