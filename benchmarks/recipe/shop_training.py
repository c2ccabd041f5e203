"""What a shop's own fine-tune gives that shop, and what it takes from every other.

    python -m benchmarks.recipe.shop_training --start RUN --imagenet WEIGHTS.h5 --cache CACHE \\
        --synthetic STORE --work WORK

RUN is a general model that saw none of the shops (`benchmarks.recipe.general --leave-out ycb packs
catalogue --unseen-groceries`); `benchmarks.quality.domains` says what they sell. Each is fine-tuned
in every way of `WAYS` on the reference image and the three photos of its products, and asked with
its other photos: against the reference images, these again in a catalog adapted as `shelflens
catalog build` does it, and against the three photos. The other shops are asked with the same
network: what it took from them. Each result is also mixed with its start (`--start-share`).
Float32, through `Catalog`, one thread. What is in WORK already is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.domain_sets import Domain, domains
from benchmarks.quality.domains import figures
from benchmarks.recipe.forgetting import resized
from shelflens import Catalog, load_image
from shelflens.catalog.adapt import VIEWS, views
from shelflens.catalog.enrol import (
    KNOWN_SIMILARITY,
    judged,
    mean_with_views,
    similarity_of_views,
)

SHOPS = ("packs", "ycb", "groceries")
SHARES = (0.0, 0.5)
DRAWN, DRAWN_SEED = 400, 20261128
"""Synthetic labels that stand for other things."""
TEACHER = {"teacher": "start", "teacher_weight": 3.0}
"""As `train` does by itself."""
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "teacher": TEACHER,
    "drawn labels": {"auxiliary": ("drawn",)},
    "drawn labels, teacher": {"auxiliary": ("drawn",), **TEACHER},
    "ImageNet start": {"weights": "imagenet"},
    "learning rate 5e-5": {"learning_rate": 5e-5},
    "teacher, stronger views": {"augment": 1.5, **TEACHER},
    "contrast": {"per_product": 4, "pair_loss": "contrastive", "pair_weight": 1.0},
}
COLUMNS = {
    "shop": "shop",
    "way": "fine-tune",
    "share": "start share",
    "one": "own, 1 image",
    "adapted": "adapted",
    "three": "own, 3 photos",
    "rest": "other shops, 1 image",
}
BATCH = 64

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A shop at the size that is trained for."""

    shop: Domain
    pixels: NDArray[np.uint8]
    views: NDArray[np.uint8]
    """Of its reference images, uint8 [p, v, size, size, 3]."""


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--start", type=Path, required=True, help="run folder")
    parser.add_argument("--imagenet", type=Path, required=True, help="no-top weights")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--products", type=int, default=45, help="of each shop, at most")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    found = {shop.name: shop for shop in domains(args.cache, args.synthetic)}
    asked = [asked_at(limited(found[name], args.products), args.size) for name in SHOPS]
    report = stamp(seed=args.seed, libraries=("keras", "tensorflow"))
    report["rows"] = list(rows(asked, args))
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "A shop's fine-tune, for that shop and for others", body, "shops", args.work)


def limited(shop: Domain, products: int) -> Domain:
    """The first products of a shop."""
    kept = np.isin(shop.products, np.unique(shop.products)[:products])
    return Domain(shop.name, shop.pixels[kept], shop.products[kept], shop.roles[kept])


def asked_at(shop: Domain, size: int) -> Asked:
    """The shop with its images at a size."""
    pixels = np.stack([load_image(image, size=size) for image in shop.pixels])
    return Asked(shop, pixels, np.stack([views(pixels[row]) for row in shop.of("reference")]))


