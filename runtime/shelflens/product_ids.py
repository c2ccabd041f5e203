"""Product ids and their vectors: what may go into a catalog."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import CatalogError

ID_LIMIT = 200
"""Characters in a product id: it is printed on one line of a screen, and typed."""

_ROW_LIMIT = 1 << 31


def check_id(product_id: str) -> None:
    """Refuse a product id that cannot be shown on one line.

    Raises:
        CatalogError: empty, longer than `ID_LIMIT`, surrounded by blanks, or with characters
            that do not print.
    """
    if not isinstance(product_id, str) or not product_id:
        raise CatalogError(f"product id: expected a text, got {product_id!r}")
    if len(product_id) > ID_LIMIT:
        raise CatalogError(
            f"product id {product_id[:20]!r}...: {len(product_id):,} characters, at most {ID_LIMIT}"
        )
    if product_id != product_id.strip() or not product_id.isprintable():
        raise CatalogError(
            f"product id {product_id!r}: has line breaks, control characters or blanks at its "
            "ends; use characters that print on one line"
        )


def check_rows(
    ids: Sequence[str], vectors: NDArray[np.float32], space: str, *, dim: int | None = None
) -> None:
    """Refuse ids and vectors that do not fit each other, and vectors that are no direction.

    Raises:
        CatalogError: saying which.
    """
    if vectors.ndim != 2 or not vectors.shape[1] or len(vectors) >= _ROW_LIMIT:
        raise CatalogError(f"vectors: expected float32 [n, d], got {list(vectors.shape)}")
    if dim is not None and vectors.shape[1] != dim:
        raise CatalogError(f"vectors: expected {dim} dimensions per row, got {vectors.shape[1]}")
    if len(ids) != len(vectors):
        raise CatalogError(f"{len(ids)} ids for {len(vectors)} vectors; expected one for each")
    if not space:
        raise CatalogError("space: expected the name of the embedding space, got nothing")
    for product_id in dict.fromkeys(ids):
        check_id(product_id)
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    if len(bad := np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))):
        raise CatalogError(
            f"vector {bad[0]} (product {ids[bad[0]]!r}): expected finite numbers that are not "
            "all zero; embed its photo again"
        )
