"""Grocery, official split, through the device's own code: model file -> Embedder -> Catalog.

    python -m benchmarks.quality.official --dims 128 64 32

fits nothing: it measures files that were made before, the bundled model by default. For every
model, and every length that `--dims` names (a prefix of the embedding), one row:

    fine      recall@1 of the test photos, gallery = train photos (81 products)
    coarse    the same, counted right when the category is right (43 categories)
    iconic    recall@1 of the test photos, gallery = one studio image per product
    AUROC, FPR@95TPR   enrolled against out-of-catalog products by the best score: every second
              product enrolled with its train photos, queries = all test photos
    ms        with `--latency`, on a quiet machine: one embedding, p50, decoding not counted

Test photos are for reporting only: nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import (
    embedded,
    nearest,
    photos_of,
    recall,
    separation,
    shortened,
)
from shelflens import Embedder
from shelflens.dataset import Dataset
from shelflens.model.embedder import BUNDLED_MODEL

COLUMNS = {
    "model": "model",
    "engine": "engine",
    "mib": "MiB",
    "dim": "dim",
    "fine": "fine",
    "coarse": "coarse",
    "iconic": "iconic",
    "auroc": "AUROC",
    "fpr_at_95_tpr": "FPR@95TPR",
    "ms_p50": "ms p50",
}
"""The last one only with `--latency`."""


def main() -> None:
    """Measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", nargs="+", type=Path, default=[BUNDLED_MODEL])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--dims", nargs="*", type=int, default=[], help="shorter lengths too")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--latency", action="store_true", help="time one embedding too")
    parser.add_argument("--every", type=int, default=1, help="use every n-th photo (a quick look)")
    args = parser.parse_args()
    splits = {name: photos_of(name, args.every) for name in ("train", "test", "iconic")}
    report = stamp(card=Embedder.open(args.model[0]).card)
    report["photos"] = {name: len(photos.items) for name, photos in splits.items()}
    report["rows"] = [
        row for model in args.model for row in measure(model, splits, args.dims, args.threads)
    ]
    if args.latency:
        times = {
            path.name: latency(Embedder.open(path, threads=args.threads)) for path in args.model
        }
        report["rows"] = [row | {"ms_p50": f"{times[row['file']]:.1f}"} for row in report["rows"]]
    save(report, "Grocery, official split", markdown(report), "official", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    photos = ", ".join(f"{name} {count}" for name, count in report["photos"].items())
    columns = {key: name for key, name in COLUMNS.items() if key in report["rows"][0]}
    rows = ([row[key] for key in columns] for row in report["rows"])
    return f"Photos: {photos}.\n{table(columns.values(), rows)}"


def measure(
    model: Path, splits: dict[str, Dataset], dims: list[int], threads: int | None
) -> list[dict[str, Any]]:
    """The rows of one model, the whole embedding first."""
    embedder = Embedder.open(model, threads=threads)
    whole = {name: embedded(embedder, photos, name) for name, photos in splits.items()}
    card = embedder.card
    rows = []
    for dim in [card.dim, *(dim for dim in dims if dim < card.dim)]:
        vectors = {name: shortened(part, dim) for name, part in whole.items()}
        rows.append(
            {
                "model": f"{card.variant}{model.suffix}" if model == BUNDLED_MODEL else model.name,
                "file": model.name,
                "variant": card.variant,
                "space": card.space,
                "engine": embedder.engine,
                "bytes": model.stat().st_size,
                "mib": f"{model.stat().st_size / 2**20:.2f}",
                "dim": dim,
                **figures(vectors, splits),
            }
        )
    return rows


def figures(vectors: dict[str, Any], splits: dict[str, Dataset]) -> dict[str, float]:
    """The protocol itself, from embeddings of `train`, `test` and `iconic`."""
    train, test, iconic = (splits[name].labels for name in ("train", "test", "iconic"))
    category = {
        product: columns["category"] for product, columns in splits["test"].attributes.items()
    }
    best, _ = nearest(vectors["train"], train, vectors["test"])
    half = set(sorted(set(train))[::2])
    kept = [index for index, product in enumerate(train) if product in half]
    enrolled = [train[index] for index in kept]
    _, scores = nearest(vectors["train"][kept], enrolled, vectors["test"])
    known = np.array([product in half for product in test])
    auroc, fpr = separation(scores[known], scores[~known])
    pairs = list(zip(best, test, strict=True))
    return {
        "fine": float(np.mean([first == own for first, own in pairs])),
        "coarse": float(np.mean([category[first] == category[own] for first, own in pairs])),
        "iconic": recall(vectors["iconic"], iconic, vectors["test"], test),
        "auroc": auroc,
        "fpr_at_95_tpr": fpr,
    }


def latency(embedder: Embedder, runs: int = 40) -> float:
    """One embedding of a decoded image, p50, ms."""
    size = embedder.card.size
    pixels = np.random.default_rng(0).integers(0, 255, (1, size, size, 3), dtype=np.uint8)
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        embedder.embed_pixels(pixels)
        spent.append((time.perf_counter() - start) * 1e3)
    return float(np.median(spent[5:]))


if __name__ == "__main__":
    main()
