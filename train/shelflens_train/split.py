"""Which photos are trained on, which are held out, and the table of both."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from shelflens import PhotoError, load_image
from shelflens.dataset import Dataset, LabelledImage, merge, read_dataset
from shelflens.errors import DataError
from shelflens.ingest.columns import parse_mapping
from shelflens.progress import Progress
from shelflens.spelling import did_you_mean
from shelflens_train.config import TrainConfig


@dataclass(frozen=True)
class Split:
    """What is trained on and what is validated on, with what could not be read."""

    train: list[LabelledImage]
    val: list[LabelledImage]
    auxiliary: list[LabelledImage]
    """Images of other things; each is a class of its own."""
    skipped: list[str]
    """One line per photo left out, with the reason."""
    category: dict[str, str] = field(default_factory=dict)
    """The category of each product that has one, with `--category`."""
    views: int = 0
    """How many at the end of `val` are synthetic views (`validation_views`)."""

    @property
    def products(self) -> list[str]:
        """The products trained on."""
        return list(dict.fromkeys(item.product for item in self.train))

    @property
    def classes(self) -> list[str]:
        """What has a proxy, in the order of class indices: products, then auxiliary images."""
        return [*self.products, *(item.product for item in self.auxiliary)]

    @property
    def categories(self) -> list[str]:
        """The categories learnt, in the order of their indices."""
        known = [product for product in self.products if product in self.category]
        return list(dict.fromkeys(self.category[product] for product in known))

    @property
    def train_categories(self) -> list[str]:
        """The category of each training photo; "" for none."""
        return [self.category.get(item.product, "") for item in self.train]


def split_photos(
    data: Sequence[str],
    *,
    val: str = "",
    val_share: float = 0.1,
    auxiliary: Sequence[str] = (),
    category: str = "",
    columns: str = "",
    workers: int,
) -> Split:
    """Read datasets, open every photo once, and hold some out.

    Args:
        data: Datasets to train on.
        val: Dataset to validate on. Without one a share of each product's photos is held out; a
            product with a single photo is then trained on.
        val_share: That share.
        auxiliary: Datasets of other things.
        columns: As `--columns`, of all of them.
        category: Column with each product's category; "" for none.
        workers: Threads that read.

    Raises:
        DataError: no photo can be read, fewer than two products, a `val` without a photo of these.
        FileNotFoundError: no such dataset.
    """
    skipped: list[str] = []
    mapping = parse_mapping(columns) if columns else {}
    dataset = merge([read_dataset(source, columns=mapping) for source in data])
    categories = _categories(dataset, category) if category else {}
    train = _readable(dataset, skipped, workers)
    if val:
        held_out = _readable(read_dataset(val, columns=mapping), skipped, workers)
    else:
        train, held_out = _hold_out(train, val_share)
    known = {item.product for item in train}
    skipped += [
        f"{item.path}: product {item.product!r} has no training photo"
        for item in held_out
        if item.product not in known
    ]
    held_out = [item for item in held_out if item.product in known]
    if len(known) < 2:
        raise DataError(
            f"{', '.join(data)}: {len(known)} products with readable photos; expected at "
            "least 2, each in a folder of its own"
        )
    if val and not held_out:
        raise DataError(
            f"--val {val}: nothing to validate on; expected photos of the products in "
            f"{', '.join(data)}"
        )
    images = _auxiliary(auxiliary, mapping, skipped, workers) if auxiliary else []
    return Split(train, held_out, images, skipped, categories)


def split_of(config: TrainConfig) -> Split:
    """The photos that a config asks for; as `split_photos`."""
    return split_photos(
        config.data,
        val=config.val,
        val_share=config.val_share,
        auxiliary=config.auxiliary,
        category=config.category,
        columns=config.columns,
        workers=os.cpu_count() or 1,
    )


def split_table(split: Split, run: Path) -> str:
    """`photos.csv` of a run folder: path, product, split (train, val or auxiliary).

    What lies in the run folder is named from there, so that runs on the same photos say the same.
    """
    home = run.resolve()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "product", "split"])
    parts = (("train", split.train), ("val", split.val), ("auxiliary", split.auxiliary))
    for name, items in parts:
        for path, product in ((item.path.resolve(), item.product) for item in items):
            inside = path.is_relative_to(home)
            shown = path.relative_to(home).as_posix() if inside else path
            writer.writerow([shown, product, name])
    return text.getvalue()


def _categories(dataset: Dataset, column: str) -> dict[str, str]:
    """The category of each product that has one."""
    found = {
        product: attributes[column]
        for product, attributes in dataset.attributes.items()
        if column in attributes
    }
    if len(set(found.values())) < 2:
        columns = sorted(
            {name for attributes in dataset.attributes.values() for name in attributes}
        )
        raise DataError(
            f"--category {column}: expected a column with at least 2 categories, got columns "
            f"{', '.join(columns) or 'none'}{did_you_mean(column, columns)}"
        )
    return found


def _auxiliary(
    data: Sequence[str], mapping: Mapping[str, str], skipped: list[str], workers: int
) -> list[LabelledImage]:
    dataset = merge([read_dataset(source, columns=mapping) for source in data])
    items = _readable(dataset, skipped, workers)
    return [LabelledImage(item.path, f"auxiliary/{index}") for index, item in enumerate(items)]


def _readable(dataset: Dataset, skipped: list[str], workers: int) -> list[LabelledImage]:
    """The photos that decode; a broken one must not stop a night's training at 4 am."""

    def reason(item: LabelledImage) -> str | None:
        try:
            load_image(item.path, size=32)
        except (PhotoError, OSError) as error:
            return str(error)
        return None

    readable = []
    with ThreadPoolExecutor(workers) as pool, Progress("reading", len(dataset.items)) as bar:
        for done, (item, trouble) in enumerate(
            zip(dataset.items, pool.map(reason, dataset.items), strict=True)
        ):
            bar.update(done + 1)
            if trouble is None:
                readable.append(item)
            else:
                skipped.append(trouble)
    return readable


def _hold_out(
    items: list[LabelledImage], share: float
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    generator = np.random.default_rng(0)  # whatever the seed: runs are judged on the same photos
    by_product: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        by_product.setdefault(item.product, []).append(index)
    held: set[int] = set()
    for indices in by_product.values():
        count = min(max(1, round(share * len(indices))), len(indices) - 1)
        if share > 0:
            held.update(generator.permutation(indices)[:count].tolist())
    train = [item for index, item in enumerate(items) if index not in held]
    return train, [items[index] for index in sorted(held)]
