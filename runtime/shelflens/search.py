"""Exact cosine search over int8 rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Rows widened to float32 at a time: a block stays in the cache, a whole catalog would not."""


def quantize_rows(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round unit rows to int8, each with its own scale.

    A row is stretched so that its largest component becomes 127, and rounded. Its scale is one
    over the length of the rounded row, so that `scale * row` has length 1 again and scores are
    true cosine similarities of the stored direction.

    Args:
        vectors: float32 [n, d], finite, no zero row.

    Returns:
        int8 [n, d] and float32 [n].
    """
    peak = np.abs(vectors).max(axis=1, keepdims=True)
    rows = np.rint(vectors * (127.0 / peak)).astype(np.int8)
    wide = rows.astype(np.float32)
    return rows, (1.0 / np.sqrt(np.einsum("nd,nd->n", wide, wide))).astype(np.float32)


def scores(
    rows: NDArray[np.int8], scales: NDArray[np.float32], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Cosine similarity of every row with the query.

    The rows are widened to float32 block by block: NumPy's int8 @ int8 would stay int8 and
    overflow silently.

    Args:
        rows: int8 [n, d].
        scales: float32 [n].
        query: float32 [d], length 1.

    Returns:
        float32 [n].
    """
    result = np.empty(len(rows), np.float32)
    block = np.empty((min(_BLOCK, len(rows)), rows.shape[1]), np.float32)
    for start in range(0, len(rows), _BLOCK):
        stop = min(start + _BLOCK, len(rows))
        wide = block[: stop - start]
        np.copyto(wide, rows[start:stop])
        np.dot(wide, query, out=result[start:stop])
    result *= scales
    return result


def best_products(
    row_scores: NDArray[np.float32], first_rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k products whose best picture scores highest.

    Args:
        row_scores: float32 [n], rows grouped by product.
        first_rows: int64 [p], the first row of each product, rising.
        k: How many; more than p gives p.

    Returns:
        Product numbers int64 [min(k, p)] and scores, best first; equal scores in the order of
        the catalog.
    """
    best = np.maximum.reduceat(row_scores, first_rows)
    k = min(k, len(best))
    if k < len(best):
        # Everything that reaches the k-th score, so that ties are cut by order, not by chance.
        least = np.partition(best, len(best) - k)[len(best) - k]
        products = np.flatnonzero(best >= least)
    else:
        products = np.arange(len(best))
    products = products[np.argsort(-best[products], kind="stable")[:k]]
    return products, best[products]
