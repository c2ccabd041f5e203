"""Something to validate on where products have one image: synthetic views of these images."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from shelflens.dataset import LabelledImage
from shelflens.files import atomic_writer
from shelflens.progress import Progress
from shelflens_train.augment import augmented
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split

FOLDER = "views"
"""In the run folder: what is validated on must be there for `export` too."""

_COUNT = 200
"""Views that are made of few products; of many, one of each."""
_MAX_COUNT = 1000
_MAX_PER_PRODUCT = 5
_SIDE = 256
_CACHE = 500_000_000
"""Bytes of decoded images that are kept while views are made."""


def with_views(split: Split, run: Path, *, side: int) -> Split:
    """The split, with views to validate on where most products have no photo held out.

    A view is what training sees (`augment.augmented`), made with random numbers that no training
    uses: bent, lit, damaged, before another image. The bundled model finds about as many of them as
    of photos from other sides (0.85 and 0.81 of 60 rendered packs; of the gentler views of
    `shelflens.catalog.adapt` it finds all). A training has seen the images: they flatter it.

    Args:
        split: Photos held out of products that have several.
        run: The views are written to its folder `views`, the same ones whenever they are made.
        side: Side of the images that the network takes, pixels.
    """
    products = products_without(split)
    if len(products) <= len(split.products) / 2:
        return split
    if len(products) > _MAX_COUNT:
        spread = np.linspace(0, len(products) - 1, _MAX_COUNT).round().astype(int)
        products = [products[index] for index in spread]
    count = int(np.clip(_COUNT // len(products), 1, _MAX_PER_PRODUCT))
    first = {item.product: item for item in reversed(split.train)}
    images = [first[product] for product in products]
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    bank = PhotoBank(max(side, _SIDE), budget=_CACHE)

    def view(index: int, number: int) -> LabelledImage:
        generator = np.random.default_rng([7, index, number])
        backdrop = images[generator.integers(len(images))]
        pixels = augmented(
            bank.get(images[index].path),
            bank.get(backdrop.path),
            generator,
            side=max(side, _SIDE),
            strength=1.0,
            flip=False,
        )
        path = folder / f"{index:05d}-{number}.jpg"
        # At once: the other processes of a training make the same file.
        with atomic_writer(path) as stream:
            Image.fromarray(pixels).save(stream, "JPEG", quality=92)
        return LabelledImage(path, images[index].product)

    indices, numbers = np.divmod(np.arange(len(images) * count), count)
    views = []
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress("synthetic views", len(indices), unit="views") as bar,
    ):
        for made in pool.map(view, indices.tolist(), numbers.tolist()):
            views.append(made)
            bar.update(len(views))
    return replace(split, val=[*split.val, *views], views=len(views))


def products_without(split: Split) -> list[str]:
    """Products without a photo to validate on, in the order of training."""
    held_out = {item.product for item in split.val}
    return [product for product in split.products if product not in held_out]
