"""Grocery, official split, through the device's own code: MODEL -> Embedder -> Catalog.

    python benchmarks/quality/official.py --model build/model-int8.tflite --out results

fits nothing: it measures files that were made before. For every model it writes one row to
`official.json` and `official.md` in the folder given:

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
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from grocery import SHARED, read_classes, read_split
from numpy.typing import NDArray

from shelflens import Catalog, Embedder
from shelflens.files import write_text
from shelflens.photos import Labelled, Photos
from shelflens.progress import Progress


def main() -> None:
    """Measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--every", type=int, default=1, help="use every n-th photo (a quick look)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    splits = {name: _split(name, args.every) for name in ("train", "test", "iconic")}
    rows = [measure(model, splits, threads=args.threads) for model in args.model]
    report = {
        "command": " ".join(["python", "benchmarks/quality/official.py", *_names(sys.argv[1:])]),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": {name: version(name) for name in ("shelflens", "numpy", "pillow")}
        | {"python": platform.python_version()},
        "photos": {name: len(photos.items) for name, photos in splits.items()},
        "rows": rows,
    }
    write_text(args.out / "official.json", json.dumps(report, indent=2) + "\n")
    write_text(args.out / "official.md", markdown(report))
    print(markdown(report))


def measure(model: str, splits: dict[str, Photos], *, threads: int | None) -> dict[str, Any]:
    """One row of the table."""
    embedder = Embedder.open(model, threads=threads)
    vectors = {name: _embed(embedder, photos, name) for name, photos in splits.items()}
    train, test, iconic = (splits[name] for name in ("train", "test", "iconic"))
    category = {one: columns["category"] for one, columns in test.attributes.items()}
    catalog = Catalog(train.labels, vectors["train"], space="official")
    best = [catalog.match(vector, k=1)[0].id for vector in vectors["test"]]
    studio = Catalog(iconic.labels, vectors["iconic"], space="official")
    one = [studio.match(vector, k=1)[0].id for vector in vectors["test"]]
    pairs = list(zip(best, test.labels, strict=True))
    half = set(sorted(set(train.labels))[::2])
    enrolled = catalog.remove(sorted(set(train.labels) - half))
    scores = np.array([enrolled.match(vector, k=1)[0].score for vector in vectors["test"]])
    known = np.array([product in half for product in test.labels])
    auroc, fpr = separation(scores[known], scores[~known])
    return {
        "model": Path(model).name,
        "variant": embedder.card.variant,
        "space": embedder.card.space,
        "engine": embedder.engine,
        "bytes": Path(model).stat().st_size,
        "fine": round(float(np.mean([a == b for a, b in pairs])), 4),
        "coarse": round(float(np.mean([category[a] == category[b] for a, b in pairs])), 4),
        "iconic": round(float(np.mean(np.array(one) == np.array(test.labels))), 4),
        "auroc": round(auroc, 4),
        "fpr_at_95_tpr": round(fpr, 4),
        "ms_p50": round(_latency(embedder), 2),
    }


def separation(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> tuple[float, float]:
    """AUROC and FPR@95TPR of scores of enrolled and of other products.

    AUROC is the chance that an enrolled product scores higher, ties counted half (the
    Mann-Whitney statistic). FPR@95TPR is the share of the others accepted at the threshold that
    accepts 95 % of the enrolled.
    """
    above = np.searchsorted(np.sort(unknown), known, side="left")
    equal = np.searchsorted(np.sort(unknown), known, side="right") - above
    auroc = float((above + equal / 2).sum() / (len(known) * len(unknown)))
    threshold = np.quantile(known, 0.05)
    return auroc, float((unknown >= threshold).mean())


def markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    lines = [
        f"`{report['command']}`",
        "",
        f"{report['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in report["versions"].items())
        + "; photos: "
        + ", ".join(f"{name} {number}" for name, number in report["photos"].items()),
        "",
        "| model | engine | MiB | fine | coarse | iconic | AUROC | FPR@95TPR | ms p50 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['model']} | {row['engine']} | {row['bytes'] / 2**20:.2f} | {row['fine']:.4f} "
        f"| {row['coarse']:.4f} | {row['iconic']:.4f} | {row['auroc']:.4f} "
        f"| {row['fpr_at_95_tpr']:.4f} | {row['ms_p50']:.1f} |"
        for row in report["rows"]
    ]
    return "\n".join(lines) + "\n"


def _split(name: str, every: int) -> Photos:
    root = (SHARED / "data" / "grocery").resolve()
    classes = read_classes(root)
    rows = read_split(root, name)[:: 1 if name == "iconic" else every]
    items = [Labelled(root / photo, classes[number]["product"]) for photo, number in rows]
    return Photos(items, {one["product"]: one for one in classes.values()})


def _embed(embedder: Embedder, photos: Photos, name: str) -> NDArray[np.float32]:
    with Progress(f"{embedder.card.variant} {name}", len(photos.items)) as bar:
        return embedder.embed_many(photos.paths, on_done=bar.update)[1]


def _latency(embedder: Embedder, runs: int = 40) -> float:
    size = embedder.card.size
    pixels = np.random.default_rng(0).integers(0, 255, (1, size, size, 3), dtype=np.uint8)
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        embedder.embed_pixels(pixels)
        spent.append((time.perf_counter() - start) * 1e3)
    return float(np.median(spent[5:]))


def _names(words: list[str]) -> list[str]:
    """The arguments without this machine's folders."""
    return [Path(word).name if "/" in word else word for word in words]


if __name__ == "__main__":
    main()
