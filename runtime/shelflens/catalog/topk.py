"""The k nearest products, exactly: a coarse scan of all rows, then exact scores of the few left.

The coarse scan multiplies int8 with int8 (`simd`), or float32 blocks when no kernel is installed.
It can be wrong by no more than a bound that is known before: rounding the query q to int8 leaves
an error e, and a row of length 1 changes no score by more than |e| (Cauchy and Schwarz). So what
scores less than the k-th best minus twice the bound is out, and the rest, a few dozen rows, is
scored in float64. The answer is that of scoring every row in float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.parallel import share_out
from shelflens.catalog.scores import (
    best_row_scores,
    kth_score_floor,
    row_score_table,
    top_indices,
)
from shelflens.catalog.simd import MAX_DIM, kernel

_BLOCK_BYTES = 2 << 20
"""Of rows widened to float32 at a time: a block stays in the cache."""

_BLOCK_SCORES = 128 << 10
"""Scores a kernel gives at a time: they are still in the cache when they are scaled."""

_QUERIES, _FEWEST = 32, 8
"""Queries compared in one reading of the rows, and how many at least where the rows are many."""

_GROUP_SCORES = 4 << 20
"""Scores of so many queries, 16 MiB; of the fewest queries they may be more."""

_KERNEL_THREAD_BYTES = 8 << 20
"""Bytes of rows that are worth a thread of a kernel that has its own."""

_PYTHON_THREAD_BYTES = 32 << 20
"""The same of Python's threads: with fewer, starting one and waiting for a busy core costs more
than is gained."""

_ROUNDING = 1e-6
"""Of a float32 score, and of the float32 scales."""

TopProducts = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Product indices [k] and scores [k], best first."""

Coarse = Callable[
    [NDArray[np.int8], NDArray[np.float32], NDArray[np.float32], int],
    tuple[NDArray[np.float32], NDArray[np.float64]],
]
"""rows, scales, queries [q, d], threads -> scores [q, n], and by how much they can be wrong [q].

A query's scores are in a unit of its own: only their order and their distances count."""


def top_products(
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    queries: NDArray[np.float32],
    k: int,
    *,
    threads: int | None = None,
) -> list[TopProducts]:
    """The k products whose best row is nearest to each query.

    Args:
        rows: int8 [n, d], grouped by product; n at least 1.
        scales: float32 [n], one over the length of each row.
        first_rows: int64 [p], the first row of each product, rising.
        queries: float32 [q, d], rows of length 1.
        k: How many; more than p gives p.
        threads: At most so many; None takes one per core, at most four, where it is worth it.

    Returns:
        For each query the indices of min(k, p) products and their scores. Scores are float64 sums
        rounded to float32; equal ones stand in the order of the catalog.
    """
    return _top_products(
        _coarse(len(queries) > 1, rows.shape[1]), rows, scales, first_rows, queries, k, threads
    )


def top_products_with_numpy(
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    queries: NDArray[np.float32],
    k: int,
) -> list[TopProducts]:
    """`top_products` as it is where no kernel is installed, to compare with; one thread."""
    return _top_products(_with_numpy, rows, scales, first_rows, queries, k, 1)


