"""Scores of rows and of products, and which are the highest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Rows widened to float32 at a time: a block stays in the cache, a whole catalog would not."""

_TABLE_BLOCK = 2048
"""The same where several queries are asked at once and need room beside it."""

MATCH_CANDIDATES = 10
"""Products with the best rows that are scored; chosen by benchmarks/quality/answers."""

MEAN_SHARE = 0.75
"""Weight of the mean direction in a product's score; the rest is its best row's. Chosen by
benchmarks/quality/answers."""

BEST_ROW_FALL = 4.0
"""A product's score is at least 1 - BEST_ROW_FALL * (1 - best row): a product whose images differ,
front and back, or one confirmed photo beside many images, is found by a photo that is nearly one of
them."""

_GROUP = 256
"""Scores whose maximum is taken first when the highest few of many are wanted."""


def row_scores(
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


def row_score_table(
    rows: NDArray[np.int8], scales: NDArray[np.float32], queries: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Cosine similarity of every row with several queries, reading the rows once.

    Args:
        rows: int8 [n, d].
        scales: float32 [n].
        queries: float32 [q, d], rows of length 1.

    Returns:
        float32 [q, n].
    """
    # Padded to a multiple of four columns: matrix kernels are slower on five than on eight.
    columns = np.zeros((rows.shape[1], -(-len(queries) // 4) * 4), np.float32)
    columns[:, : len(queries)] = queries.T
    result = np.empty((len(rows), columns.shape[1]), np.float32)
    block = np.empty((min(_TABLE_BLOCK, len(rows)), rows.shape[1]), np.float32)
    for start in range(0, len(rows), _TABLE_BLOCK):
        stop = min(start + _TABLE_BLOCK, len(rows))
        wide = block[: stop - start]
        np.copyto(wide, rows[start:stop])
        np.dot(wide, columns, out=result[start:stop])
    table = np.ascontiguousarray(result.T[: len(queries)])
    table *= scales
    return table


def best_row_scores(
    scores: NDArray[np.float32], first_rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The score of each product's best row.

    Args:
        scores: float32 [..., n].
        first_rows: int64 [p], the first row of each product, rising.

    Returns:
        float32 [..., p].
    """
    if scores.shape[-1] == len(first_rows):  # one row each, the usual catalog
        return scores
    best: NDArray[np.float32] = np.maximum.reduceat(scores, first_rows, axis=-1)
    return best


def product_scores(
    best_rows: NDArray[np.float64], means: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The scores of products with several rows.

    The best of many rows is lucky: the more there are, the higher an unknown thing scores too. The
    mean direction is not.

    Args:
        best_rows: float64 [n], score of each product's best row.
        means: float64 [n], score of its mean direction.

    Returns:
        float64 [n].
    """
    mixed = MEAN_SHARE * means + (1 - MEAN_SHARE) * best_rows
    return np.maximum(mixed, 1 - BEST_ROW_FALL * (1 - best_rows))


def top_indices(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Where the k highest scores stand, int64 [min(k, p)], best first, equal ones in order."""
    if k < len(scores):
        # Everything that reaches the k-th score, so that ties are cut by their order.
        indices = np.flatnonzero(scores >= kth_score_floor(scores, k))
    else:
        indices = np.arange(len(scores))
    return indices[np.argsort(-scores[indices], kind="stable")[:k]]


def kth_score_floor(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A score that at least k of them reach, the k-th highest or little below it; k <= p.

    Args:
        scores: float32 [..., p].
        k: How many.

    Returns:
        float32 [...].
    """
    count = scores.shape[-1]
    groups = count // _GROUP
    rank = count - k
    if k < groups:
        # k groups have a score of at least this, so the k highest scores are all that high. The
        # maxima cost a tenth of a partition of all scores; a group is a column, for whole rows
        # are compared at once.
        grouped = scores[..., : groups * _GROUP].reshape(*scores.shape[:-1], _GROUP, groups)
        scores, rank = grouped.max(axis=-2), groups - k
    floor: NDArray[np.float32] = np.partition(scores, rank, axis=-1)[..., rank]
    return floor


def indices_best_first(scores: NDArray[np.float32]) -> Iterator[int]:
    """All indices by falling score, sorted only as far as they are taken.

    Who filters 100,000 products takes a few dozen in general; the rest is never sorted nor parsed.
    """
    taken, k = 0, 64
    while taken < len(scores):
        indices = top_indices(scores, k)
        yield from indices[taken:].tolist()
        taken, k = len(indices), k * 16
