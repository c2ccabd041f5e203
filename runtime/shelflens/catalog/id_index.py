"""Finding a product by its id without reading the products: the optional tensor `id_hashes`.

One number per product, rising: the first four bytes of the SHA-256 of its id, times 2^32, plus the
product's index. Products of one id are looked for among the few of the same hash; where there are
none, the id is not there. A hash that is hard to aim at keeps them few whatever the ids are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.splice import Runs

Index = NDArray[np.uint64]
"""uint64 [p], rising."""

INDEXED_PRODUCTS = 256
"""Larger catalogs have an index in the file; smaller ones are parsed when they are opened."""

_ANY = "surrogatepass"  # bytes that are no text, as of a command line, are an id that is not there
_SHIFT = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def hashes_of(ids: Iterable[str]) -> NDArray[np.uint64]:
    """The hash of every id, times 2^32, uint64 [m]."""
    digest = hashlib.sha256
    heads = b"".join(digest(product_id.encode(errors=_ANY)).digest()[:4] for product_id in ids)
    return np.frombuffer(heads, ">u4").astype(np.uint64) << _SHIFT


def index_of_ids(ids: Iterable[str]) -> Index:
    """The index of products in the order of the catalog."""
    index = hashes_of(ids)
    index |= np.arange(len(index), dtype=np.uint64)
    index.sort()
    return index


def check_index(index: NDArray[np.uint64], p: int) -> None:
    """Refuse an index that does not hold every one of p products once, in order of the hashes."""
    if index.shape != (p,) or index.dtype != np.dtype("<u8"):
        raise ValueError("the table 'id_hashes' does not fit the products")
    products = index & _LOW
    held = np.zeros(p, np.bool_)
    if p and int(products.max()) < p:
        held[products.view(np.int64)] = True
    if not held.all() or not (index[1:] > index[:-1]).all():
        raise ValueError("the index of ids is none")


def candidates(index: Index, hashed: int) -> Iterator[int]:
    """Products whose id has this hash (times 2^32), as `hashes_of` gives it."""
    # NumPy would make floats of a Python number beside uint64.
    entry = int(np.searchsorted(index, np.uint64(hashed)))
    while entry < len(index) and int(index[entry]) >> 32 == hashed >> 32:
        yield int(index[entry]) & 0xFFFFFFFF
        entry += 1


def matching_hashes(before: Index, after: Index) -> NDArray[np.int64]:
    """For every product of one catalog, the product of another one whose id has the same hash.

    Args:
        before: Index of the other one, of q products.
        after: Index of this one, of p products.

    Returns:
        int64 [p], below q; -1 for a hash that is not there, or there more than once.
    """
    hashes = before >> _SHIFT
    asked = after >> _SHIFT
    first, last = (np.searchsorted(hashes, asked, side=side) for side in ("left", "right"))
    found = np.full(len(after), -1, np.int64)
    once = last - first == 1
    owners = (before[first[once]] & _LOW).view(np.int64)
    found[(after[once] & _LOW).view(np.int64)] = owners
    return found


def moved_index(index: Index, runs: Runs, ids: Sequence[str]) -> Index:
    """The index after a change.

    Args:
        index: The old one.
        runs: Which products stay, and where the new ones come.
        ids: Of the new ones.
    """
    if len(runs) and runs[0, 0] == 0 and runs[0, 1] == len(index):
        kept = index  # all stay where they are
    else:
        moved = np.full(len(index), -1, np.int32)
        target = 0
        for start, count, added in runs.tolist():
            moved[start : start + count] = np.arange(target, target + count, dtype=np.int32)
            target += count + added
        now = moved[(index & _LOW).view(np.int64)]
        kept = index[now >= 0]
        kept &= ~_LOW
        np.bitwise_or(kept, now[now >= 0], out=kept, dtype=np.uint64, casting="unsafe")
    if ids:
        ends = np.cumsum(runs[:, 1:].sum(axis=1))
        at = np.repeat(ends - np.cumsum(runs[:, 2]), runs[:, 2]) + np.arange(len(ids))
        new = np.sort(hashes_of(ids) | at.astype(np.uint64))
        kept = np.insert(kept, np.searchsorted(kept, new), new)
    # Nearly in order: only products of equal hashes can have changed places.
    return np.sort(kept, kind="stable") if (kept[1:] < kept[:-1]).any() else kept
