"""From a run folder to checked files: the whole of `shelflens export`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError
from shelflens.files import atomic_writer
from shelflens_export import crash_probe, report
from shelflens_export.comparison import Comparison, compare
from shelflens_export.config import ExportConfig
from shelflens_export.formats import FORMATS, Format, Source
from shelflens_export.gate_photos import open_gate
from shelflens_export.quality_gate import GateResult, judge
from shelflens_export.quiet import step
from shelflens_export.run_folder import RunFolder, load_network, read_pixels, read_run, sample

REJECTED = ".rejected"


def export_run(
    run: Path, out: Path, config: ExportConfig
) -> tuple[list[GateResult], Comparison | None]:
    """Make the files, measure them, write them and the report.

    A file that fails the quality gate is written as `NAME.rejected`, which no engine opens: it can
    be looked into and not be shipped by accident. An older file of that name stays as it was.

    Args:
        run: Run folder of `shelflens train`.
        out: Folder for the files, `export.json`, `export.md` and `export.png`; made if need be.
        config: Formats and limits.

    Returns:
        One result per file, in the order of `FORMATS`, and the file to ship beside the bundled
        model.

    Raises:
        DataError: not a run folder, or photos that cannot be used.
        ModelError: a model that cannot be loaded, or a format that its backbone cannot have.
        OSError: the output folder cannot be written.
    """
    folder = read_run(run, data=config.data, held_out=config.held_out, columns=config.columns)
    wanted = possible(config.wanted, folder, leave_out=config.formats == ("all",))
    out.mkdir(parents=True, exist_ok=True)
    with step(f"reading {run / 'model.keras'}"):
        network = load_network(folder)
    with step("float embeddings of the gate's photos"):
        gate = open_gate(folder, network, max_photos=config.gate_photos, seed=config.seed)
    print(f"quality gate: {gate.protocol}; float recall@1 {gate.recall:.3f}")
    source = Source(
        network,
        folder,
        _calibration(folder, config),
        qat_epochs=config.qat_epochs,
        qat_learning_rate=config.qat_learning_rate,
        target=config.target,
        bias_photos=config.bias_photos,
        seed=config.seed,
    )
    with tempfile.TemporaryDirectory(prefix="shelflens-export-") as work:
        files = convert(wanted, source, Path(work))
        results = []
        for row in wanted:
            result = judge(
                gate,
                files[row.name],
                files[row.base],
                row.name,
                max_recall_drop=config.max_recall_drop,
                min_cosine=config.min_cosine,
                threads=config.threads,
            )
            keep(files[row.name], out / result.file)
            results.append(result)
    comparison = compare(gate, results)
    report.write(results, gate.protocol, comparison, folder, out, config)
    return results, comparison


def possible(wanted: Sequence[Format], run: RunFolder, *, leave_out: bool) -> list[Format]:
    """The formats that a run can have.

    Raises:
        ModelError: one that it cannot have, unless these are left out.
    """
    chosen = []
    for row in wanted:
        try:
            if row.require:
                row.require(run)
        except ModelError as error:
            if not leave_out:
                raise
            print(f"left out: {error}")
        else:
            chosen.append(row)
    return chosen


def convert(wanted: Sequence[Format], source: Source, work: Path) -> dict[str, Path]:
    """Make the files asked for, and the float ones that they are compared with.

    Returns:
        Format name -> file, in the working folder.
    """
    names = {name for row in wanted for name in (row.name, row.base)}
    photos = source.calibration[: source.bias_photos]
    models: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for row in (row for row in FORMATS if row.name in names):
        path = files[row.name] = work / row.file
        card = replace(source.run.card, variant=row.variant)
        base = models.get(row.base)
        with step(f"{row.file}: {row.action}"):
            models[row.name] = row.build(source, base)
        path.write_bytes(row.pack(models[row.name], card))
        # Only a model that its engine survives can be run to correct it.
        if row.correct and len(photos) and not crash_probe.failure(path, card.task):
            with step(f"{row.file}: correcting biases"):
                models[row.name] = row.correct(models[row.name], base, photos)
            path.write_bytes(row.pack(models[row.name], card))
    return files


def _calibration(folder: RunFolder, config: ExportConfig) -> NDArray[np.uint8]:
    """Train photos, decoded; the gate looks up others where there are others."""
    chosen = sample(folder.train, config.calibration_photos, config.seed + 1)
    pixels, _, skipped = read_pixels(chosen, folder.card.size)
    for line in skipped:
        print(f"skipped: {line}")
    return pixels


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