def _top_products(
    coarse: Coarse,
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    queries: NDArray[np.float32],
    k: int,
    threads: int | None,
) -> list[TopProducts]:
    max_threads = threads or min(4, os.cpu_count() or 1)
    found: list[TopProducts] = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)

    size = min(max(_GROUP_SCORES // len(rows), _FEWEST), _QUERIES)

    def ask(start: int, parts: int) -> None:
        group = queries[start : start + size]
        table, slack = coarse(rows, scales, group, parts)
        asking, near = _candidates(table, first_rows, k, slack)
        found[start : start + len(group)] = _exact(rows, scales, first_rows, group, asking, near, k)

    groups = range(0, len(queries), size)
    if len(groups) == 1:
        ask(0, max_threads)
    else:
        # NumPy's matrix products of several queries have threads of their own.
        share_out(groups, lambda start: ask(start, 1), 1 if coarse is _with_numpy else max_threads)
    return found


def _coarse(several: bool, dim: int) -> Coarse:
    found = kernel(several) if dim <= MAX_DIM else None
    if found is None:
        return _with_numpy
    dots, threaded = found.dots, found.threaded

    def with_kernel(
        rows: NDArray[np.int8],
        scales: NDArray[np.float32],
        queries: NDArray[np.float32],
        threads: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        steps = np.abs(queries).max(axis=1, keepdims=True) / np.float32(127)
        small = np.rint(queries / steps).astype(np.int8)
        errors = queries.astype(np.float64) - small * steps.astype(np.float64)
        slack = np.sqrt((errors**2).sum(axis=1)) * (1 + 1e-5) + _ROUNDING
        table = np.empty((len(queries), len(rows)), np.float32)
        inner = _worth(threads, rows, _KERNEL_THREAD_BYTES) if threaded else 1

        def scan(part: slice) -> None:
            np.multiply(dots(small, rows[part], inner), scales[part], out=table[:, part])

        outer = 1 if threaded else _worth(threads, rows, _PYTHON_THREAD_BYTES)
        share_out(_slices(len(rows), _BLOCK_SCORES // len(queries)), scan, outer)
        return table, slack / steps[:, 0]

    return with_kernel


def _with_numpy(
    rows: NDArray[np.int8], scales: NDArray[np.float32], queries: NDArray[np.float32], threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The same in float32, without a kernel; its sums are wrong by rounding alone."""
    if len(queries) > 1:
        table = row_score_table(rows, scales, queries)
    else:
        table = np.empty((1, len(rows)), np.float32)

        def scan(part: slice) -> None:
            # Not a BLAS product: its own threads wait for each other at every block, long when
            # there is other work on the machine.
            wide = rows[part].astype(np.float32)
            np.einsum("nd,d->n", wide, queries[0], out=table[0, part])
            table[0, part] *= scales[part]

        outer = _worth(threads, rows, _PYTHON_THREAD_BYTES)
        share_out(_blocks(len(rows), 4 * rows.shape[1]), scan, outer)
    # The usual bound of a sum of d products (Higham 2002, section 3.1), both vectors of length 1.
    slack = rows.shape[1] * 2.0**-23 + _ROUNDING
    return table, np.full(len(queries), slack)


def _worth(threads: int, rows: NDArray[np.int8], part: int) -> int:
    """How many of the threads the rows are worth."""
    return max(1, min(threads, rows.nbytes // part))


def _blocks(n: int, dim: int) -> Iterator[slice]:
    """Rows of so many bytes each, a block at a time."""
    return _slices(n, _BLOCK_BYTES // dim)


def _slices(n: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _candidates(
    table: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    k: int,
    slack: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that can be the best row of one of the k best products of a query.

    All queries at once: calls of NumPy on a few dozen values wait for Python's lock, and threads
    for each other.

    Args:
        table: float32 [q, n].
        first_rows: As in `top_products`.
        k: How many products.
        slack: float64 [q], how wrong the scores can be.

    Returns:
        Indices of queries and of rows, int64 [c] each, rising.
    """
    best = best_row_scores(table, first_rows)
    if k >= best.shape[1]:
        limits = np.full(len(table), -np.inf, np.float32)
    else:
        limits = (kth_score_floor(best, k) - 2 * slack).astype(np.float32)
    # Flat: NumPy's search of a table for what is not zero is many times slower.
    return np.divmod(np.flatnonzero(table >= limits[:, np.newaxis]), table.shape[1])


def _exact(
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    queries: NDArray[np.float32],
    asking: NDArray[np.int64],
    near: NDArray[np.int64],
    k: int,
) -> list[TopProducts]:
    """The answers, from the rows that `_candidates` left."""
    wide = queries.astype(np.float64)
    exact = np.empty(len(near), np.float32)
    for part in _blocks(len(near), 16 * rows.shape[1]):
        indices = near[part]
        # Not a BLAS product: its last bit depends on a row's position, and equal rows must tie.
        sums = np.einsum("nd,nd->n", rows[indices].astype(np.float64), wide[asking[part]])
        exact[part] = sums * scales[indices]
    owners = np.searchsorted(first_rows, near, side="right") - 1
    starts = np.flatnonzero((np.diff(owners, prepend=-1) != 0) | (np.diff(asking, prepend=-1) != 0))
    scores, products = np.maximum.reduceat(exact, starts), owners[starts]
    ends = np.searchsorted(asking[starts], np.arange(len(queries) + 1))
    found = []
    for start, stop in pairwise(ends.tolist()):
        order = start + top_indices(scores[start:stop], k)
        found.append((products[order], scores[order]))
    return found
