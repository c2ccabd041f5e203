"""What a change of rows does to the products: which stay, go, come, and get another record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.products import ProductTable
from shelflens.catalog.records import encoded
from shelflens.catalog.splice import Runs, runs_of, spliced_bounds


@dataclass(frozen=True)
class ProductChange:
    """The other products; only those that are named are parsed."""

    owners: NDArray[np.int64]
    """int64 [m], the product of every new row; new products are numbered on from p."""
    gone: NDArray[np.int64]
    """Rows that go, rising."""
    runs: Runs
    """Which products stay, and where new and rewritten ones come."""
    records: list[tuple[str, bytes]]
    """Ids and records of these."""
    first_row: NDArray[np.uint64]
    """uint64, as in the product table, then."""


def changed_products(
    products: ProductTable,
    gone: Sequence[int],
    ids: Sequence[str],
    attributes: Mapping[str, Mapping[str, str]],
) -> ProductChange:
    """The products when rows go and come; those without rows go, new ones come last.

    Args:
        products: p products.
        gone: Indices of rows.
        ids: The product of every new row.
        attributes: Of new products, and of known ones, whose are overwritten column by column.
    """
    p, owners = len(products), products.find_all(ids)
    new_ids = list(dict.fromkeys(key for key, owner in zip(ids, owners, strict=True) if owner < 0))
    number = {product_id: p + index for index, product_id in enumerate(new_ids)}
    for index in np.flatnonzero(owners < 0).tolist():
        owners[index] = number[ids[index]]
    rows = np.unique(np.array(gone, np.int64))
    first_row = products.first_row.view(np.int64)
    losing = np.searchsorted(first_row, rows, side="right") - 1
    touched = np.union1d(losing, owners[owners < p]).astype(np.int64)
    counts = first_row[touched + 1] - first_row[touched]
    np.subtract.at(counts, np.searchsorted(touched, losing), 1)
    np.add.at(counts, np.searchsorted(touched, owners[owners < p]), 1)
    lost, recounted = touched[counts == 0], touched[counts > 0]
    records = _rewritten(products, set(lost.tolist()), attributes)
    rewritten = np.array(sorted(records), np.int64)
    last = np.full(len(new_ids), p, np.int64)
    new_counts = np.bincount(owners[owners >= p] - p, minlength=len(new_ids))[: len(new_ids)]
    return ProductChange(
        owners,
        rows,
        runs_of(p, np.union1d(lost, rewritten), np.concatenate([rewritten, last])),
        [
            *(records[index] for index in rewritten.tolist()),
            *((key, encoded(key, attributes.get(key, {}))) for key in new_ids),
        ],
        spliced_bounds(
            products.first_row,
            np.concatenate([counts[counts > 0], new_counts]),
            runs_of(p, touched, np.concatenate([recounted, last])),
        ),
    )


def _rewritten(
    products: ProductTable,
    lost: set[int],
    attributes: Mapping[str, Mapping[str, str]],
) -> dict[int, tuple[str, bytes]]:
    """Id and new record of the known products whose attributes change, by index."""
    found = zip(attributes, products.find_all(list(attributes)).tolist(), strict=True)
    records = {}
    for product_id, index in found:
        if index < 0 or index in lost:
            continue
        record = encoded(
            product_id, {**products.record(index)["attributes"], **attributes[product_id]}
        )
        if record != products.record_bytes(index):
            records[index] = product_id, record
    return records
