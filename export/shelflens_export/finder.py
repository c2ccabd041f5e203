"""The export of a finder: the same converters, and a gate of its own."""

from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import DataError, ModelError
from shelflens.files import write_text
from shelflens.finding.finder import Finder
from shelflens.finding.metrics import average_precision, mask_iou
from shelflens.finding.regions import CELL_NUMBERS, Box, regions_of
from shelflens.model.card import FINDER
from shelflens.options import to_dict
from shelflens.progress import Progress
from shelflens_export import crash_probe
from shelflens_export.config import ExportConfig
from shelflens_export.export import REJECTED, convert, keep
from shelflens_export.formats import Source
from shelflens_export.quiet import quiet, step
from shelflens_export.run_folder import RunFolder, load_network, read_head

SCENES = "scenes.npz"
POSSIBLE = ("float32", "float16", "dynamic", "int8")
"""ONNX needs shapes that the batch does not hide; its converter does not find them here."""
_BATCH = 16
RANKED = 0.02
"""Score from which regions count for AP50, which ranks them all."""


@dataclass(frozen=True)
class FinderResult:
    """A file of a finder, measured on scenes that the training did not see."""

    format: str
    file: str
    """Name in the output folder; ends in `.rejected` when the gate failed."""
    bytes: int
    mask_iou_float: float
    mask_iou: float
    box_ap50_float: float
    box_ap50: float
    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Scenes:
    """What a finder is calibrated on (the first half) and measured on (the second)."""

    pixels: NDArray[np.uint8]
    """[n, size, size, 3]."""
    shown: NDArray[np.float32]
    """[n, g, g], the share of each cell that shows a product."""
    boxes: list[list[Box]]


def is_finder(run: Path) -> bool:
    """Whether a run folder is of a finder.

    Raises:
        DataError, ModelError, FileNotFoundError: as `read_head`.
    """
    return read_head(run)[0].task == FINDER


def export_finder(run: Path, out: Path, config: ExportConfig) -> list[FinderResult]:
    """Make the files, measure them, write and print the report (`export.json`).

    Args:
        run: Run folder of `shelflens train --task finder`.
        out: Folder for the files; made if need be.
        config: Formats and limits.

    Returns:
        One result per file; a file that fails is written as `NAME.rejected`.

    Raises:
        DataError, ModelError, OSError: as `export_run`.
    """
    card, training = read_head(run, needed=(SCENES,))
    folder = RunFolder(run, card, training, [], [])
    wanted = [row for row in config.wanted if row.name in POSSIBLE]
    if not wanted:
        raise ModelError(f"{run}: a finder has the formats {', '.join(POSSIBLE)}")
    scenes = read_scenes(run / SCENES, card.size)
    half = max(1, len(scenes.pixels) // 2)
    out.mkdir(parents=True, exist_ok=True)
    with step(f"reading {run / 'model.keras'}"):
        network = load_network(folder)
    with quiet():
        exact = network.predict(
            scenes.pixels[half:].astype(np.float32), batch_size=_BATCH, verbose=0
        )
    base = _figures(_grid(exact), scenes, half)
    source = Source(
        network,
        folder,
        scenes.pixels[: min(half, config.calibration_photos)],
        qat_epochs=0,
        qat_learning_rate=config.qat_learning_rate,
        target=config.target,
        bias_photos=config.bias_photos,
        seed=config.seed,
    )
    results = []
    with tempfile.TemporaryDirectory(prefix="shelflens-export-") as work:
        files = convert(wanted, source, Path(work))
        for row in wanted:
            result = _judge(files[row.name], row.name, scenes, half, base, config)
            keep(files[row.name], out / result.file)
            results.append(result)
    write_text(
        out / "export.json",
        json.dumps(
            {
                "name": card.name,
                "scenes": len(scenes.pixels) - half,
                "config": to_dict(config),
                "passed": all(each.passed for each in results),
                "files": [asdict(each) for each in results],
            },
            indent=2,
        )
        + "\n",
    )
    print(table(results))
    return results


def table(results: list[FinderResult]) -> str:
    """The results for a terminal."""
    lines = [
        f"{'file':<24} {'MB':>5}  {'IoU float':>9}  {'IoU':>6}  {'AP50 float':>10}  {'AP50':>6}"
        "  gate"
    ]
    lines += [
        f"{each.file:<24} {each.bytes / 1e6:5.2f}  {each.mask_iou_float:9.4f}  "
        f"{each.mask_iou:6.4f}  {each.box_ap50_float:10.4f}  {each.box_ap50:6.4f}  "
        f"{'passed' if each.passed else 'FAILED'}"
        for each in results
    ]
    return "\n".join([*lines, *(f"{each.file}: {each.reason}" for each in results if each.reason)])


def read_scenes(path: Path, size: int) -> Scenes:
    """The scenes of a run folder.

    Raises:
        DataError: damaged, or of another size.
    """
    try:
        with np.load(path) as arrays:
            pixels, shown, boxes = (arrays[name] for name in ("pixels", "shown", "boxes"))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read ({error}); train again") from error
    good = pixels.ndim == 4 and pixels.shape[1:] == (size, size, 3) and pixels.dtype == np.uint8
    if not good or not len(pixels) == len(shown) == len(boxes) >= 2:
        raise DataError(
            f"{path}: scenes of {list(pixels.shape)}, the card says {size}; train again"
        )
    listed: list[list[Box]] = [
        [(x0, y0, x1, y1) for x0, y0, x1, y1 in rows[~np.isnan(rows[:, 0])].tolist()]
        for rows in boxes
    ]
    return Scenes(pixels, shown.astype(np.float32), listed)


def _judge(
    path: Path,
    name: str,
    scenes: Scenes,
    half: int,
    base: tuple[float, float],
    config: ExportConfig,
) -> FinderResult:
    failure = crash_probe.failure(path, FINDER)
    found = (0.0, 0.0)
    if not failure:
        with quiet():
            finder = Finder.open(path, threads=config.threads or None)
        cells = []
        with Progress(path.name, len(scenes.pixels) - half) as bar:
            for number, pixels in enumerate(scenes.pixels[half:], 1):
                cells.append(finder.cells(pixels))
                bar.update(number)
        found = _figures(np.stack(cells), scenes, half)
    reasons = [failure] if failure else []
    for what, before, after in zip(("mask IoU", "box AP50"), base, found, strict=True):
        if not failure and before - after > config.max_iou_drop:
            reasons.append(
                f"{what} {after:.3f} is {before - after:.3f} below float, allowed "
                f"{config.max_iou_drop:g}"
            )
    return FinderResult(
        name,
        path.name + (REJECTED if reasons else ""),
        path.stat().st_size,
        mask_iou_float=base[0],
        mask_iou=found[0],
        box_ap50_float=base[1],
        box_ap50=found[1],
        passed=not reasons,
        reason="; ".join(reasons),
    )


def _figures(cells: NDArray[np.float32], scenes: Scenes, half: int) -> tuple[float, float]:
    masks = zip(cells, scenes.shown[half:], strict=True)
    overlap = float(np.mean([mask_iou(mine[..., 0], shown) for mine, shown in masks]))
    return overlap, average_precision(
        [regions_of(each, min_score=RANKED) for each in cells], scenes.boxes[half:]
    )


def _grid(output: Any) -> NDArray[np.float32]:
    side = round((output.shape[1] / CELL_NUMBERS) ** 0.5)
    grid: NDArray[np.float32] = np.asarray(output, np.float32)
    return grid.reshape(-1, side, side, CELL_NUMBERS)
