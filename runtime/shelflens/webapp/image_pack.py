"""Small images of the products, in one file: one request, one checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.errors import DataError
from shelflens.render.product_images import ImageFinder, product_images
from shelflens.render.thumbnail import thumbnail

SIDE = 320
"""Longest side in pixels: sharp at 107 points on a screen of three pixels a point."""

QUALITY = 76
"""Of WebP; an image of `SIDE` pixels takes 5 to 10 KB."""


def image_finder(
    catalog: Catalog, dataset: Path | None, columns: Mapping[str, str] | None = None
) -> ImageFinder:
    """From a product id to the file of its image; None where there is none.

    Args:
        catalog: An attribute `picture` names a file, relative to the catalog's.
        dataset: A folder per product, or a CSV, as `catalog build` takes.
        columns: Of a table, as in `read_dataset`.

    Raises:
        DataError: no image there belongs to a product of the catalog.
    """
    if dataset is None and not catalog.contents.products.mentions('"picture":'):
        return lambda _: None
    find = product_images(catalog, None if dataset is None else str(dataset), columns)
    if dataset is not None and not any(find(product) for product in catalog.ids):
        raise DataError(
            f"{dataset}: no image of any product of the catalog, whose first is "
            f"{catalog.ids[0]!r}; give the dataset it was built from"
        )
    return find


def pack_images(ids: Sequence[str], find: ImageFinder) -> bytes:
    """The images of products in one file.

    Returns:
        8 bytes, the length of the header, little-endian; the header, JSON: an object from product
        id to the first byte and the one behind the last, counted from the end of the header; the
        WebP files.

    Raises:
        PhotoError: an image cannot be read.
        FileNotFoundError: no such file.
    """
    ranges: dict[str, tuple[int, int]] = {}
    parts: list[bytes] = []
    end = 0
    for product in ids:
        path = find(product)
        if path is None:
            continue
        parts.append(thumbnail(path, SIDE, "WEBP", quality=QUALITY, method=5))
        ranges[product] = (end, end + len(parts[-1]))
        end += len(parts[-1])
    header = json.dumps(ranges, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([len(header).to_bytes(8, "little"), header, *parts])
