"""What was read of a dataset and what was not: on standard error, in a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError
from shelflens.ingest.duplicates import same_images
from shelflens.ingest.reading import listed

_MAX_PAIRS = 5


def report_notes(dataset: Dataset) -> None:
    """Print what a person should know before the photos are read."""
    for line in dataset.reading.lines():
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


def report_products(dataset: Dataset, images: list[LabelledImage]) -> list[str]:
    """Print which products have no photo, and which photos are of two products.

    Args:
        dataset: As it was read.
        images: Those of its images that could be decoded.

    Returns:
        The products without a photo.
    """
    lost = missing_products(dataset, images)
    if lost:
        _say(f"without any photo: {len(lost)} products: {listed(lost, 20)}")
    pairs = same_images((image.path, image.product) for image in images)
    for path, product, second_path, second_product in pairs[:_MAX_PAIRS]:
        _say(
            f"note: {path} of {product!r} and {second_path} of {second_product!r} are the same "
            "photo; the two products will be answered ambiguous"
        )
    if len(pairs) > _MAX_PAIRS:
        _say(f"note: and {len(pairs) - _MAX_PAIRS} more such pairs")
    return lost


def missing_products(dataset: Dataset, images: Iterable[LabelledImage]) -> list[str]:
    """The products that the dataset names and of which no photo was read."""
    there = {image.product for image in images}
    named = [*dataset.labels, *dataset.reading.without_image]
    return [product for product in dict.fromkeys(named) if product not in there]


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)
