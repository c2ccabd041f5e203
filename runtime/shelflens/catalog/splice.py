"""Arrays made of runs of another array and of new items, as a change of a catalog makes them.

Adding a product to a million leaves the bytes of the million as they are. `Spliced` says which of
them stay and what comes between; they are copied when the file is written, not before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.int64]
"""int64 [r, 3]: from `start`, `count` items of the old array, then so many new ones."""


def runs_of(n: int, gone: NDArray[np.int64], at: NDArray[np.int64]) -> Runs:
    """Runs that leave out items, and put new ones in.

    Args:
        n: Items of the old array.
        gone: Indices to leave out, rising.
        at: Where each new item comes, before the old item of this index or at the end; rising.
    """
    bounds = np.unique(np.concatenate([[0, n], gone, gone + 1, at]))
    starts, stops = bounds[:-1], bounds[1:]
    stays = ~np.isin(starts, gone)
    positions, counts = np.unique(at, return_counts=True)
    before = dict(zip(positions.tolist(), counts.tolist(), strict=True))
    runs = [[0, 0, before.get(0, 0)]]
    for start, stop, kept in zip(starts.tolist(), stops.tolist(), stays.tolist(), strict=True):
        last = runs[-1]
        if kept and not last[2] and last[0] + last[1] == start:
            last[1] += stop - start
        elif kept:
            runs.append([start, stop - start, 0])
        runs[-1][2] += before.get(stop, 0) if stop else 0
    return np.array([run for run in runs if run[1] or run[2]], np.int64).reshape(-1, 3)


def runs_to(source: NDArray[np.int64]) -> Runs:
    """Runs that make an array whose every item is an old one, or new.

    Args:
        source: The old index of every item, or -1 for a new one.
    """
    old = source >= 0
    follows = np.zeros(len(source), np.bool_)
    follows[1:] = old[:-1] & (source[1:] == source[:-1] + 1)
    begins = old & ~follows
    begins[:1] = True
    firsts = np.flatnonzero(begins)
    counts = np.add.reduceat(old.astype(np.int64), firsts) if len(firsts) else firsts
    sizes = np.diff(firsts, append=len(source))
    return np.stack([np.maximum(source[firsts], 0), counts, sizes - counts], axis=1)


def check_runs(runs: Runs, old: int, new: int) -> None:
    """Refuse runs that leave an array, take an item twice, or do not take every new one once.

    Args:
        runs: Any numbers.
        old: Items of the old array.
        new: New items.
    """
    starts, counts, added = runs.T
    # Each by itself first: sums of hostile numbers could overflow.
    inside = len(runs) <= old + new and bool(((runs >= 0) & (runs <= (old, old, new))).all())
    if not inside or int(added.sum()) != new or (counts + added == 0).any():
        raise ValueError("runs that do not fit their items")
    order = np.argsort(starts, kind="stable")
    starts, stops = starts[order], (starts + counts)[order]
    # What copies nothing may stand anywhere.
    starts, stops = starts[counts[order] > 0], stops[counts[order] > 0]
    if len(stops) and (int(stops[-1]) > old or (starts[1:] < stops[:-1]).any()):
        raise ValueError("runs that leave their table, or take an item twice")


@dataclass(frozen=True)
class Spliced:
    """An array that is joined only when somebody reads it."""

    old: NDArray[Any]
    """[n, ...]."""
    new: NDArray[Any]
    """[m, ...]; all of them are used, in order."""
    runs: Runs

    def __len__(self) -> int:
        return int(self.runs[:, 1:].sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the items."""
        return self.old.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self), *self.old.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.old.ndim

    @property
    def nbytes(self) -> int:
        """Bytes of all items."""
        item = self.dtype.itemsize
        for side in self.shape:
            item *= side
        return item

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The parts in order, as views."""
        used = 0
        for start, count, added in self.runs.tolist():
            if count:
                yield self.old[start : start + count]
            if added:
                yield self.new[used : used + added]
            used += added

    @cached_property
    def array(self) -> NDArray[Any]:
        """Joined; a copy, kept."""
        joined = np.concatenate([self.old[:0], *self.blocks()])
        joined.setflags(write=False)
        return joined


Array = NDArray[Any] | Spliced


def joined(array: Array) -> NDArray[Any]:
    """An array as NumPy has it."""
    return array.array if isinstance(array, Spliced) else array


def blocks_of(array: Array) -> Iterator[NDArray[Any]]:
    """The parts of an array in order."""
    return array.blocks() if isinstance(array, Spliced) else iter((array,))


def spliced(old: NDArray[Any], new: NDArray[Any], runs: Runs) -> NDArray[Any]:
    """`Spliced`, joined at once."""
    return Spliced(old, new, runs).array


def bounds_of(sizes: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint64]:
    """Where each of some parts begins, and where the last one ends: uint64 [p + 1]."""
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(np.asarray(sizes, np.int64), out=bounds[1:])
    return bounds.view(np.uint64)


def spliced_bounds(
    bounds: NDArray[np.uint64], sizes: NDArray[np.int64], runs: Runs
) -> NDArray[np.uint64]:
    """The bounds of parts after a change.

    Args:
        bounds: uint64 [p + 1], of the parts before.
        sizes: int64 [m], sizes of the new parts.
        runs: Which parts stay, and where the new ones come.
    """
    old, new = bounds.view(np.int64), np.zeros(int(runs[:, 1:].sum()) + 1, np.int64)
    end = used = 0
    for start, count, added in runs.tolist():
        part = new[end + 1 : end + 1 + count]
        np.add(old[start + 1 : start + 1 + count], new[end] - old[start], out=part)
        end += count
        np.cumsum(sizes[used : used + added], out=new[end + 1 : end + 1 + added])
        new[end + 1 : end + 1 + added] += new[end]
        end, used = end + added, used + added
    return new.view(np.uint64)
