"""Two catalogs of one embedding space in one: of two shops, or of two devices that learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.provenance import UNDO_LIMIT
from shelflens.catalog.rows import Rows
from shelflens.errors import SpaceError


def merge(first: Catalog, second: Catalog) -> Catalog:
    """A new catalog with the products of both.

    The products of the first come first, in their order, then those that only the second has. A
    product that is in both has the rows of both, equal ones once; of its attributes those of the
    first count, and the second adds columns that the first does not have. Confirmed photos stay
    confirmed: those of the second are numbered on from those of the first. Calibration, category
    axes and adaptation are those of the first; where the second is adapted otherwise, its rows are
    brought over, and what its confirmations pushed out is not.

    Raises:
        SpaceError: they are of two embedding spaces.
    """
    if (first.space, first.dim) != (second.space, second.dim):
        raise SpaceError(
            f"{second.path or 'catalog'}: of embedding space {second.space!r}, "
            f"{first.path or 'the other'} of {first.space!r}; rows of two models cannot be compared"
        )
    before, after = first.contents, second.contents
    if alike := _alike(first, second):
        coming = after.rows
    else:
        plain = second.adaptation.undone(after.rows.vectors())
        coming = Rows.of(first.adaptation.applied(plain))
    attributes = second.attributes
    known = before.products.find_all(list(attributes)).tolist()
    for product_id, index in zip(list(attributes), known, strict=True):
        if index >= 0:
            there = before.products.record(index)["attributes"]
            attributes[product_id] = {
                key: text for key, text in attributes[product_id].items() if key not in there
            }
    owners = np.repeat(known, np.diff(after.products.first_row.view(np.int64)).tolist())
    new = [
        row
        for row, owner in enumerate(owners.tolist())
        if owner < 0 or not before.has_row(owner, coming.values[row])
    ]
    newest = first.provenance.next_number() - 1
    numbers = after.provenance.of_rows(len(coming))[new].astype(np.int64)
    taken = set(numbers.tolist())
    numbers[numbers > 0] += newest
    row_ids = second.row_ids
    merged = before.edited(
        [], [row_ids[row] for row in new], coming.taken(new), numbers.tolist(), attributes
    )
    dropped = tuple(
        replace(row, number=row.number + newest, by=row.by + newest)
        for row in after.provenance.dropped
        if alike and row.by in taken
    )
    kept = (*before.provenance.dropped, *dropped)[-UNDO_LIMIT:]
    return first.with_contents(replace(merged, provenance=replace(merged.provenance, dropped=kept)))


def _alike(first: Catalog, second: Catalog) -> bool:
    """Whether rows of both were multiplied by the same matrix."""
    ours, theirs = first.adaptation, second.adaptation
    return np.array_equal(ours.axes, theirs.axes) and np.array_equal(ours.scales, theirs.scales)
