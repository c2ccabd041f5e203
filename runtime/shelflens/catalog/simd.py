"""The optional SIMD kernels: the only module that imports one (`pip install 'shelflens[fast]'`).

SimSIMD is the fastest for one query, NumKong (its successor) for several: it reads the rows once
for all of them. Either does the other's work when it is alone. A kernel is used only after it gave
the right products on a few awkward rows; without one `topk` multiplies with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_DIM = 1024
"""A sum of so many products of two int8 is a whole number that float32 holds exactly."""

Dots = Callable[[NDArray[np.int8], NDArray[np.int8], int], NDArray[np.float32]]
"""Sums of products: int8 queries [q, d], int8 rows [n, d], threads -> float32 [q, n], whole."""


class Kernel(NamedTuple):
    """A library's multiplication."""

    name: str
    dots: Dots
    threaded: bool
    """It has threads of its own; the others let Python's run beside each other instead."""


@cache
def kernel(several: bool) -> Kernel | None:
    """The fastest kernel here that works; None when there is none.

    Args:
        several: For more than one query at a time.
    """
    order = (_numkong, _simsimd) if several else (_simsimd, _numkong)
    for load in order:
        try:
            found = load()
            if _right(found.dots):
                return found
        except Exception:  # a binary that does not fit this machine raises almost anything
            continue
    return None


def _simsimd() -> Kernel:
    import simsimd

    def dots(
        queries: NDArray[np.int8], rows: NDArray[np.int8], threads: int
    ) -> NDArray[np.float32]:
        # Not `out=`: version 6.5 then drops a reference to None too many at every call.
        found = simsimd.cdist(queries, rows, "dot", out_dtype="float32", threads=threads)
        return np.asarray(found).reshape(len(queries), len(rows))

    return Kernel(f"simsimd {getattr(simsimd, '__version__', '')}", dots, True)


def _numkong() -> Kernel:
    import numkong

    def dots(
        queries: NDArray[np.int8], rows: NDArray[np.int8], threads: int
    ) -> NDArray[np.float32]:
        table = np.asarray(numkong.dots_packed(rows, numkong.dots_pack(queries)))
        return table.T.astype(np.float32, order="C")

    return Kernel(f"numkong {getattr(numkong, '__version__', '')}", dots, False)


def _right(dots: Dots) -> bool:
    """Whether a kernel multiplies rightly: every width of register, ends of the range."""
    for dim in (1, 31, 64, 100, 256):
        # Numbers without a pattern of a register's length; numpy.random would cost a start 4 ms.
        mixed = np.arange(9 * dim).reshape(9, dim) ** 2 * 37 % 256 - 128
        rows = mixed.astype(np.int8)
        rows[0], rows[1] = -128, 127
        for count in (1, 2, 5):
            queries = np.maximum(rows[::-1][:count], -127)
            queries[0] = -127
            # One thread: more only part the rows, and waking them takes longer than all of this.
            expected = queries.astype(np.int32) @ rows.astype(np.int32).T
            if not np.array_equal(dots(queries, rows, 1), expected):
                return False
    return True
