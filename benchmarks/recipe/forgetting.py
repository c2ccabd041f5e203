"""What a store's fine-tune loses of what its start knew, and what keeps it.

    python benchmarks/bundle/make.py unseen --work runs/bundle
    python benchmarks/quality/forgetting.py --start runs/bundle/unseen/run \\
        --drawn runs/bundle/drawn/all.csv --work runs/forgetting --out results

The start is a general model that has not seen the Grocery products with an odd fine id. They are
the store: fitted on their train photos and studio pictures, asked for with their val photos, with
the train photos as gallery (`store`) or the studio pictures alone (`store, iconic`). What it knew
is asked too: Grocery products with an even id, val photos against studio pictures (`other
groceries`), and whether the picture nearest to one of Caltech-101's objects shows the same kind of
thing (`objects`). Float32, through `Catalog`. A training that is there already is not done again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.quality.grocery import SHARED, read_split, write_split
from benchmarks.quality.measuring import averaged, facts, fine_tuned, photos_of, recall, save
from benchmarks.quality.unseen import odd_products, only
from shelflens.dataset import LabelledImage, read_dataset

OBJECTS = 12
"""Pictures of each kind of object that are looked at."""
COLUMNS = {
    "way": "fine-tune",
    "store": "store",
    "store_iconic": "store, iconic",
    "groceries": "other groceries",
    "objects": "objects",
}


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--start", type=Path, required=True, help="run folder")
    parser.add_argument("--drawn", type=Path, required=True, help="CSV of drawn products")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=160)
    args = parser.parse_args()
    write(args.work)
    report = facts("forgetting.py")
    report["rows"] = [{"way": "none: the start", **judged(args.start, args.size)}]
    general = ("--general", args.drawn)
    taught = ("--teacher", "start")
    ways: dict[str, tuple[object, ...]] = {
        "plain": (),
        "rate 5e-5 for 2e-4": ("--rate", 5e-5),
        "--general, drawn products": general,
        "--teacher start": taught,
        "--teacher start, weight 3": (*taught, "--teacher-weight", 3),
        "both": (*general, *taught),
    }
    for name, options in ways.items():
        run = trained(name, options, args)
        report["rows"].append({"way": name, **judged(run, args.size)})
        if name in ("plain", "both"):
            for kept in (0.3, 0.5):
                mean = averaged([run, run], Path(f"{run}-{kept}"), "--keep", kept)
                row = judged(mean, args.size)
                report["rows"].append({"way": f"{name}, --keep {kept}", **row})
    save(report, COLUMNS, args.out, "forgetting")


def write(work: Path) -> None:
    """The store's photos."""
    work.mkdir(parents=True, exist_ok=True)
    root = (SHARED / "data" / "grocery").resolve()
    for name in ("train", "val", "iconic"):
        rows = [row for row in read_split(root, name) if row[1] % 2]
        write_split(work / f"{name}.csv", root, rows)


def trained(name: str, options: tuple[object, ...], args: argparse.Namespace) -> Path:
    """The run folder of one fine-tune."""
    words = "".join(one if one.isalnum() else "-" for one in name)
    data = [args.work / "train.csv", *[args.work / "iconic.csv"] * 3]
    given = ["--val", args.work / "val.csv", "--weights", args.start]
    given += ["--size", args.size, "--epochs", args.epochs]
    return fine_tuned(args.work / words, data, *given, *options)


def judged(run: Path, size: int) -> dict[str, Any]:
    """The columns of one run."""
    import keras

    from shelflens_train.config import saved_config
    from shelflens_train.data import PhotoBank
    from shelflens_train.evaluate import embed
    from shelflens_train.model import embedding_model

    model = embedding_model(saved_config(run), weights=None, side=size)
    trained = keras.models.load_model(run / "model.keras", compile=False)
    model.set_weights(trained.get_weights())
    bank = PhotoBank(size, budget=0)
    odd = odd_products()
    sets = {name: photos_of(name) for name in ("train", "val", "iconic")}
    even = {item.product for item in sets["iconic"].items} - odd
    own = {name: only(photos, odd).items for name, photos in sets.items()}
    others = {name: only(sets[name], even).items for name in ("val", "iconic")}
    things = objects()
    vectors = {name: embed(model, items, bank) for name, items in own.items()}
    pictures = embed(model, things, bank)
    alike = pictures @ pictures.T
    np.fill_diagonal(alike, -1)
    kinds = np.array([item.product for item in things])
    return {
        "store": _recall(vectors["train"], own["train"], vectors["val"], own["val"]),
        "store_iconic": _recall(vectors["iconic"], own["iconic"], vectors["val"], own["val"]),
        "groceries": _recall(
            embed(model, others["iconic"], bank),
            others["iconic"],
            embed(model, others["val"], bank),
            others["val"],
        ),
        "objects": float(np.mean(kinds[alike.argmax(axis=1)] == kinds)),
    }


def objects() -> list[LabelledImage]:
    """Some pictures of each kind of object."""
    mine: dict[str, list[LabelledImage]] = {}
    for item in read_dataset(SHARED / "data" / "objects").items:
        mine.setdefault(item.product, []).append(item)
    return [item for items in mine.values() for item in items[:OBJECTS]]


def _recall(
    gallery: Any, enrolled: list[LabelledImage], queries: Any, asked: list[LabelledImage]
) -> float:
    return recall(
        gallery,
        [item.product for item in enrolled],
        queries,
        [item.product for item in asked],
    )


if __name__ == "__main__":
    main()
