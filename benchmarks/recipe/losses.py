"""Which loss: short trainings on half of the Grocery classes, judged on the other half.

    python -m benchmarks.recipe.losses --work runs/losses

Fits on the train and val photos and studio images of the classes with an even fine id, and asks
for the classes with an odd one, which no training has seen and whose test photos are not touched:
`iconic`, one studio image per product as gallery, and `3 photos`, three random photos of each
product as gallery; queries are the remaining train and val photos. Float32, through `Catalog`. All
trainings are equally long and start alike; each row is the mean over the seeds, with the lowest
and the highest, and `averaged` what the mean of the seeds' weights finds. A training that is there
already is not done again. About ten minutes per row and seed on two cores.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.grocery import SHARED
from benchmarks.quality.measuring import only, photos_of, products_of, recall
from benchmarks.quality.unseen import choose, odd_products, write
from benchmarks.recipe.commands import fine_tuned
from benchmarks.recipe.networks import embeddings, network_of
from shelflens.dataset import Dataset

CHOICES: dict[str, tuple[object, ...]] = {
    "softmax (CosFace)": (),
    "ArcFace, 0.2": ("--loss", "arcface", "--margin", 0.2),
    "Proxy-Anchor": ("--loss", "proxy-anchor"),
    "softmax, 4 per product": ("--per-product", 4),
    "and multi-similarity": ("--per-product", 4, "--pair-loss", "multi-similarity"),
    "and contrastive": ("--per-product", 4, "--pair-loss", "contrastive"),
    "softmax, half the changes of colour": ("--colour", 0.5),
    "softmax, its start as teacher": ("--teacher", "start", "--teacher-weight", 1),
    "half colour, its start as teacher, a quarter": (
        *("--colour", 0.5, "--teacher", "start", "--teacher-weight", 0.25),
    ),
    "half colour, ArcFace, 0.2": ("--colour", 0.5, "--loss", "arcface", "--margin", 0.2),
}
COLUMNS = {
    "loss": "loss",
    "iconic": "iconic",
    "spread": "lowest, highest",
    "shots_3": "3 photos",
    "averaged_iconic": "averaged: iconic",
    "averaged_shots_3": "averaged: 3 photos",
}


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--only", nargs="*", default=[], metavar="TEXT", help="rows named so")
    args = parser.parse_args()
    args.work = args.work.resolve()
    write(args.work)
    report = stamp(seed=f"0 to {args.seeds - 1}", libraries=("keras", "tensorflow"))
    names = [name for name in CHOICES if not args.only or any(text in name for text in args.only)]
    report["rows"] = [row(name, args) for name in names]
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "Losses, on products that no training saw", body, "losses", args.work)


def row(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One loss over the seeds, and the mean of their weights."""
    networks = [network_of(trained(name, seed, args)) for seed in range(args.seeds)]
    recalls = [judged(network, seed) for seed, network in enumerate(networks)]
    weights = [network.get_weights() for network in networks]
    networks[0].set_weights([np.mean(layer, axis=0) for layer in zip(*weights, strict=True)])
    together = np.mean([judged(networks[0], seed) for seed in range(args.seeds)], axis=0)
    iconic = [pair[0] for pair in recalls]
    return {
        "loss": name,
        "options": " ".join(map(str, CHOICES[name])),
        "iconic": float(np.mean(iconic)),
        "spread": f"{min(iconic):.4f}, {max(iconic):.4f}",
        "shots_3": float(np.mean([pair[1] for pair in recalls])),
        "averaged_iconic": float(together[0]),
        "averaged_shots_3": float(together[1]),
    }


def trained(name: str, seed: int, args: argparse.Namespace) -> Path:
    """The run folder of one training."""
    words = "".join(letter if letter.isalnum() else "-" for letter in name)
    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    data = [args.work / "even.csv", *[args.work / "iconic.csv"] * 6]
    options = ["--val", args.work / "judge.csv", "--weights", weights, "--seed", seed]
    sizes = ["--size", args.size, "--epochs", args.epochs]
    return fine_tuned(args.work / f"{words}-{seed}", data, *options, *sizes, *CHOICES[name])


def judged(network: Any, seed: int) -> tuple[float, float]:
    """recall@1 of products that were not trained on, from a studio image and from 3 photos."""
    odd = odd_products()
    photos = only(Dataset([*photos_of("train").items, *photos_of("val").items]), odd).items
    iconic = only(photos_of("iconic"), odd).items
    vectors, studio = embeddings(network, photos, iconic)
    own = products_of(photos)
    chosen = choose(own, 3, seed)
    rest = np.setdiff1d(np.arange(len(own)), chosen)
    return (
        recall(studio, products_of(iconic), vectors, own),
        recall(
            vectors[chosen],
            [own[index] for index in chosen],
            vectors[rest],
            [own[index] for index in rest],
        ),
    )


if __name__ == "__main__":
    main()
