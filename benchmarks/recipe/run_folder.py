"""The run folder of a general training, for `shelflens export` (`benchmarks.recipe.finish`)."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.grocery import GROCERY, read_classes, read_split
from benchmarks.recipe.general import SHARES, read_textures
from shelflens import ModelCard, load_image
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train.backbones import embedding_network, feature_network
from shelflens_train.category_axes import category_axes
from shelflens_train.config import TrainConfig
from shelflens_train.finish import space_of, write_run
from shelflens_train.general.params import (
    HEAD,
    Params,
    mixed,
    refitted_head,
    shortened,
)
from shelflens_train.general.start import put_into
from shelflens_train.spec import BackboneSpec

NAME = "shelflens-products"
LICENSE = (
    "Apache-2.0. Started from MobileNetV2 ImageNet weights (TF-Slim, Apache-2.0); trained on the "
    "Grocery Store Dataset (Klasson et al., WACV 2019, MIT), clothing-dataset (CC0), Caltech-101 "
    "(Li et al. 2022, CC BY 4.0), TrashNet (MIT), magento2-sample-data (AFL-3.0), renderings of "
    "YCB objects (CC BY 4.0), and drawn packages: those of shelflens synthesize, and labels with "
    "open typefaces and Noto emoji"
)
SIZE, LENGTH = 224, 256
RIDGE = 0.3
FITTED_ON = 4000
"""Textures that the head is fitted to."""
CATEGORIES_ON = 2600
GATE_PHOTOS = 900
BATCH = 64
Labelled = tuple[Path, str, str]
"""Photo, product, category."""


def make_run(
    start: Params, trained: Params, textures: Path, store: Path, run: Path, *, share: float
) -> None:
    """Write the run folder.

    Args:
        start: Where training started.
        trained: Where it ended.
        textures: As `benchmarks.recipe.textures` writes them.
        store: The synthetic store trained on.
        run: The run folder.
        share: Of the end in the backbone; 1 keeps it as it is.
    """
    files, _ = read_textures(textures)
    images = _on_white(files)
    end = network_with(trained)
    wanted = _features(end, images) @ trained[HEAD]["kernel"] + trained[HEAD]["shift"]
    params = mixed(start, trained, share)
    seen = _features(network_with(params), images)
    head = refitted_head(params[HEAD]["kernel"], seen, wanted, ridge=RIDGE)
    write(shortened({**params, HEAD: head}, LENGTH), textures, store, run)


def write(
    params: Params,
    textures: Path,
    store: Path,
    run: Path,
    *,
    name: str = NAME,
    backbone: str = "mobilenet_v2",
    license_text: str = LICENSE,
) -> None:
    """Write the run folder of a network that is finished.

    Args:
        params: Its weights.
        textures: What it was trained on, as `benchmarks.recipe.textures` writes them.
        store: The synthetic store trained on.
        run: The run folder.
        name: In the card, and of the space.
        backbone: As in `BACKBONES`.
        license_text: Of the weights, for the card.
    """
    _, table = read_textures(textures)
    used = np.isin(table.domain, list(SHARES))
    network = network_with(params, backbone)
    photos = labelled_photos(store)
    order = np.random.default_rng(0).permutation(len(photos))
    chosen = [photos[index] for index in order[:CATEGORIES_ON]]
    vectors = _embedded(network, (path for path, _, _ in chosen))
    axes = category_axes(vectors, [category for _, _, category in chosen])
    dim = params[HEAD]["kernel"].shape[1]
    card = ModelCard(
        name=name,
        space=space_of(network, name),
        size=SIZE,
        dim=dim,
        backbone=f"{backbone} 1",
        license=license_text,
        training={
            "data": list(SHARES),
            "products": len(np.unique(table.identity[used])),
            "photos": int(used.sum()),
        },
        created=datetime.date.today().isoformat(),
        category_axes=axes.to_card(),
    )
    rows = [
        f"{path},{product},{'val' if number % 5 == 0 else 'train'}"
        for number, (path, product, _) in enumerate(chosen[:GATE_PHOTOS])
    ]
    run.mkdir(parents=True, exist_ok=True)
    config = TrainConfig(data=tuple(SHARES), backbone=backbone, size=SIZE, dim=dim, name=name)
    write_text(run / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
    photos_table = "\n".join(["path,product,split", *rows]) + "\n"
    write_run(run, network, card, {"history": []}, photos_table)


def labelled_photos(store: Path) -> list[Labelled]:
    """Grocery's train and val photos and manufacturer's images, and a synthetic store."""
    classes = read_classes()
    found = [
        (GROCERY / photo, f"grocery-{number}", classes[number]["category"])
        for split in ("train", "val", "iconic")
        for photo, number in read_split(split)
    ]
    with (store / "all.csv").open(newline="", encoding="utf-8") as stream:
        found += [
            (store / row["path"], row["product"], row["category"]) for row in csv.DictReader(stream)
        ]
    return found


def network_with(params: Params, backbone: str = "mobilenet_v2") -> keras.Model:
    """The Keras network of some weights, at the size it is used at."""
    dim = params[HEAD]["kernel"].shape[1]
    network = embedding_network(BackboneSpec(backbone, size=SIZE, dim=dim), side=SIZE)
    put_into(network, params)
    return network


def _on_white(files: Sequence[bytes]) -> NDArray[np.uint8]:
    """Some textures on white at the network's size, uint8 [n, s, s, 3]."""
    chosen = np.random.default_rng(0).permutation(len(files))[:FITTED_ON]
    images = []
    for index in chosen:
        with Image.open(io.BytesIO(files[index])) as opened:
            cutout = opened.convert("RGBA")
        ground = Image.new("RGB", cutout.size, "white")
        ground.paste(cutout, (0, 0), cutout)
        images.append(np.asarray(ground.resize((SIZE, SIZE))))
    return np.stack(images)


def _features(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return _predicted(feature_network(network), images)


def _embedded(network: keras.Model, paths: Iterable[Path]) -> NDArray[np.float32]:
    return _predicted(network, np.stack([load_image(path, size=SIZE) for path in paths]))


def _predicted(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    parts = [
        network.predict_on_batch(images[start : start + BATCH].astype(np.float32))
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts)
