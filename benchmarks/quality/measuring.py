"""What the protocols share: photos of a split, embeddings, separation, reports."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import SHARED, read_classes, read_split
from shelflens import Catalog, Embedder
from shelflens.dataset import Dataset, LabelledImage
from shelflens.evaluation.measure import metrics
from shelflens.files import write_text
from shelflens.progress import Progress

Vectors = NDArray[np.float32]


def photos_of(name: str, every: int = 1) -> Dataset:
    """A split of the Grocery Store Dataset: train, val, test, or iconic."""
    root = (SHARED / "data" / "grocery").resolve()
    classes = read_classes(root)
    rows = read_split(root, name)[:: 1 if name == "iconic" else every]
    items = [LabelledImage(root / photo, classes[number]["product"]) for photo, number in rows]
    return Dataset(items, {one["product"]: one for one in classes.values()})


def embedded(embedder: Embedder, photos: Dataset, name: str) -> Vectors:
    """Embed photos: float32 [n, d]."""
    with Progress(f"{embedder.card.variant} {name}", len(photos.items)) as bar:
        return embedder.embed_many(photos.paths, on_done=bar.update)[1]


def shortened(vectors: Vectors, dim: int) -> Vectors:
    """The first numbers of each embedding, at length 1."""
    short = vectors[:, :dim]
    unit: Vectors = short / np.linalg.norm(short, axis=1, keepdims=True)
    return unit


def nearest(
    gallery: Vectors, products: Sequence[str], queries: Vectors
) -> tuple[list[str], NDArray[np.float64]]:
    """The best product of each query, and its score, through the device's own catalog."""
    catalog = Catalog(list(products), gallery, space="measuring")
    found = [catalog.match(query, k=1)[0] for query in queries]
    return [match.id for match in found], np.array([match.score for match in found])


def recall(
    gallery: Vectors, products: Sequence[str], queries: Vectors, own: Sequence[str]
) -> float:
    """recall@1: the share of queries whose best product is their own."""
    found, _ = nearest(gallery, products, queries)
    return float(np.mean([a == b for a, b in zip(found, own, strict=True)]))


def separation(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> tuple[float, float]:
    """AUROC and FPR@95TPR of scores of enrolled and of other products.

    See `shelflens.evaluation.measure.metrics`: one definition for benchmarks and for a shop's own report.
    """
    return metrics.auroc(known, unknown), metrics.fpr_at_tpr(known, unknown)


def calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins of confidence; see `separation`."""
    return metrics.calibration_error(metrics.reliability(sure, right))


def fine_tuned(run: Path, data: Sequence[Path], *options: object) -> Path:
    """The run folder of `shelflens train DATA... OPTIONS`; one that is there is not redone."""
    if not (run / "card.json").exists():
        words = ["train", *data, "--out", run, "--resume", *options]
        subprocess.run([sys.executable, "-m", "shelflens", *map(str, words)], check=True)
    return run


def averaged(runs: Sequence[Path], out: Path, *options: object) -> Path:
    """The run folder of `shelflens average RUN... OPTIONS`; one that is there is not redone."""
    if not (out / "card.json").exists():
        words = ["average", *runs, "--out", out, *options]
        subprocess.run([sys.executable, "-m", "shelflens", *map(str, words)], check=True)
    return out


def products_of(items: Sequence[LabelledImage]) -> list[str]:
    """The product of each photo."""
    return [item.product for item in items]


def facts(script: str) -> dict[str, Any]:
    """How the figures came about: command, machine, versions. Folders of this machine left out."""
    words = [Path(word).name if "/" in word else word for word in sys.argv[1:]]
    return {
        "command": " ".join(["python", f"benchmarks/quality/{script}", *words]),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": {name: version(name) for name in ("shelflens", "numpy", "pillow")}
        | {"python": platform.python_version()},
    }


def save(report: dict[str, Any], columns: dict[str, str], out: Path, name: str) -> None:
    """Write NAME.json and NAME.md, and print the table.

    Args:
        report: `facts` and `rows`.
        columns: Key in a row -> heading.
        out: Folder.
        name: Of the files.
    """
    lines = [
        f"`{report['command']}`",
        "",
        f"{report['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in report["versions"].items())
        + "".join(f"; {key}: {report[key]}" for key in ("photos", "seeds") if key in report),
        "",
        f"| {' | '.join(columns.values())} |",
        f"| {' | '.join('---' for _ in columns)} |",
    ]
    for row in report["rows"]:
        cells = [row[key] for key in columns]
        shown = [f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append(f"| {' | '.join(shown)} |")
    text = "\n".join(lines) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / f"{name}.json", json.dumps(report, indent=2) + "\n")
    write_text(out / f"{name}.md", text)
    print(text)
