"""The training of `benchmarks.recipe.train`: from images to a run folder."""

from __future__ import annotations

import argparse
import csv
import json
import os
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.domains import embedder_of
from benchmarks.quality.grocery import SHARED
from benchmarks.recipe.embed import embed_images
from benchmarks.recipe.finish import finish
from shelflens.files import write_text
from shelflens.progress import Progress
from shelflens_train.backbones import embedding_network, feature_network
from shelflens_train.batchnorm_folding import FoldedNetwork
from shelflens_train.devices import keep_memory
from shelflens_train.general.bank import Bank, BankItem, open_bank, read_index
from shelflens_train.general.config import GeneralConfig
from shelflens_train.general.fit import fit
from shelflens_train.general.space import fit_space, proxies, ridge_head
from shelflens_train.general.start import bundled_network, imagenet_network, mix_backbones
from shelflens_train.general.views import plain_view
from shelflens_train.spec import BackboneSpec

SIZE = 224
TEACHERS = {"bundled": 0.5, "bundled-features": 1.0, "imagenet": 0.4, "mediapipe": 0.4}
"""Frozen networks, and the weight of each in the space that is trained into."""
POWER, CENTRE = 0.25, 1.0
FITTED_ON = 5000
"""Images that the space of the teachers is fitted on."""
JUDGED = ("garments", "objects")


def train(config: GeneralConfig, args: argparse.Namespace) -> None:
    """Train up to a number of spans; `args` as the command has them."""
    keep_memory()
    items = training_items(args.cache, args.synthetic)
    workers = os.cpu_count() or 1
    bank = open_bank(args.bank or args.run / "bank", items, side=SIZE, workers=workers)
    used = np.isin(bank.domains, list(config.shares))
    taught = taught_space(bank, used, config, args)
    bank, taught = only(bank, taught, used)
    items = [item for item, is_used in zip(items, used, strict=True) if is_used]
    targets = proxies(taught, bank.identities)
    network = starting_network(bank, taught, args.run, dim=args.dim, share=args.start_share)
    learner = FoldedNetwork(network, embedding_network(BackboneSpec(dim=args.dim)))
    write_text(args.run / "recipe.json", json.dumps(asdict(config) | {"teachers": TEACHERS}))
    fit(learner, bank, taught, targets, config, args.run, spans=args.spans, cool=args.cool)
    learner.write_back()
    if args.finish:
        finish(network, bank, items, config, args.run)


def training_items(cache: Path, synthetic: Path) -> list[BankItem]:
    """All images that may be trained on, in one order."""
    judged: set[str] = set()
    for domain in JUDGED:
        with np.load(cache / "domains" / f"{domain}.npz") as arrays:
            judged |= set(arrays["products"].tolist())
    items = [
        item
        for item in read_index(cache)
        if item.identity not in judged
        and not (item.domain == "packs" and int(item.identity.split("/")[1][:5]) % 2)
    ]
    with (synthetic / "all.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            identity = f"synthetic/{row['product']}"
            items.append(BankItem(synthetic / row["path"], "synthetic", identity))
    return items


def taught_by(name: str, bank: Bank, folder: Path) -> NDArray[np.float32]:
    """A teacher's embeddings of the unvaried images, float32 [n, e]; made once."""
    file = folder / f"{name}.npy"
    if file.exists():
        vectors: NDArray[np.float32] = np.load(file)
        return vectors
    embed, parts = embedder_of(name), []
    with Progress(f"teacher {name}", len(bank.pixels)) as bar:
        for start in range(0, len(bank.pixels), 32):
            images = bank.pixels[start : start + 32]
            parts.append(embed(np.stack([plain_view(image) for image in images])))
            bar.update(start + len(images))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(file, np.concatenate(parts))
    return np.concatenate(parts)


def taught_space(
    bank: Bank, used: NDArray[np.bool_], config: GeneralConfig, args: argparse.Namespace
) -> NDArray[np.float32]:
    """All images in the space of the teachers, float32 [n, dim]; made once.

    The space is fitted on some of the images that are trained on.
    """
    file: Path = args.run / "taught.npy"
    if file.exists():
        made: NDArray[np.float32] = np.load(file)
        return made
    folder = (args.bank or args.run / "bank") / "teachers"
    vectors = [taught_by(name, bank, folder) for name in TEACHERS]
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(used))[:FITTED_ON]
    space = fit_space(
        [part[chosen] for part in vectors],
        weights=list(TEACHERS.values()),
        dim=args.dim,
        power=POWER,
        centre=CENTRE,
        counts=balanced(bank, config)[chosen],
    )
    args.run.mkdir(parents=True, exist_ok=True)
    np.save(file, space.of(vectors))
    return taught_space(bank, used, config, args)


def balanced(bank: Bank, config: GeneralConfig) -> NDArray[np.float64]:
    """How much each image counts, so that domains count by their share in a batch."""
    counts = np.zeros(len(bank.domains))
    for domain, share in config.shares.items():
        mine = bank.domains == domain
        counts[mine] = share / max(1, mine.sum())
    return counts


def only(
    bank: Bank, taught: NDArray[np.float32], used: NDArray[np.bool_]
) -> tuple[Bank, NDArray[np.float32]]:
    """The bank of some of its images; the pixels stay where they are."""
    identities, numbers = np.unique(bank.identities[used], return_inverse=True)
    rows = np.flatnonzero(used)
    pixels = bank.pixels if used.all() else _Rows(bank.pixels, rows)
    names = [bank.names[identity] for identity in identities]
    made = Bank(pixels, numbers, bank.domains[used], bank.alpha[used], names)  # type: ignore[arg-type]
    return made, taught[used]


class _Rows:
    """Some images of a bank, read where they lie."""

    def __init__(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._pixels, self._rows = pixels, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        image: NDArray[np.uint8] = self._pixels[self._rows[index]]
        return image


def starting_network(
    bank: Bank, taught: NDArray[np.float32], run: Path, *, dim: int, share: float
) -> keras.Model:
    """The mixed backbone, and the head that comes nearest to the teachers; made once."""
    weights = str(SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5")
    network = imagenet_network(weights, dim=dim, size=SIZE)
    file = run / "start.weights.h5"
    if file.exists():
        network.load_weights(file)
        return network
    mix_backbones(network, bundled_network(size=SIZE), 1 - share)
    chosen = np.random.default_rng(0).permutation(len(bank.pixels))[:3000]
    features = embed_images(feature_network(network), bank, chosen)
    kernel, bias = ridge_head(features, taught[chosen], ridge=0.1)
    network.get_layer("embedding").set_weights([kernel, bias])
    network.save_weights(file)
    return network
