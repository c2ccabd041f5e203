"""Shuffled, augmented training batches."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens_train.augment import Pixels, augmented
from shelflens_train.config import TrainConfig
from shelflens_train.devices import process_part
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split


class View(Protocol):
    """How a photo is varied."""

    def __call__(
        self, photo: Pixels, backdrop: Pixels, generator: np.random.Generator, *, side: int
    ) -> Pixels:
        """uint8 [s, s, 3], twice -> uint8 [side, side, 3]."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of a span of epochs; those of an epoch follow from the seed and its index.

    Args:
        split: What is trained on.
        bank: Gives its photos.
        epoch: The first epoch.
        seed: Of order and augmentation.
        side: Side of the images, pixels, in every epoch of the span.
        batch: Photos per step.
        auxiliary_share: Share of auxiliary images in each batch, where there are any.
        per_product: Photos of a product in a row; 0 or 1 for any order.
        labels_twice: Whether the network has two outputs, as with a loss over pairs.
        view: Photo, backdrop and random generator -> the augmented photo (`augmented`).
        part: Index of this process, and how many share each batch; the first takes the first rows.
    """

    def __init__(
        self,
        split: Split,
        bank: PhotoBank,
        *,
        epoch: int,
        seed: int,
        side: int,
        batch: int,
        auxiliary_share: float = 0.0,
        per_product: int = 0,
        labels_twice: bool = False,
        view: View,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        workers = os.cpu_count() or 1
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=4 * workers)
        self._paths = [item.path for item in (*split.train, *split.auxiliary)]
        self._labels = _labels(split)
        self._own = len(split.train)
        self._auxiliary_per_batch = round(batch * auxiliary_share) if split.auxiliary else 0
        self._own_per_batch = batch - self._auxiliary_per_batch
        self._per_product, self._labels_twice = per_product, labels_twice
        self._bank, self._view, self._side = bank, view, side
        self._seed, self._epoch, self._part = seed, epoch, part
        self._shuffle()

    def __len__(self) -> int:
        """Batches per epoch, all of one size: another shape would be compiled anew."""
        return max(1, self._own // self._own_per_batch)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Pixels uint8 [b, side, side, 3]; class and category int32 [b, 2], -1 for no category.

        b is this process' part of a batch. With a loss over pairs the labels come twice, once for
        each output of the network.
        """
        process, processes = self._part
        mine = np.array_split(np.arange(len(self._order[index])), processes)[process]
        rows = self._order[index][mine]
        # A generator for each photo: it looks alike, however many processes share the batch.
        seeds = ([self._seed, self._epoch, index, position] for position in mine)
        pixels = np.stack(
            [
                self._varied(row, np.random.default_rng(seed))
                for row, seed in zip(rows, seeds, strict=True)
            ]
        )
        labels = self._labels[rows]
        return pixels, (labels, labels) if self._labels_twice else labels

    def on_epoch_end(self) -> None:
        """Shuffle anew."""
        self._epoch += 1
        self._shuffle()

    def _varied(self, row: int, generator: np.random.Generator) -> Pixels:
        photo = self._bank.get(self._paths[row])
        backdrop = self._bank.get(self._paths[generator.integers(len(self._paths))])
        return self._view(photo, backdrop, generator, side=self._side)

    def _shuffle(self) -> None:
        """Choose the rows of each batch of the epoch: int [batches, batch]."""
        generator = np.random.default_rng([self._seed, self._epoch])
        own = np.resize(self._own_order(generator), (len(self), self._own_per_batch))
        auxiliary = self._auxiliary_order(len(self))
        self._order = own if auxiliary is None else np.concatenate([own, auxiliary], axis=1)

    def _own_order(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Rows of the products' photos in a random order, a few of one product in a row.

        A product whose photos do not fill its last group sees some of them again.
        """
        count = self._per_product
        if count < 2:
            return generator.permutation(self._own)
        groups = []
        products = self._labels[: self._own, 0]
        for rows in np.split(np.argsort(products, kind="stable"), _starts(products)):
            full = -(-len(rows) // count)
            groups.append(np.resize(generator.permutation(rows), (full, count)))
        return generator.permutation(np.concatenate(groups)).ravel()

    def _auxiliary_order(self, steps: int) -> NDArray[np.int64] | None:
        """Rows of auxiliary images; they take turns, since an epoch may not have room for all."""
        per_batch = self._auxiliary_per_batch
        if not per_batch:
            return None
        rows = np.random.default_rng(self._seed).permutation(np.arange(self._own, len(self._paths)))
        turn = np.arange(steps * per_batch) + self._epoch * steps * per_batch
        order: NDArray[np.int64] = rows[turn % len(rows)].reshape(steps, per_batch)
        return order


def training_batches(config: TrainConfig, split: Split, bank: PhotoBank, *, epoch: int) -> Batches:
    """The batches that a config asks for, from an epoch on."""
    view = partial(augmented, strength=config.augment, colour=config.colour, flip=config.flip)
    return Batches(
        split,
        bank,
        epoch=epoch,
        seed=config.seed,
        side=config.side(epoch),
        batch=config.batch,
        auxiliary_share=config.auxiliary_share,
        per_product=config.per_product,
        labels_twice=config.pair_loss != "none",
        view=view,
        part=process_part(),
    )


def _labels(split: Split) -> NDArray[np.int32]:
    """Class and category of each photo, then of each auxiliary image: int32 [n, 2]."""
    class_index = {name: index for index, name in enumerate(split.classes)}
    category_index = {name: index for index, name in enumerate(split.categories)}
    return np.array(
        [
            [class_index[product], category_index.get(split.category.get(product, ""), -1)]
            for product in (item.product for item in (*split.train, *split.auxiliary))
        ],
        np.int32,
    )


def _starts(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where each label but the first begins, once they are sorted."""
    return np.cumsum(np.unique(labels, return_counts=True)[1])[:-1]
