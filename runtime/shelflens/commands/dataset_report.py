"""What was read of a dataset and what was not: a summary, and all of it in a CSV."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.ingest.duplicates import nearly_same_images, same_images
from shelflens.ingest.folders import IN_PASSING
from shelflens.ingest.reading import listed
from shelflens.spreadsheet import cell

_MAX_PAIRS = 5
_MAX_NAMED = 20
REPORT_HEADER = "what,product,photo,detail"
"""The first line of a --report."""


@dataclass(frozen=True)
class Outcome:
    """What became of a dataset."""

    dataset: Dataset
    images: list[LabelledImage]
    """Those that were read."""
    vectors: NDArray[np.float32]
    """Their embeddings, float32 [m, d], rows of length 1."""
    errors: dict[LabelledImage, str]
    """Why the others were not."""

    @property
    def products(self) -> list[str]:
        """All products that the dataset names."""
        return list(dict.fromkeys([*self.dataset.labels, *self.dataset.reading.without_image]))

    @property
    def lost(self) -> list[str]:
        """The products of which no photo was read."""
        there = {image.product for image in self.images}
        return [product for product in self.products if product not in there]

    @property
    def reasons(self) -> dict[str, list[Path]]:
        """The photos that were not read, by reason."""
        found: dict[str, list[Path]] = {}
        for reason, paths in self.dataset.reading.skipped.items():
            if reason not in IN_PASSING:
                found.setdefault(reason, []).extend(paths)
        for image, message in self.errors.items():
            found.setdefault(_reason(message, image.path), []).append(image.path)
        return found

    def pairs(self) -> Iterator[tuple[str, LabelledImage, LabelledImage]]:
        """Images of two products that are the same photo, or nearly."""
        same = set()
        for path, product, second_path, second_product in same_images(
            (image.path, image.product) for image in self.images
        ):
            pair = LabelledImage(path, product), LabelledImage(second_path, second_product)
            same.add(pair)
            yield "the same photo", *pair
        labels = [image.product for image in self.images]
        for first, second in nearly_same_images(self.vectors, labels):
            pair = self.images[first], self.images[second]
            if pair not in same and pair[::-1] not in same:
                yield "photos nearly alike", *pair


def report_notes(dataset: Dataset) -> None:
    """Print what a person should know before the photos are read."""
    for line in dataset.reading.note_lines():
        _say(f"note: {line}")


def require_strictly(dataset: Dataset) -> None:
    """Refuse a dataset of which not everything was read.

    Raises:
        DataError: with the first reason.
    """
    reading = dataset.reading
    if reading.without_image:
        raise DataError(f"--strict: products without a photo: {listed(reading.without_image)}")
    if lines := reading.lines():
        raise DataError(f"--strict: {lines[0]}")


def report_outcome(outcome: Outcome, report: Path | None) -> bool:
    """Print the summary, and write all of it.

    Nothing is printed when every photo was read and no two products share one.

    Args:
        outcome: What became of the dataset.
        report: The CSV to write, or None.

    Returns:
        Whether every product has a photo.
    """
    pairs, lost, reasons = list(outcome.pairs()), outcome.lost, outcome.reasons
    if lost or reasons or pairs:
        unread = sum(map(len, reasons.values()))
        products, images = len(outcome.products), len(outcome.images)
        _say(
            f"summary: {products - len(lost)} of {products} products and {images} of "
            f"{images + unread} photos were read"
        )
    for reason, paths in sorted(reasons.items(), key=lambda item: -len(item[1])):
        _say(f"  {len(paths)} not read, {reason}: {listed([path.name for path in paths], 3)}")
    for how, first, second in pairs[:_MAX_PAIRS]:
        _say(
            f"  {first.path.name} of {first.product!r} and {second.path.name} of "
            f"{second.product!r} are {how}: these products may be answered ambiguous"
        )
    if len(pairs) > _MAX_PAIRS:
        _say(f"  and {len(pairs) - _MAX_PAIRS} more such pairs")
    if lost:
        _say(f"without any photo: {len(lost)} products: {listed(lost, _MAX_NAMED)}")
    if report is not None:
        write_text(report, report_table(outcome, pairs))
    return not lost


def report_table(outcome: Outcome, pairs: list[tuple[str, LabelledImage, LabelledImage]]) -> str:
    """All of it as a CSV: one row per photo, per product without one, per pair and per note."""
    import csv  # here: a lookup starts without it

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(REPORT_HEADER.split(","))
    rows = [("without photo", product, "", "") for product in outcome.lost]
    rows += [
        ("not read", image.product, str(image.path), message)
        for image, message in outcome.errors.items()
    ]
    rows += [
        ("not read", "", str(path), reason)
        for reason, paths in outcome.dataset.reading.skipped.items()
        for path in paths
    ]
    rows += [
        (how, first.product, str(first.path), f"{second.path} of {second.product}")
        for how, first, second in pairs
    ]
    rows += [("note", "", "", note) for note in outcome.dataset.reading.notes]
    rows += [("read", image.product, str(image.path), "") for image in outcome.images]
    for row in rows:
        writer.writerow([cell(printable(text)) for text in row])
    return stream.getvalue()


def _reason(message: str, path: Path) -> str:
    """A message without its photo and figures, so that equal reasons are counted together."""
    text = message.removeprefix(f"{path}: ")
    if text == os.strerror(errno.ENOENT):
        return "no such file"
    if text.startswith("damaged or cut short"):
        return "damaged or cut short"
    if re.match(r"[0-9]+ x [0-9]+ pixels", text):
        return "too large"
    return text


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)
