"""What a store's fine-tune loses of what its start knew, and what keeps it.

    python -m benchmarks.recipe.make unseen --work runs/bundle
    python -m benchmarks.recipe.forgetting --start runs/bundle/unseen/run \\
        --synthetic runs/bundle/synthetic/all.csv --work runs/forgetting

The start is a general model that has not seen the Grocery products with an odd fine id. They are
the store: fitted on their train photos and studio images, asked for with their val photos, with
the train photos as gallery (`store`) or the studio images alone (`store, iconic`). What it knew is
asked too: Grocery products with an even id, val photos against studio images (`known
groceries`), and whether the image nearest to one of Caltech-101's objects shows the same category
(`objects`). Float32, through `Catalog`. A training that is there already is not done again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.grocery import SHARED, read_split, write_split
from benchmarks.quality.measuring import Vectors, only, photos_of, products_of, recall
from benchmarks.quality.unseen import odd_products
from benchmarks.recipe.commands import averaged, fine_tuned
from benchmarks.recipe.networks import embeddings, network_of
from shelflens.dataset import LabelledImage, read_dataset

PER_CATEGORY = 12
"""Images of each category of objects that are looked at."""
COLUMNS = {
    "way": "fine-tune",
    "store": "store",
    "store_iconic": "store, iconic",
    "groceries": "known groceries",
    "objects": "objects",
}


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--start", type=Path, required=True, help="run folder")
    parser.add_argument("--synthetic", type=Path, required=True, help="CSV of synthetic products")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=160)
    args = parser.parse_args()
    args.work, args.start = args.work.resolve(), args.start.resolve()
    write(args.work)
    report = stamp(seed=0, libraries=("keras", "tensorflow"))
    report["rows"] = list(rows(args))
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "What a fine-tune forgets", body, "forgetting", args.work)


def rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """The start, every way to fine-tune it, and averages with the start."""
    alone = ("--teacher", "none")
    auxiliary = ("--auxiliary", args.synthetic)
    distilled = ("--teacher", "start", "--teacher-weight", 1)
    ways: dict[str, tuple[object, ...]] = {
        "plain": alone,
        "learning rate 5e-5": (*alone, "--learning-rate", 5e-5),
        "--auxiliary, synthetic products": (*alone, *auxiliary),
        "--teacher start": distilled,
        "--teacher start, weight 3": ("--teacher", "start", "--teacher-weight", 3),
        "both": (*auxiliary, *distilled),
    }
    found = [{"way": "none: the start", **judged(args.start, args.size)}]
    for name, options in ways.items():
        run = trained(name, options, args)
        found.append({"way": name, **judged(run, args.size)})
        if name in ("plain", "both"):
            for share in (0.3, 0.5):
                mean = averaged([run, run], Path(f"{run}-{share}"), "--start-share", share)
                way = f"{name}, --start-share {share}"
                found.append({"way": way, **judged(mean, args.size)})
    return found


def write(work: Path) -> None:
    """The store's photos."""
    work.mkdir(parents=True, exist_ok=True)
    for name in ("train", "val", "iconic"):
        write_split(work / f"{name}.csv", [row for row in read_split(name) if row[1] % 2])


def trained(name: str, options: tuple[object, ...], args: argparse.Namespace) -> Path:
    """The run folder of one fine-tune."""
    words = "".join(letter if letter.isalnum() else "-" for letter in name)
    data = [args.work / "train.csv", *[args.work / "iconic.csv"] * 3]
    common = ["--val", args.work / "val.csv", "--weights", args.start]
    common += ["--size", args.size, "--epochs", args.epochs]
    return fine_tuned(args.work / words, data, *common, *options)


def judged(run: Path, size: int) -> dict[str, Any]:
    """The columns of one run."""
    network = resized(run, size)
    odd = odd_products()
    sets = {name: photos_of(name) for name in ("train", "val", "iconic")}
    even = {item.product for item in sets["iconic"].items} - odd
    store = {name: only(photos, odd).items for name, photos in sets.items()}
    known = {name: only(sets[name], even).items for name in ("val", "iconic")}
    own = dict(zip(store, embeddings(network, *store.values()), strict=True))
    general = dict(zip(known, embeddings(network, *known.values()), strict=True))
    things = objects()
    (vectors,) = embeddings(network, things)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    categories = np.array(products_of(things))
    return {
        "store": _recall(own["train"], store["train"], own["val"], store["val"]),
        "store_iconic": _recall(own["iconic"], store["iconic"], own["val"], store["val"]),
        "groceries": _recall(general["iconic"], known["iconic"], general["val"], known["val"]),
        "objects": float(np.mean(categories[cosines.argmax(axis=1)] == categories)),
    }


def resized(run: Path, size: int) -> Any:
    """The network of a run at another input size."""
    from shelflens_train.backbones import embedding_network
    from shelflens_train.config import saved_config

    network = embedding_network(saved_config(run).spec, side=size)
    network.set_weights(network_of(run).get_weights())
    return network


def objects() -> list[LabelledImage]:
    """The first images of each category of objects."""
    by_category: dict[str, list[LabelledImage]] = {}
    for item in read_dataset(SHARED / "data" / "objects").items:
        by_category.setdefault(item.product, []).append(item)
    return [item for items in by_category.values() for item in items[:PER_CATEGORY]]


def _recall(
    gallery: Vectors, enrolled: list[LabelledImage], queries: Vectors, asked: list[LabelledImage]
) -> float:
    return recall(gallery, products_of(enrolled), queries, products_of(asked))


if __name__ == "__main__":
    main()
