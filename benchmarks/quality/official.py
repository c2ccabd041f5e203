"""Grocery, official split, through the device's own code: MODEL -> Embedder -> Catalog.

    python benchmarks/quality/official.py --model build/int8.tflite --out results

fits nothing: it measures files that were made before. For every model, and every length that
`--dims` names (a prefix of the embedding), one row in `official.json` and `official.md`:

    fine      recall@1 of the test photos, gallery = train photos (81 products)
    coarse    the same, counted right when the category is right (43 categories)
    iconic    recall@1 of the test photos, gallery = one studio picture a product
    AUROC, FPR@95TPR   telling enrolled from not enrolled by the best score, every second product
              left out of the train-photo gallery, queries = all test photos
    ms        one embedding, p50, on this machine, decoding not counted

Test photos are for reporting only: nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.measuring import (
    embedded,
    facts,
    nearest,
    photos_of,
    recall,
    save,
    separation,
    shortened,
)
from shelflens import Embedder
from shelflens.dataset import Dataset

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


def main() -> None:
    """Measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dims", nargs="*", type=int, default=[], help="shorter lengths too")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--every", type=int, default=1, help="use every n-th photo (a quick look)")
    args = parser.parse_args()
    splits = {name: photos_of(name, args.every) for name in ("train", "test", "iconic")}
    report = facts("official.py")
    report["photos"] = ", ".join(f"{name} {len(one.items)}" for name, one in splits.items())
    report["rows"] = [
        row for model in args.model for row in measure(model, splits, args.dims, args.threads)
    ]
    save(report, COLUMNS, args.out, "official")


def measure(
    model: str, splits: dict[str, Dataset], dims: list[int], threads: int | None
) -> list[dict[str, Any]]:
    """The rows of one model, the whole embedding first."""
    embedder = Embedder.open(model, threads=threads)
    whole = {name: embedded(embedder, photos, name) for name, photos in splits.items()}
    train, test, iconic = (splits[name].labels for name in ("train", "test", "iconic"))
    category = {one: columns["category"] for one, columns in splits["test"].attributes.items()}
    rows = []
    for dim in [embedder.card.dim, *(one for one in dims if one < embedder.card.dim)]:
        vectors = {name: shortened(one, dim) for name, one in whole.items()}
        best, _ = nearest(vectors["train"], train, vectors["test"])
        pairs = list(zip(best, test, strict=True))
        half = set(sorted(set(train))[::2])
        kept = [place for place, product in enumerate(train) if product in half]
        enrolled = [train[place] for place in kept]
        _, scores = nearest(vectors["train"][kept], enrolled, vectors["test"])
        known = np.array([product in half for product in test])
        auroc, fpr = separation(scores[known], scores[~known])
        rows.append(
            {
                "model": Path(model).name,
                "variant": embedder.card.variant,
                "space": embedder.card.space,
                "engine": embedder.engine,
                "bytes": Path(model).stat().st_size,
                "mib": f"{Path(model).stat().st_size / 2**20:.2f}",
                "dim": dim,
                "fine": float(np.mean([a == b for a, b in pairs])),
                "coarse": float(np.mean([category[a] == category[b] for a, b in pairs])),
                "iconic": recall(vectors["iconic"], iconic, vectors["test"], test),
                "auroc": auroc,
                "fpr_at_95_tpr": fpr,
                "ms_p50": f"{latency(embedder):.1f}",
            }
        )
    return rows


def latency(embedder: Embedder, runs: int = 40) -> float:
    """One embedding of a decoded picture, p50, ms."""
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
