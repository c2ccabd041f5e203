"""Products never seen in training: Grocery classes with an odd fine id.

    python -m benchmarks.recipe.make unseen --work runs/bundle --cache CACHE

trains the recipe without these classes, from ImageNet, since the network that the bundled model
starts from has seen them. `--write DIR` gives what a fine-tune without them needs: even.csv, the
train and val photos of the 41 classes with an even fine id, iconic.csv, their studio images, and
judge.csv, every twentieth of those photos, to validate on. The model is then judged on the other
40 classes by

    python -m benchmarks.quality.unseen --model DIR/int8.tflite

one row for each length in `--dims`:

    iconic             recall@1 of their test photos, gallery = one studio image per product
    1, 3, 5 photos     the same, gallery = that many train photos per product; mean of the seeds
    AUROC, FPR@95TPR   20 of the 40 enrolled with 5 photos each, queries = test photos of all 40;
                       mean of the seeds
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.grocery import read_classes, read_split, write_split
from benchmarks.quality.measuring import (
    Vectors,
    embedded,
    nearest,
    only,
    photos_of,
    recall,
    separation,
    shortened,
)
from shelflens import Embedder

SHOTS = (1, 3, 5)
COLUMNS = {
    "model": "model",
    "mib": "MiB",
    "dim": "dim",
    "iconic": "iconic",
    **{f"shots_{count}": f"{count} photo{'s' * (count > 1)}" for count in SHOTS},
    "auroc": "AUROC",
    "fpr_at_95_tpr": "FPR@95TPR",
}
STAND_IN = (
    "Not the bundled model itself, which has seen all 81 products: its recipe from ImageNet's "
    "weights, shorter, without the 40 products that are asked for, YCB, packs and catalogue."
)


def main() -> None:
    """Write the photos to fit on, or measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--write", type=Path, help="folder for even.csv, iconic.csv, judge.csv")
    parser.add_argument("--model", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--dims", nargs="*", type=int, default=[], help="shorter lengths too")
    parser.add_argument("--seeds", type=int, default=10, help="draws of gallery photos")
    args = parser.parse_args()
    if args.write:
        write(args.write)
    if args.model:
        report = stamp(seed=f"0 to {args.seeds - 1}")
        report["stand_in"] = {"space": Embedder.open(args.model[0]).card.space, "why": STAND_IN}
        report["rows"] = [
            row for model in args.model for row in measure(model, args.dims, args.seeds)
        ]
        save(report, "Products that no training saw", markdown(report), "unseen", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    rows = ([row[key] for key in COLUMNS] for row in report["rows"])
    return table(COLUMNS.values(), rows)


def write(out: Path) -> None:
    """The photos that a model for this protocol may be fitted on."""
    out.mkdir(parents=True, exist_ok=True)
    both = [row for row in read_split("train") + read_split("val") if not row[1] % 2]
    studio = [row for row in read_split("iconic") if not row[1] % 2]
    write_split(out / "even.csv", [row for index, row in enumerate(both) if index % 20])
    write_split(out / "iconic.csv", studio)
    write_split(out / "judge.csv", both[::20])
    print(f"{out}: even.csv, iconic.csv, judge.csv")


def measure(model: Path, dims: list[int], seeds: int) -> list[dict[str, Any]]:
    """The rows of one model, the whole embedding first."""
    odd = odd_products()
    embedder = Embedder.open(model)
    splits = {name: only(photos_of(name), odd) for name in ("train", "test", "iconic")}
    whole = {name: embedded(embedder, photos, name) for name, photos in splits.items()}
    labels = {name: photos.labels for name, photos in splits.items()}
    rows = []
    for dim in [embedder.card.dim, *(dim for dim in dims if dim < embedder.card.dim)]:
        vectors = {name: shortened(part, dim) for name, part in whole.items()}
        row: dict[str, Any] = {
            "model": model.name,
            "space": embedder.card.space,
            "mib": f"{model.stat().st_size / 2**20:.2f}",
            "dim": dim,
        }
        rows.append(row | figures(vectors, labels, seeds))
    return rows


def figures(
    vectors: dict[str, Vectors], labels: dict[str, list[str]], seeds: int
) -> dict[str, float]:
    """The protocol itself, from embeddings and products of `train`, `test` and `iconic`."""
    train, test = labels["train"], labels["test"]
    row = {"iconic": recall(vectors["iconic"], labels["iconic"], vectors["test"], test)}
    for count in SHOTS:
        recalls = []
        for seed in range(seeds):
            chosen = choose(train, count, seed)
            gallery = [train[index] for index in chosen]
            recalls.append(recall(vectors["train"][chosen], gallery, vectors["test"], test))
        row[f"shots_{count}"] = float(np.mean(recalls))
    separations = []
    products = sorted(set(train))
    for seed in range(seeds):
        half = set(np.random.default_rng(seed).permutation(products)[: len(products) // 2])
        chosen = [index for index in choose(train, 5, seed) if train[index] in half]
        gallery = [train[index] for index in chosen]
        _, scores = nearest(vectors["train"][chosen], gallery, vectors["test"])
        known = np.array([product in half for product in test])
        separations.append(separation(scores[known], scores[~known]))
    row["auroc"], row["fpr_at_95_tpr"] = map(float, np.mean(separations, axis=0))
    return row


def choose(products: list[str], count: int, seed: int) -> list[int]:
    """Indices of `count` random photos of every product."""
    generator = np.random.default_rng(seed)
    labels = np.array(products)
    chosen: list[int] = []
    for product in sorted(set(products)):
        indices = np.flatnonzero(labels == product).tolist()
        chosen += sorted(generator.permutation(indices)[:count].tolist())
    return chosen


def odd_products() -> set[str]:
    """The 40 products with an odd fine id."""
    return {columns["product"] for index, columns in read_classes().items() if index % 2}


if __name__ == "__main__":
    main()