def rows(asked: Sequence[Asked], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The start, then every way, of each shop."""
    network = resized(args.start, args.size)
    for name, row in _kept(args.work / "start.json", lambda: of_network(network, asked)).items():
        yield {"shop": name, "way": "none: the start", "share": 1.0, **row}
    for way in args.ways:
        for shop in asked:
            folder = args.work / f"{shop.shop.name}-{way.replace(' ', '-').replace(',', '')}"
            tried = _kept(
                folder / "measured.json",
                lambda: of_way(shop, way, folder, asked, args),  # noqa: B023
            )
            for share, row in tried.items():
                line = {"shop": shop.shop.name, "way": way, "share": float(share), **row}
                print(line, flush=True)
                yield line


def _kept(file: Path, measure: Any) -> Any:
    if not file.exists():
        found = measure()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=1))
    return json.loads(file.read_text())


def of_way(
    shop: Asked, way: str, folder: Path, asked: Sequence[Asked], args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Train; the figures by share of the start."""
    import keras

    from shelflens_train.backbones import embedding_network
    from shelflens_train.bundled import BundledModel
    from shelflens_train.config import TrainConfig
    from shelflens_train.distill import teacher_network
    from shelflens_train.finish import finish_head
    from shelflens_train.fit import fit
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.split import split_of
    from shelflens_train.start_weights import start_of
    from shelflens_train.state import StateFolder
    from shelflens_train.weight_averaging import interpolate

    options: dict[str, Any] = {"weights": str(args.start), "teacher": "", **WAYS[way]}
    if options["weights"] == "imagenet":
        options["weights"] = str(args.imagenet)
    if options.get("auxiliary"):
        options["auxiliary"] = (str(drawn_labels(args.work / "drawn")),)
    data = written(shop, args.work / f"{shop.shop.name}-photos")
    config = TrainConfig(
        (str(data),),
        size=args.size,
        train_size=args.size,
        early_size=args.size,
        epochs=args.epochs,
        seed=args.seed,
        **options,
    )
    keras.utils.set_random_seed(config.seed)
    split = split_of(config)
    _, embedder = start_of(config.spec, config.weights)
    teacher = teacher_network(config.teacher, config.spec)
    folder.mkdir(parents=True, exist_ok=True)
    fit(embedder, split, config, folder, bundled=BundledModel(), teacher=teacher)
    start = embedding_network(config.spec, side=config.size)
    StateFolder(folder).load_start(start)
    end, found = embedder.get_weights(), {}
    bank = PhotoBank(config.size, budget=config.cache_bytes)
    for share in SHARES:
        network = embedding_network(config.spec, side=config.size)
        network.set_weights(interpolate(start.get_weights(), end, share))
        finish_head(network, split, bank)
        found[str(share)] = of_network(network, asked, own=shop.shop.name)[shop.shop.name]
    return found


def written(asked: Asked, folder: Path) -> Path:
    """What the shop trains on: a folder per product of its reference image and photos."""
    shop = asked.shop
    for number, index in enumerate(shop.of("reference", "shot")):
        file = folder / str(shop.products[index]).replace("/", "_") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            Image.fromarray(shop.pixels[index]).save(file)
    return folder


def drawn_labels(folder: Path) -> Path:
    """Flat labels of products that no shop sells, each a folder of its own."""
    from shelflens_train.synthetic.assortment import invent_products
    from shelflens_train.synthetic.layouts.artwork import artwork

    for number, product in enumerate(invent_products(DRAWN, seed=DRAWN_SEED)):
        file = folder / f"{number:03}" / "label.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            artwork(product, 224, 224).convert("RGB").save(file)
    return folder


def of_network(network: Any, asked: Sequence[Asked], own: str = "") -> dict[str, dict[str, float]]:
    """By shop, its own figures and the mean of the other shops; of one shop alone, or of all."""
    vectors = {part.shop.name: embedded(network, part.pixels) for part in asked}
    found = {part.shop.name: figures(part.shop, vectors[part.shop.name]) for part in asked}
    return {
        part.shop.name: {
            "one": found[part.shop.name]["one@1"],
            "three": found[part.shop.name]["three@1"],
            "adapted": adapted(network, part, vectors[part.shop.name]),
            "rest": float(
                np.mean([row["one@1"] for name, row in found.items() if name != part.shop.name])
            ),
        }
        for part in asked
        if own in ("", part.shop.name)
    }


def adapted(network: Any, asked: Asked, vectors: Vectors) -> float:
    """recall@1 from the reference images in a catalog that is adapted where that helps."""
    shop = asked.shop
    reference, queries = shop.of("reference"), shop.of("query")
    seen = embedded(network, asked.views.reshape(-1, *asked.views.shape[2:]))
    seen = seen.reshape(len(reference), VIEWS, -1)
    labels, images = shop.products[reference].tolist(), vectors[reference]
    similarity = similarity_of_views(images, seen)
    adaptation, verdict = judged(images, labels, seen, similarity, KNOWN_SIMILARITY)
    gallery = mean_with_views(images, seen) if verdict.adapted else images
    catalog = Catalog(labels, gallery, space="s", adaptation=adaptation)
    matches = catalog.match_many(vectors[queries], 1)
    right = [found[0].id == own for found, own in zip(matches, shop.products[queries], strict=True)]
    return float(np.mean(right))


def embedded(network: Any, pixels: NDArray[np.uint8]) -> Vectors:
    """float32 [n, d], rows of length 1."""
    parts = [
        network.predict_on_batch(pixels[at : at + BATCH].astype(np.float32))
        for at in range(0, len(pixels), BATCH)
    ]
    vectors: Vectors = np.concatenate(parts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


if __name__ == "__main__":
    main()
