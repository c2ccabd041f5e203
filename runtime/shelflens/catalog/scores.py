"""Exact cosine search over int8 rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Rows widened to float32 at a time: a block stays in the cache, a whole catalog would not."""

_TABLE_BLOCK = 2048
"""The same where several queries are asked at once and need room beside it: 4 to 8 queries cost
about twice one scan (256 numbers, one x86-64 core)."""


SHORTLIST = 10
"""Products with the best pictures whose score is worked out. Of Grocery's 81 the right one is among
them for every held-back train and validation photo, with MediaPipe's weaker embedder for 0.96."""

MEAN_SHARE = 0.75
"""Weight of the mean direction in a product's score; the rest is its best picture's. Chosen on
Grocery's validation photos, half the products enrolled: anything from 0.65 to 0.85 is as good,
with the bundled model and with MediaPipe's, which never saw such photos."""

FALL = 4.0
"""A product's score is at least 1 - FALL * (1 - best picture): a product whose pictures differ,
front and back, or one confirmed view beside many others, is found by a photo that is nearly one of
its pictures. On the same photos 4 changes no figure, and a fixed distance below the best picture
lets more strangers through."""

_GROUP = 256
"""Scores whose maximum is taken first when the highest few of many are wanted."""


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


def score_table(
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


def of_products(
    row_scores: NDArray[np.float32], first_rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The score of each product's best picture: float32 [..., n] -> [..., p]."""
    if row_scores.shape[-1] == len(first_rows):  # one picture each, the usual catalog
        return row_scores
    best: NDArray[np.float32] = np.maximum.reduceat(row_scores, first_rows, axis=-1)
    return best


def top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Where the k highest scores stand, int64 [min(k, p)], best first, equal ones in order."""
    if k < len(scores):
        # Everything that reaches the k-th score, so that ties are cut by order, not by chance.
        places = np.flatnonzero(scores >= floor_of_top(scores, k))
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")[:k]]


def floor_of_top(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A score that at least k of them reach, the k-th highest or little below it; k <= p.

    Args:
        scores: float32 [..., p].
        k: How many.

    Returns:
        float32 [...].
    """
    count = scores.shape[-1]
    groups = count // _GROUP
    place = count - k
    if k < groups:
        # k groups have a score of at least this, so the k highest scores are all that high. The
        # maxima cost a tenth of a partition of all scores; a group is a column, for whole rows
        # are compared at once.
        grouped = scores[..., : groups * _GROUP].reshape(*scores.shape[:-1], _GROUP, groups)
        scores, place = grouped.max(axis=-2), groups - k
    floor: NDArray[np.float32] = np.partition(scores, place, axis=-1)[..., place]
    return floor


def best_first(scores: NDArray[np.float32]) -> Iterator[int]:
    """All places by falling score, sorted only as far as they are taken.

    Who filters 100,000 products takes a few dozen in most cases, and the rest is never sorted
    nor parsed.
    """
    taken, k = 0, 64
    while taken < len(scores):
        places = top(scores, k)
        yield from places[taken:].tolist()
        taken, k = len(places), k * 16


def direction(rows: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean direction of a product's rows: int8 [m, d], float32 [m] -> float32 [d], length 1."""
    mean = scales @ rows.astype(np.float32)
    length = float(np.sqrt(mean @ mean))
    if length > 1e-6:
        unit: NDArray[np.float32] = mean / np.float32(length)
        return unit
    # Opposite pictures have no mean; any of them stands for the product then.
    first: NDArray[np.float32] = rows[0] * scales[0]
    return first
