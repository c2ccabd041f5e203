"""What a shop's own fine-tune gives that shop, and what it takes from every other.

    python -m benchmarks.recipe.make unseen --work runs/bundle
    python -m benchmarks.recipe.shop_tune --start runs/bundle/unseen/run \\
        --cache CACHE --synthetic STORE --work runs/shop-tune

The start is a general model that saw none of the shops (`benchmarks.quality.domains` says what they
sell). Each is fine-tuned on its reference images and its three photos per product, and asked with
its other photos: against the reference images, and against the three photos. The other shops are
asked with the same network: what it took from them. Float32, through `Catalog`. A training that is
there already is not done again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.domain_sets import Domain, domains
from benchmarks.quality.domains import figures
from benchmarks.recipe.commands import averaged, fine_tuned
from benchmarks.recipe.forgetting import resized
from shelflens import load_image

SHOPS = ("packs", "catalogue", "ycb", "groceries")
"""Not seen by the start."""
SHARES = (0.15, 0.3, 0.5)
WAYS: dict[str, tuple[object, ...]] = {
    "plain": (),
    "--teacher start, weight 3": ("--teacher", "start", "--teacher-weight", 3),
}
COLUMNS = {
    "shop": "shop",
    "way": "fine-tune",
    "one": "own, 1 image",
    "three": "own, 3 photos",
    "rest_one": "others, 1 image",
    "rest_three": "others, 3 photos",
}
BATCH = 64


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--start", type=Path, required=True, help="run folder")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shops", nargs="+", choices=SHOPS, default=list(SHOPS))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    args.work, args.start = args.work.resolve(), args.start.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    chosen = [shop for shop in domains(args.cache, args.synthetic) if shop.name in args.shops]
    report = stamp(seed=0, libraries=("keras", "tensorflow"))
    report["rows"] = list(rows(chosen, args))
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "A shop's fine-tune, for that shop and for others", body, "shop-tune", args.work)


def rows(shops: Sequence[Domain], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Of each shop: the start, every way to fine-tune it, and means with the start."""
    start = recalls(args.start, shops, args.size)
    for shop in shops:
        yield {"shop": shop.name, "way": "none: the start", **row(start, shop.name)}
        data = written(shop, args.work / f"{shop.name}-photos")
        for way, options in WAYS.items():
            words = "".join(letter if letter.isalnum() else "-" for letter in way)
            common = ["--weights", args.start, "--size", args.size, "--epochs", args.epochs]
            run = fine_tuned(args.work / f"{shop.name}-{words}", [data], *common, *options)
            yield {"shop": shop.name, "way": way, **row(recalls(run, shops, args.size), shop.name)}
            for share in SHARES:
                mean = averaged([run, run], Path(f"{run}-{share}"), "--start-share", share)
                found = row(recalls(mean, shops, args.size), shop.name)
                yield {"shop": shop.name, "way": f"{way}, --start-share {share}", **found}


def written(shop: Domain, folder: Path) -> Path:
    """What the shop trains on: a folder per product of its reference image and photos."""
    for number, index in enumerate(shop.of("reference", "shot")):
        file = folder / str(shop.products[index]).replace("/", "_") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            Image.fromarray(shop.pixels[index]).save(file)
    return folder


def recalls(run: Path, shops: Sequence[Domain], size: int) -> dict[str, dict[str, float]]:
    """The figures of a run in every shop."""
    network = resized(run, size)
    found = {}
    for shop in shops:
        pixels = np.stack([load_image(image, size=size) for image in shop.pixels])
        parts = [
            network.predict_on_batch(pixels[at : at + BATCH].astype(np.float32))
            for at in range(0, len(pixels), BATCH)
        ]
        found[shop.name] = figures(shop, np.concatenate(parts))
    return found


def row(found: dict[str, dict[str, float]], own: str) -> dict[str, float]:
    """The columns: the shop's own figures, and the mean of the others."""
    rest = [values for name, values in found.items() if name != own] or [found[own]]
    return {
        "one": found[own]["one@1"],
        "three": found[own]["three@1"],
        "rest_one": float(np.mean([values["one@1"] for values in rest])),
        "rest_three": float(np.mean([values["three@1"] for values in rest])),
    }


if __name__ == "__main__":
    main()
