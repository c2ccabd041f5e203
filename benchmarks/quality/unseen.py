"""Products never seen in training: Grocery classes with an odd fine id.

    python benchmarks/quality/unseen.py --write runs/unseen
    shelflens train runs/unseen/even.csv --out RUN ... && shelflens export RUN --out DIR
    python benchmarks/quality/unseen.py --model DIR/int8.tflite --out results

`--write` gives even.csv, the train and val photos and the studio pictures of the 41 classes with
an even fine id, and judge.csv, every twentieth of those photos, to validate on. A model trained on
nothing else of Grocery is then judged on the other 40 classes, one row for each length in `--dims`:

    iconic             recall@1 of their test photos, gallery = one studio picture a product
    1, 3, 5 photos     the same, gallery = that many train photos a product; mean of the seeds
    AUROC, FPR@95TPR   20 of the 40 enrolled with 5 photos each, queries = test photos of all 40;
                       mean of the seeds
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.grocery import SHARED, read_classes, read_split, write_split
from benchmarks.quality.measuring import (
    Vectors,
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


def main() -> None:
    """Write the photos to fit on, or measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--write", type=Path, help="folder for even.csv and judge.csv")
    parser.add_argument("--model", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--dims", nargs="*", type=int, default=[], help="shorter lengths too")
    parser.add_argument("--seeds", type=int, default=10, help="draws of gallery photos")
    args = parser.parse_args()
    if args.write:
        write(args.write)
    if args.model:
        report = facts("unseen.py")
        report["seeds"] = f"0 to {args.seeds - 1}"
        report["rows"] = [
            row for model in args.model for row in measure(model, args.dims, args.seeds)
        ]
        save(report, COLUMNS, args.out, "unseen")


def write(out: Path) -> None:
    """The photos that a model for this protocol may be fitted on."""
    out.mkdir(parents=True, exist_ok=True)
    root = (SHARED / "data" / "grocery").resolve()
    both = [row for row in read_split(root, "train") + read_split(root, "val") if not row[1] % 2]
    studio = [row for row in read_split(root, "iconic") if not row[1] % 2]
    write_split(out / "even.csv", root, [row for n, row in enumerate(both) if n % 20])
    write_split(out / "iconic.csv", root, studio)
    write_split(out / "judge.csv", root, both[::20])
    print(f"{out}: even.csv, iconic.csv, judge.csv")


def measure(model: str, dims: list[int], seeds: int) -> list[dict[str, Any]]:
    """The rows of one model, the whole embedding first."""
    odd = odd_products()
    embedder = Embedder.open(model)
    splits = {name: only(photos_of(name), odd) for name in ("train", "test", "iconic")}
    whole = {name: embedded(embedder, photos, name) for name, photos in splits.items()}
    labels = {name: photos.labels for name, photos in splits.items()}
    rows = []
    for dim in [embedder.card.dim, *(one for one in dims if one < embedder.card.dim)]:
        vectors = {name: shortened(one, dim) for name, one in whole.items()}
        row: dict[str, Any] = {
            "model": Path(model).name,
            "space": embedder.card.space,
            "mib": f"{Path(model).stat().st_size / 2**20:.2f}",
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
        found = []
        for seed in range(seeds):
            chosen = draw(train, count, seed)
            gallery = [train[place] for place in chosen]
            found.append(recall(vectors["train"][chosen], gallery, vectors["test"], test))
        row[f"shots_{count}"] = float(np.mean(found))
    apart = []
    products = sorted(set(train))
    for seed in range(seeds):
        half = set(np.random.default_rng(seed).permutation(products)[: len(products) // 2])
        chosen = [place for place in draw(train, 5, seed) if train[place] in half]
        gallery = [train[place] for place in chosen]
        _, scores = nearest(vectors["train"][chosen], gallery, vectors["test"])
        known = np.array([product in half for product in test])
        apart.append(separation(scores[known], scores[~known]))
    row["auroc"], row["fpr_at_95_tpr"] = map(float, np.mean(apart, axis=0))
    return row


def draw(products: list[str], count: int, seed: int) -> list[int]:
    """Places of `count` random photos of every product."""
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    for product in sorted(set(products)):
        mine = [place for place, one in enumerate(products) if one == product]
        chosen += sorted(generator.permutation(mine)[:count].tolist())
    return chosen


def odd_products() -> set[str]:
    """The 40 products with an odd fine id."""
    classes = read_classes((SHARED / "data" / "grocery").resolve())
    return {one["product"] for number, one in classes.items() if number % 2}


def only(photos: Dataset, products: set[str]) -> Dataset:
    """The photos of some products."""
    return Dataset([item for item in photos.items if item.product in products], photos.attributes)


if __name__ == "__main__":
    main()
