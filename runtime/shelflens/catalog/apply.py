"""Making a catalog from another one and a delta."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.blocks import checksum, write_parts
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.checks import check_scales
from shelflens.catalog.container import Entry, Header, parsed_header
from shelflens.catalog.content import damaged
from shelflens.catalog.contents import Contents
from shelflens.catalog.delta import DELTA, Delta, open_delta, read_delta
from shelflens.catalog.install import keep_previous, previous_path, settled
from shelflens.catalog.lock import opened_to_change
from shelflens.catalog.records import parsed_record
from shelflens.catalog.rows import Rows
from shelflens.catalog.source import CHECKED_PRODUCTS, REFUSED, Source
from shelflens.catalog.splice import Array, spliced, spliced_bounds
from shelflens.errors import CatalogError, SignatureError
from shelflens.files import atomic_writer
from shelflens.product_ids import ROW_LIMIT
from shelflens.signing.neighbours import settle_after_crash, stage_signature

if TYPE_CHECKING:  # applying without --trust needs no cryptography
    from shelflens.signing.trust import Trust, Verified


def apply(
    path: str | os.PathLike[str],
    delta_path: str | os.PathLike[str],
    *,
    trust: Trust | None = None,
    signature: str | os.PathLike[str] | None = None,
) -> Catalog:
    """Turn a catalog file into the one that a delta leads to; the one before is kept beside it.

    Everything is checked before the file is replaced: the delta, that it is for this catalog, what
    it brings, and the checksum of every table that comes out.

    Args:
        path: The catalog.
        delta_path: The delta.
        trust: Who has to have signed the delta, and what comes out; None takes unsigned ones too.
        signature: The signature file of the catalog that comes out; without it that has none.

    Raises:
        CatalogError: the delta is damaged, was applied already, or is for another catalog; nothing
            is changed.
        SignatureError: as `Trust.check`, or no signature of what comes out; nothing is changed.
        OSError: a file cannot be read or written; nothing is changed.
    """
    file = Path(delta_path)
    if trust is not None and signature is None:
        raise SignatureError(f"{file}: expected the signature of what comes out (--signature)")
    container = open_delta(file, None if trust is None else trust.verify)
    with opened_to_change(path) as catalog:
        source = catalog.source
        if source is None:  # never of an opened one
            raise CatalogError("this catalog is no file")
        _require_base(source, container.metadata, file)
        source.require_unchanged()
        products, rows = catalog.contents.products, catalog.contents.rows
        delta = read_delta(file, container, source.header, len(products), len(rows))
        try:
            header = parsed_header(delta.header, file)
            arrays = _sound(source, delta, header)
        except REFUSED as error:
            raise damaged(file, " ".join(str(error).split())[:120], DELTA) from error
        target = Path(path).resolve()
        settle_after_crash(target, previous_path(target))
        verified: list[Verified] = []
        result = Path(signature) if signature is not None else None
        with atomic_writer(target) as stream:
            write_parts(stream, delta.header, arrays, source.content)
            source.require_unchanged()
            if trust is not None:
                verified.append(_verified(stream, target, trust, result))
            stage_signature(result, target)
            keep_previous(target)
        return settled(target, trust, verified)


def _verified(stream: BinaryIO, target: Path, trust: Trust, signature: Path | None) -> Verified:
    """Of what was written, before it is in use."""
    stream.flush()
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        try:
            return trust.verify(target, view, signature=signature)
        finally:
            view.release()


def _require_base(source: Source, wanted: dict[str, str], file: Path) -> None:
    if source.fingerprint == wanted["result"]:
        raise CatalogError(f"{source.path}: is what {file} leads to already; nothing was changed")
    if source.fingerprint != wanted["base"]:
        raise CatalogError(
            f"{file}: for another catalog than {source.path}: expected fingerprint "
            f"{wanted['base'][:16]!r}, got {source.fingerprint[:16]!r}; nothing was changed"
        )


def _sound(source: Source, delta: Delta, header: Header) -> list[Array]:
    """The tensors of the result in the order of its file; ValueError where they make none."""
    metadata = header.metadata
    if metadata["fingerprint"] != delta.result:
        raise ValueError("the header is of another catalog")
    if metadata["space"] != source.contents.space:
        raise ValueError("it leads to another embedding space")
    _check_new(source.contents, delta)
    tensors: dict[str, Array] = {}
    for entry, array in rebuilt(source, delta, header):
        fits = array.dtype == entry.dtype and array.shape == entry.shape
        if not fits or checksum(array, source.content) != metadata.get(f"crc32.{entry.name}"):
            raise ValueError(f"{entry.name} is not what it should become")
        tensors[entry.name] = array
    Contents.read(tensors, metadata).products.check_few(CHECKED_PRODUCTS)
    return list(tensors.values())


def _check_new(before: Contents, delta: Delta) -> None:
    """Refuse new rows and records that are none, and an id that is there twice."""
    if delta.values.shape[1] != before.rows.dim:
        raise ValueError("rows of another length")
    check_scales(delta.values, delta.scales)
    ids = _new_ids(delta)
    stays = np.zeros(len(before.products), np.bool_)
    for start, count, _ in delta.products.tolist():
        stays[start : start + count] = True
    found = before.products.find_all(ids)
    if len(set(ids)) < len(ids) or stays[found[found >= 0]].any():
        raise ValueError("two products of the same id")


def _new_ids(delta: Delta) -> list[str]:
    ends = np.cumsum(delta.record_lengths).tolist()
    starts = [0, *ends[:-1]]
    return [
        parsed_record(delta.records[start:end].tobytes(), index)["id"]
        for index, (start, end) in enumerate(zip(starts, ends, strict=False))
    ]


def rebuilt(source: Source, delta: Delta, header: Header) -> Iterator[tuple[Entry, Array]]:
    """The tensors of the result, in the order of its file.

    Args:
        source: The base.
        delta: Of which runs and lengths were checked.
        header: Of the result.

    Raises:
        ValueError, KeyError: parts that do not fit.
    """
    made = _made(source.contents, delta, header)
    for entry in header.entries:
        if entry.name in made:
            yield entry, made[entry.name]
        elif entry.name in delta.whole:
            yield entry, delta.whole[entry.name]
        else:
            yield entry, source.container.tensors[entry.name]


def _made(before: Contents, delta: Delta, header: Header) -> dict[str, Array]:
    """The tensors that are made of records and rows."""
    ends = np.cumsum(delta.record_lengths)
    records = [
        (product_id, delta.records[end - length : end].tobytes())
        for product_id, length, end in zip(
            _new_ids(delta), delta.record_lengths.tolist(), ends.tolist(), strict=True
        )
    ]
    products = before.products.edited(delta.products, records, _first_row(before, delta))
    rows = before.rows.edited(delta.rows, Rows(delta.values, delta.scales))
    made = {**products.tensors(), "rows": rows.stored, "scales": rows.scales}
    if any(entry.name == "confirmed" for entry in header.entries):
        numbers = before.provenance.of_rows(len(before.rows))
        if len(delta.confirmed) != len(delta.values):
            raise ValueError("confirmations that do not fit the rows")
        made["confirmed"] = spliced(numbers, delta.confirmed, delta.rows)
    if any(entry.name == "id_hashes" for entry in header.entries):
        made["id_hashes"] = products.index
    return made


def _first_row(before: Contents, delta: Delta) -> NDArray[np.uint64]:
    """Where the rows of every product of the result begin."""
    new = np.ones(len(delta.record_lengths), np.int64)
    first = spliced_bounds(before.products.first_row, new, delta.products).view(np.int64)
    index, count = delta.row_counts.T
    if len(index) and (int(index.max()) >= len(first) - 1 or (np.diff(index) < 1).any()):
        raise ValueError("rows of a product that is not there")
    if (count < 1).any() or (count > ROW_LIMIT).any():
        raise ValueError("a product without rows")
    shift = np.cumsum(count - (first[index + 1] - first[index]))
    stops = np.append(index[1:], len(first) - 1)[: len(index)]
    for start, stop, by in zip(index.tolist(), stops.tolist(), shift.tolist(), strict=True):
        first[start + 1 : stop + 1] += by
    return first.view(np.uint64)
