"""What turns one catalog into another: the records and rows that the first does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.apply import rebuilt
from shelflens.catalog.blocks import checksum
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.container import parsed_header
from shelflens.catalog.contents import Contents
from shelflens.catalog.delta import Delta
from shelflens.catalog.id_index import matching_hashes
from shelflens.catalog.products import ProductTable
from shelflens.catalog.source import Source
from shelflens.catalog.splice import runs_to
from shelflens.errors import CatalogError, SpaceError

ROW_TABLES = ("products", "first_byte", "first_row", "id_hashes", "rows", "scales", "confirmed")
"""Tensors that are made of records and rows."""

_COMPARED_BYTES = 1 << 20


def diff(base: Catalog, result: Catalog) -> Delta:
    """What turns the file `base` into the file `result`, byte for byte.

    Args:
        base: An opened catalog.
        result: Another one, of the same embedding space.

    Raises:
        SpaceError: of another space; they have no row in common.
        CatalogError: they are the same, or hold what a delta cannot make.
    """
    old, new = _source(base), _source(result)
    if base.space != result.space or base.dim != result.dim:
        raise SpaceError(
            f"{new.path}: of embedding space {result.space!r}, {old.path} of {base.space!r}; "
            "install the new file instead"
        )
    if old.fingerprint == new.fingerprint:
        raise CatalogError(f"{new.path}: the same catalog as {old.path}; there is nothing to ship")
    delta = _delta(old, new)
    _check(old, new, delta)
    return delta


def save_delta(delta: Delta, base: Catalog, path: Path) -> None:
    """Write a delta.

    Raises:
        OSError: it cannot be written.
    """
    delta.save(path, _source(base).header)


def _source(catalog: Catalog) -> Source:
    if catalog.source is None or not catalog.fingerprint:
        raise CatalogError("a delta is made of two catalog files; save the catalog first")
    return catalog.source


def _delta(old: Source, new: Source) -> Delta:
    before, after = old.contents, new.contents
    owners = _owners(before.products, after.products)
    same = _same_items(_records(before.products), _records(after.products), owners)
    product_source = np.where(same, owners, -1)
    row_source = _row_source(before, after, owners)
    counts_before, counts = (
        np.diff(table.first_row.view(np.int64)) for table in (before.products, after.products)
    )
    usual = np.where(same, counts_before[np.maximum(owners, 0)] if len(counts_before) else 1, 1)
    unusual = np.flatnonzero(counts != usual)
    records = [
        after.products.record_bytes(index) for index in np.flatnonzero(product_source < 0).tolist()
    ]
    rows = np.flatnonzero(row_source < 0)
    numbers = after.provenance.of_rows(len(after.rows))[rows]
    tensors = old.container.tensors
    return Delta(
        old.fingerprint,
        new.fingerprint,
        new.header,
        runs_to(product_source),
        runs_to(row_source),
        np.stack([unusual, counts[unusual]], axis=1),
        np.array(list(map(len, records)), np.int64),
        np.frombuffer(b"".join(records), np.uint8),
        after.rows.values[rows],
        after.rows.scales[rows],
        numbers if "confirmed" in new.container.tensors else numbers[:0],
        {
            name: tensor
            for name, tensor in new.container.tensors.items()
            if name not in ROW_TABLES
            and not (name in tensors and np.array_equal(tensors[name], tensor))
        },
    )


def _check(old: Source, new: Source, delta: Delta) -> None:
    """Refuse what would not give the same bytes: a file of another writer, in another order."""
    header = parsed_header(delta.header, new.path)
    for entry, array in rebuilt(old, delta, header):
        if checksum(array, old.content) != new.container.metadata[f"crc32.{entry.name}"]:
            raise CatalogError(f"{new.path}: {entry.name}: cannot be made from {old.path}")


def _owners(before: ProductTable, after: ProductTable) -> NDArray[np.int64]:
    """The product of the base that has the same id, or -1.

    Only products with records that differ are parsed.
    """
    owners = matching_hashes(before.index, after.index)
    same = _same_items(_records(before), _records(after), owners)
    asked = np.flatnonzero(~same).tolist()
    owners[asked] = before.find_all([after.record(index)["id"] for index in asked])
    return owners


Items = tuple[NDArray[np.int64], NDArray[np.uint8]]
"""Where each item starts, and the end; and the bytes of all of them."""


def _records(table: ProductTable) -> Items:
    return table.first_byte.view(np.int64), table.records


def _same_items(before: Items, after: Items, source: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each item of `after` has the bytes of the item `source` of `before`; -1 has none."""
    (old_bounds, old), (new_bounds, new) = before, after
    sizes, old_sizes = np.diff(new_bounds), np.diff(old_bounds)
    same = source >= 0
    same[same] = sizes[same] == old_sizes[source[same]]
    # Items that follow each other in both are compared at once.
    for start, stop in _stretches(same, source, sizes):
        first, last = new_bounds[start], new_bounds[stop]
        shift = old_bounds[source[start]] - first
        differs = new[first:last] != old[first + shift : last + shift]
        if differs.any():
            same[start:stop] = ~np.logical_or.reduceat(differs, new_bounds[start:stop] - first)
    return same


def _stretches(
    chosen: NDArray[np.bool_], source: NDArray[np.int64], sizes: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Where chosen items stand that follow each other in both, of about a MiB each at most."""
    follows = np.zeros(len(source), np.bool_)
    follows[1:] = chosen[1:] & chosen[:-1] & (source[1:] == source[:-1] + 1)
    part = np.cumsum(sizes) // _COMPARED_BYTES
    follows[1:] &= part[1:] == part[:-1]
    starts = np.flatnonzero(chosen & ~follows)
    ends = np.flatnonzero(chosen & ~np.append(follows[1:], False)) + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _row_source(before: Contents, after: Contents, owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of the base that each row is, or -1."""
    tables: list[tuple[NDArray[Any], NDArray[Any]]] = [(before.rows.values, after.rows.values)]
    tables.append((before.rows.scales, after.rows.scales))
    numbers = [contents.provenance.of_rows(len(contents.rows)) for contents in (before, after)]
    tables.append((numbers[0], numbers[1]))
    old_first, new_first = (
        contents.products.first_row.view(np.int64) for contents in (before, after)
    )
    whole = owners >= 0
    for old, new in tables:
        item = new.nbytes // max(1, len(new))
        whole &= _same_items((old_first * item, _flat(old)), (new_first * item, _flat(new)), owners)
    source = np.full(len(after.rows), -1, np.int64)
    counts = np.diff(new_first)
    kept = np.repeat(whole, counts)
    shift = np.where(whole, old_first[np.maximum(owners, 0)] - new_first[:-1], 0)
    source[kept] = (np.arange(len(source)) + np.repeat(shift, counts))[kept]
    for index in np.flatnonzero(~whole & (owners >= 0)).tolist():
        owner, rows = int(owners[index]), after.products.rows_of(index)
        known: dict[bytes, list[int]] = {}
        for row in reversed(before.products.rows_of(owner)):
            known.setdefault(_key(before, numbers[0], row), []).append(row)
        for row in rows:
            if found := known.get(_key(after, numbers[1], row)):
                source[row] = found.pop()
    return source


def _key(contents: Contents, numbers: NDArray[np.uint64], row: int) -> bytes:
    rows = contents.rows
    return b"".join(table[row].tobytes() for table in (rows.values, rows.scales, numbers))


def _flat(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
