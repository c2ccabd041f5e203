"""Where the image of a product is; a catalog holds none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.console import printable
from shelflens.dataset import read_dataset
from shelflens.errors import CatalogError, DataError

ImageFinder = Callable[[str], "Path | None"]
"""From a product id to the file of its image, if there is one."""


def product_images(
    catalog: Catalog, dataset: str | None, columns: Mapping[str, str] | None = None
) -> ImageFinder:
    """Find the images of products.

    Args:
        catalog: An attribute `picture` names a file, relative to the catalog's.
        dataset: The folder or CSV that the catalog was built from, or None; each product is shown
            by its first image there.
        columns: Of a table, as in `read_dataset`.

    Raises:
        DataError: neither is there. The finder raises it for an attribute that leads out of the
            catalog's folder.
    """
    if dataset is not None:
        first: dict[str, Path] = {}
        for item in read_dataset(dataset, columns=columns).items:
            first.setdefault(item.product, item.path)
        return first.get
    if not catalog.contents.products.mentions('"picture":'):
        raise DataError(
            "--contact-sheet needs images, which a catalog does not hold: add --images DATASET, "
            "the folder or CSV it was built from, or a column 'picture' with file names"
        )
    return lambda product_id: own_picture(catalog, product_id)


def own_picture(catalog: Catalog, product_id: str) -> Path | None:
    """The file that a product's attribute `picture` names, below the catalog's folder.

    Raises:
        DataError: the attribute leads out of that folder.
    """
    try:
        name = catalog.at(catalog.index_of(product_id)).attributes.get("picture", "")
    except CatalogError:  # an event of a product that has left the catalog
        return None
    return _below((catalog.path or Path()).parent, name, product_id) if name else None


def _below(home: Path, name: str, product_id: str) -> Path:
    """A file below a folder; a catalog may come from elsewhere, and must not name any other."""
    if os.path.isabs(name) or Path(os.path.normpath(name)).parts[:1] == ("..",):  # noqa: PTH117
        raise DataError(
            f"product {product_id!r}: picture {printable(name)!r} is not below {home}, the "
            "catalog's folder; give the images with --images DATASET"
        )
    return home / name
