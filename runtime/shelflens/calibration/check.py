"""What a calibration refuses, most of it before any photo is embedded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.topk import top_products
from shelflens.errors import CatalogError, DataError

SAME_IMAGE = 0.999
"""Cosine similarity from which a query is an image of the catalog itself, rounded to int8."""


def check_request(
    catalog: Catalog,
    products: Sequence[str],
    unknown_labels: Sequence[str] | None,
    *,
    false_accept_rate: float,
    unknown_share: float,
) -> None:
    """Refuse what `calibrate` cannot do; needs no embedding.

    Args:
        catalog: The catalog.
        products: The product id of each query.
        unknown_labels: What the unknowns show; None when there are none.
        false_accept_rate: The target.
        unknown_share: As in `calibrate`.

    Raises:
        CatalogError, DataError: see `calibrate`.
    """
    if not 0 < false_accept_rate <= 0.5:
        raise DataError(
            "false accept rate: expected a share above 0 and at most 0.5, got "
            f"{false_accept_rate:g}"
        )
    if not 0 <= unknown_share < 1:
        raise DataError(f"unknown share: expected a share from 0 to below 1, got {unknown_share:g}")
    if len(catalog) < (2 if unknown_labels is None else 1):
        raise CatalogError(
            f"{catalog.path or 'catalog'}: {len(catalog)} products; without unknowns calibrating "
            "needs two, to leave one out; give photos of other things with --unknowns"
        )
    enrolled, asked = set(catalog.ids), list(dict.fromkeys(products))
    foreign = [product_id for product_id in asked if product_id not in enrolled]
    if not asked or len(foreign) == len(asked):
        raise DataError(
            f"queries: none of {len(asked)} products is in the catalog"
            + (f" (the first is {foreign[0]!r}, the catalog has" if asked else " (it has")
            + f" {catalog.ids[0]!r}); expected the ids that it was built with"
        )
    if foreign:
        raise DataError(
            f"queries: {len(foreign)} of {len(asked)} products are not in the catalog (the first "
            f"is {foreign[0]!r}); photos of things that are not enrolled go to --unknowns"
        )
    if both := [label for label in dict.fromkeys(unknown_labels or ()) if label in enrolled]:
        raise DataError(
            f"unknowns: {both[0]!r} is in the catalog; expected things that are not enrolled"
        )


def new_photos(catalog: Catalog, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the queries that are no images of the catalog, which would find themselves.

    Args:
        catalog: The catalog.
        queries: float32 [m, d].

    Raises:
        CatalogError: a query of another shape, NaN or zero.
        DataError: all are images of the catalog.
    """
    units = catalog.queries(queries)
    rows, first_rows = catalog.contents.rows, catalog.contents.products.first_rows
    found = top_products(rows.values, rows.scales, first_rows, units, 1)
    new = np.flatnonzero([best[0] < SAME_IMAGE for _, best in found])
    if not len(new):
        raise all_enrolled(len(queries))
    return new


def all_enrolled(count: int) -> DataError:
    """The error of queries that are all images of the catalog."""
    return DataError(
        f"queries: all {count} photos are images of the catalog itself; expected "
        "other photos of its products: hold some back when building it"
    )
