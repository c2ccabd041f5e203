"""Where the image of a product is; a catalog holds none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.dataset import read_dataset
from shelflens.errors import CatalogError, DataError

ImageFinder = Callable[[str], "Path | None"]
"""From a product id to the file of its image, if there is one."""


def product_images(catalog: Catalog, dataset: str | None) -> ImageFinder:
    """Find the images of products.

    Args:
        catalog: An attribute `picture` names a file, relative to the catalog's.
        dataset: The folder or CSV that the catalog was built from, or None; each product is shown
            by its first image there.

    Raises:
        DataError: neither is there.
    """
    if dataset is not None:
        first: dict[str, Path] = {}
        for item in read_dataset(dataset).items:
            first.setdefault(item.product, item.path)
        return first.get
    if not catalog.mentions('"picture":'):
        raise DataError(
            "--contact-sheet needs images, which a catalog does not hold: add --images DATASET, "
            "the folder or CSV it was built from, or a column 'picture' with file names"
        )
    home = (catalog.path or Path()).parent

    def find(product_id: str) -> Path | None:
        try:
            name = catalog.at(catalog.index_of(product_id)).attributes.get("picture", "")
        except CatalogError:  # an event of a product that has left the catalog
            return None
        return home / name if name else None

    return find
