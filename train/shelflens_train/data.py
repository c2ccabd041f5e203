"""Photos as training batches, decoded by the device's own loader."""

from __future__ import annotations

import csv
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import PhotoError, load_image
from shelflens.dataset import Dataset, LabelledImage, merge, read_dataset
from shelflens.errors import DataError
from shelflens.progress import Progress
from shelflens_train.augment import augmented
from shelflens_train.config import TrainConfig


@dataclass(frozen=True)
class Split:
    """What is trained on and what is validated on, with what could not be read."""

    train: list[LabelledImage]
    val: list[LabelledImage]
    general: list[LabelledImage]
    """Pictures of other things; each is a product of its own."""
    skipped: list[str]
    """One line per photo left out, with the reason."""
    kind: dict[str, str] = field(default_factory=dict)
    """The kind of each product that has one, with `--kinds`."""

    @property
    def kinds(self) -> list[str]:
        """The kinds told apart, in the order of their numbers."""
        return list(dict.fromkeys(self.kind[one] for one in self.products if one in self.kind))

    @property
    def products(self) -> list[str]:
        """The products trained on."""
        return list(dict.fromkeys(item.product for item in self.train))

    @property
    def classes(self) -> list[str]:
        """What is told apart, in the order of class numbers: products, then general pictures."""
        return [*self.products, *(item.product for item in self.general)]


def split_photos(config: TrainConfig, *, workers: int) -> Split:
    """Read DATA, open every photo once, and hold some out.

    Without `--val`, a share of each product's photos is held out; a product with a single photo
    is trained on and never asked for.

    Raises:
        DataError: no photo can be read, fewer than two products, nothing to validate on.
        FileNotFoundError: no such DATA.
    """
    skipped: list[str] = []
    data = merge([read_dataset(data) for data in config.data])
    kind = {
        one: told[config.kinds] for one, told in data.attributes.items() if config.kinds in told
    }
    if config.kinds and len(set(kind.values())) < 2:
        columns = sorted({name for told in data.attributes.values() for name in told})
        raise DataError(
            f"--kinds {config.kinds}: expected a column with at least 2 kinds, got columns "
            f"{', '.join(columns) or 'none'}"
        )
    given = _readable(data, skipped, workers)
    if config.val:
        val = _readable(read_dataset(config.val), skipped, workers)
        train = given
    else:
        train, val = _hold_out(given, config)
    known = {item.product for item in train}
    skipped += [
        f"{item.path}: product {item.product!r} has no training photo"
        for item in val
        if item.product not in known
    ]
    val = [item for item in val if item.product in known]
    if len(known) < 2:
        raise DataError(
            f"{', '.join(config.data)}: {len(known)} products with readable photos; expected at "
            "least 2, each in a folder of its own"
        )
    if not val:
        raise DataError(
            f"{', '.join(config.data)}: nothing to validate on; expected a product with at least "
            "2 photos, or --val DATA with photos of the same products"
        )
    general = _general(config.general, skipped, workers) if config.general else []
    return Split(train, val, general, skipped, kind)


def _general(data: tuple[str, ...], skipped: list[str], workers: int) -> list[LabelledImage]:
    items = _readable(merge([read_dataset(one) for one in data]), skipped, workers)
    return [LabelledImage(item.path, f"general/{place}") for place, item in enumerate(items)]


def _readable(photos: Dataset, skipped: list[str], workers: int) -> list[LabelledImage]:
    """The photos that decode; a broken one must not stop a night's training at 4 am."""

    def reason(item: LabelledImage) -> str | None:
        try:
            load_image(item.path, size=32)
        except (PhotoError, OSError) as error:
            return str(error)
        return None

    kept = []
    with ThreadPoolExecutor(workers) as pool, Progress("reading", len(photos.items)) as bar:
        for done, (item, trouble) in enumerate(
            zip(photos.items, pool.map(reason, photos.items), strict=True)
        ):
            bar.update(done + 1)
            if trouble is None:
                kept.append(item)
            else:
                skipped.append(trouble)
    return kept


