"""A customer says "yes, that is it": the photo becomes one more row of the product.

When a product has as many confirmed rows as it may, a doubtful row goes first: one that is clearly
nearer to another product than to the other rows of its own, a wrong confirmation or a useless
photo. Without one, the row that is most like another row goes, so that the rest show the product
from as many sides as before (farthest-point thinning, Gonzalez 1985). Enrolled images are never
dropped: the shop vouches for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.provenance import UNDO_LIMIT, DroppedRow
from shelflens.catalog.rows import Rows
from shelflens.errors import CatalogError

MAX_CONFIRMED = 8
"""Confirmed rows per product."""

SAME = 0.98
"""Cosine similarity from which a photo shows what a row shows already: neighbouring frames of
one video, or one photo saved twice."""

DOUBT = 0.1
"""A row that is nearer by this much to another product than to the rest of its own is doubtful."""


@dataclass(frozen=True)
class Confirmed:
    """What a confirmation did."""

    id: str
    kept: bool
    """False: the photo adds nothing to the rows there are, the catalog is as before."""
    replaced: bool
    """Whether another confirmed row made room."""
    confirmed: int
    """Confirmed rows of the product now."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def confirm(
    catalog: Catalog, product_id: str, vector: NDArray[np.float32], *, limit: int = MAX_CONFIRMED
) -> tuple[Catalog, Confirmed]:
    """Add a confirmed photo as one more row of a product.

    Args:
        catalog: The catalog; it is left as it is.
        product_id: The product that the photo shows.
        vector: The photo's embedding, float32 [d].
        limit: Confirmed rows that the product may have.

    Returns:
        The new catalog, and what was done.

    Raises:
        CatalogError: an unknown product, a vector of another shape, NaN or zero, `limit` below 1.
    """
    if limit < 1:
        raise CatalogError(f"confirmed photos: expected at least 1, got {limit}")
    index = catalog.index_of(product_id)
    new = Rows.of(catalog.queries([vector]))
    owned = catalog.rows_of(index)
    vectors = np.concatenate([catalog.vectors_of(owned), new.vectors()])
    numbers = catalog.provenance.numbers(owned)
    confirmed = [offset for offset, number in enumerate(numbers) if number]
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    unchanged = catalog, Confirmed(product_id, False, False, len(confirmed))
    if similarity[-1].max() >= SAME:
        return unchanged
    candidates, gone = [*confirmed, len(owned)], []
    while len(candidates) > limit:
        worst = _worst(catalog, index, vectors[candidates], similarity[candidates])
        gone.append(candidates.pop(worst))
        similarity[:, gone[-1]] = -2
    if len(owned) in gone:
        return unchanged
    number = catalog.provenance.next_number()
    dropped = [
        DroppedRow.of(
            product_id,
            numbers[offset],
            number,
            catalog.contents.rows.values[owned[offset]],
        )
        for offset in gone
    ]
    changed = _replaced(
        catalog,
        [owned[offset] for offset in gone],
        [product_id],
        new,
        [number],
        (*catalog.provenance.dropped, *dropped),
    )
    return changed, Confirmed(product_id, True, bool(gone), len(candidates))


def unconfirm(
    catalog: Catalog, product_id: str, *, everything: bool = False
) -> tuple[Catalog, int]:
    """Take back the newest confirmation of a product; what it pushed out comes back.

    Args:
        catalog: The catalog; it is left as it is.
        product_id: The product.
        everything: Take back all confirmations of the product, down to what was enrolled.

    Returns:
        The new catalog, and how many confirmed rows went.

    Raises:
        CatalogError: an unknown product, or one without confirmed photos.
    """
    owned = catalog.rows_of(catalog.index_of(product_id))
    numbers = dict(zip(owned, catalog.provenance.numbers(owned), strict=True))
    confirmed = [row for row, number in numbers.items() if number]
    if not confirmed:
        raise CatalogError(f"product {product_id!r}: no confirmed photo to take back")
    dropped = catalog.provenance.dropped
    rows = Rows.empty(catalog.dim)
    if everything:
        kept = tuple(row for row in dropped if row.id != product_id)
        return _replaced(catalog, confirmed, [], rows, [], kept), len(confirmed)
    newest = max(confirmed, key=lambda row: numbers[row])
    back = [row for row in dropped if row.id == product_id and row.by == numbers[newest]]
    if back:
        rows = Rows.of(np.stack([row.vector for row in back]).astype(np.float32))
    ids, restored = [product_id] * len(back), [row.number for row in back]
    kept = tuple(row for row in dropped if row not in back)
    return _replaced(catalog, [newest], ids, rows, restored, kept), 1


def _worst(
    catalog: Catalog, index: int, vectors: NDArray[np.float32], similarity: NDArray[np.float32]
) -> int:
    """Which of a product's rows to do without: the most doubtful, else the most redundant."""
    own = similarity.max(axis=1)
    scores = catalog.best_row_scores(vectors)
    scores[:, index] = -2
    margins = own - scores.max(axis=1)
    return int(margins.argmin() if margins.min() < -DOUBT else own.argmax())


def _replaced(
    catalog: Catalog,
    gone: Sequence[int],
    ids: Sequence[str],
    rows: Rows,
    confirmations: Sequence[int],
    dropped: tuple[DroppedRow, ...],
) -> Catalog:
    """Other rows, and what they can bring back; see `Contents.edited`."""
    contents = catalog.contents.edited(gone, ids, rows, confirmations)
    provenance = replace(contents.provenance, dropped=dropped[-UNDO_LIMIT:])
    return catalog.with_contents(replace(contents, provenance=provenance))