def _hold_out(
    items: list[LabelledImage], config: TrainConfig
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    generator = np.random.default_rng(0)  # whatever the seed: runs are judged on the same photos
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(item.product, []).append(place)
    held: set[int] = set()
    for mine in places.values():
        count = min(max(1, round(config.val_share * len(mine))), len(mine) - 1)
        if config.val_share > 0:
            held.update(generator.permutation(mine)[:count].tolist())
    train = [item for place, item in enumerate(items) if place not in held]
    return train, [items[place] for place in sorted(held)]


def split_table(split: Split) -> str:
    """`photos.csv` of the run folder: path, product, split (train, val or general)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "product", "split"])
    for name, items in (("train", split.train), ("val", split.val), ("general", split.general)):
        writer.writerows([item.path.resolve(), item.product, name] for item in items)
    return text.getvalue()


class PhotoBank:
    """Decoded photos by path, kept in memory as far as the budget goes.

    Args:
        size: Side of the square, pixels.
        budget: Bytes that may be kept.
        source: Another bank to shrink photos from, in place of their files.
    """

    def __init__(self, size: int, *, budget: int, source: PhotoBank | None = None) -> None:
        self._size, self._left, self._source = size, budget, source
        self._kept: dict[Path, NDArray[np.uint8]] = {}

    def get(self, path: Path) -> NDArray[np.uint8]:
        """One photo, uint8 [size, size, 3]."""
        if path in self._kept:
            return self._kept[path]
        photo = self._source.get(path) if self._source else path
        pixels = load_image(photo, size=self._size)
        if self._left >= pixels.nbytes:
            self._left -= pixels.nbytes
            self._kept[path] = pixels
        return pixels


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented training batches; an epoch's follow from the seed and its number.

    All are of the size of the first epoch, which is that of every epoch of a span (`fit`).
    """

    def __init__(self, split: Split, bank: PhotoBank, config: TrainConfig, *, epoch: int) -> None:
        workers = os.cpu_count() or 1
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=4 * workers)
        number = {name: place for place, name in enumerate(split.classes)}
        items = [*split.train, *split.general]
        self._paths = [item.path for item in items]
        place = {name: place for place, name in enumerate(split.kinds)}
        self._labels = np.array(
            [
                [number[one.product], place.get(split.kind.get(one.product, ""), -1)]
                for one in items
            ],
            np.int32,
        )
        self._own = len(split.train)
        self._pairs = config.pairs != "none"
        self._general = round(config.batch * config.general_share) if split.general else 0
        self._bank, self._config, self._epoch = bank, config, epoch
        # Of one size to the end: Keras asks for the epoch after the last one, and drops it.
        self._side = config.side(epoch)
        self._shuffle()

    def _shuffle(self) -> None:
        generator = np.random.default_rng([self._config.seed, self._epoch])
        steps, own = len(self), self._config.batch - self._general
        mine = np.resize(self._in_turn(generator), (steps, own))
        self._order = mine
        if self._general:
            # They take turns over the epochs: one epoch may have no room for all of them.
            others = np.random.default_rng(self._config.seed).permutation(
                np.arange(self._own, len(self._paths))
            )
            turn = np.arange(steps * self._general) + self._epoch * steps * self._general
            theirs = others[turn % len(others)].reshape(steps, self._general)
            self._order = np.concatenate([mine, theirs], axis=1)

    def _in_turn(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Places of the products' photos in a random order, a few of one product in a row.

        A product whose photos do not fill its last row sees some of them again.
        """
        count = self._config.per_product
        if count < 2:
            return generator.permutation(self._own)
        rows = []
        products = self._labels[: self._own, 0]
        for places in np.split(np.argsort(products, kind="stable"), _starts(products)):
            full = -(-len(places) // count)
            rows.append(np.resize(generator.permutation(places), (full, count)))
        return generator.permutation(np.concatenate(rows)).ravel()

    def __len__(self) -> int:
        """Batches an epoch, all of one size: another shape would be compiled anew."""
        return max(1, self._own // (self._config.batch - self._general))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Pixels uint8 [b, side, side, 3]; class and kind int32 [b, 2], -1 for no kind.

        With a loss over pairs the labels come twice, once for each output of the network.
        """
        config, epoch = self._config, self._epoch
        generator = np.random.default_rng([config.seed, epoch, index])
        chosen = self._order[index]
        pixels = np.stack(
            [
                augmented(
                    self._bank.get(self._paths[place]),
                    self._bank.get(self._paths[generator.integers(len(self._paths))]),
                    generator,
                    side=self._side,
                    strength=config.augment,
                    colour=config.colour,
                    flip=config.flip,
                )
                for place in chosen
            ]
        )
        labels = self._labels[chosen]
        return pixels, (labels, labels) if self._pairs else labels

    def on_epoch_end(self) -> None:
        """Shuffle anew."""
        self._epoch += 1
        self._shuffle()


def _starts(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where each label but the first begins, once they are sorted."""
    return np.cumsum(np.unique(labels, return_counts=True)[1])[:-1]
