"""The file of a delta: what turns one catalog into another, byte for byte.

A container as a catalog is, with the header of the result, runs of products and of rows that are
taken from the base, and what is new. `docs/catalog-format.md` specifies it. A delta comes from
anywhere: every number in it is checked before it is used, and nothing in it can ask for more memory
than the base and the delta's own bytes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.container import (
    HEADER_LIMIT,
    Container,
    open_container,
    verify_container,
    write_container,
)
from shelflens.catalog.content import damaged
from shelflens.catalog.splice import Array, Runs, check_runs
from shelflens.files import Check

DELTA = "delta"

_WHOLE = "whole."
"""Before the name of a tensor that is not made of rows or products."""

_REFUSED = (ValueError, KeyError, TypeError, AttributeError, zlib.error)


@dataclass(frozen=True)
class Delta:
    """How to make a catalog from another one."""

    base: str
    """Fingerprint of the catalog that it is for."""
    result: str
    """Fingerprint of the catalog that it makes."""
    header: bytes
    """Header of the result."""
    products: Runs
    """Of the base's records and new ones."""
    rows: Runs
    """Of the base's rows and new ones."""
    row_counts: NDArray[np.int64]
    """int64 [k, 2]: product of the result, and how many rows it has, where this is neither what the
    product has in the base, nor 1 for a new record; rising."""
    record_lengths: NDArray[np.int64]
    """int64 [q], bytes of every new record."""
    records: NDArray[np.uint8]
    """The new records, one behind the other."""
    values: NDArray[np.int8]
    """int8 [m, d], new rows."""
    scales: NDArray[np.float32]
    """float32 [m]."""
    confirmed: NDArray[np.uint64]
    """uint64 [m], as in the catalog; empty where the result has no such table."""
    whole: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Tensors of the result that differ from the base's and are not made of its rows."""

    def save(self, path: Path, base_header: bytes) -> None:
        """Write the delta.

        Args:
            path: The file.
            base_header: Header of the base.

        Raises:
            OSError: it cannot be written.
        """
        tensors: dict[str, Array] = {
            "header": _bytes(_compressed(self.header, base_header)),
            "product_runs": _packed(_with_gaps(self.products)),
            "row_runs": _packed(_with_gaps(self.rows)),
            "row_counts": _packed(self.row_counts),
            "record_lengths": _packed(self.record_lengths[:, np.newaxis]),
            "records": self.records,
            "rows": self.values,
            "scales": self.scales,
            "confirmed": self.confirmed,
        }
        tensors |= {_WHOLE + name: tensor for name, tensor in self.whole.items()}
        write_container(path, tensors, {"base": self.base, "result": self.result}, kind=DELTA)


def open_delta(path: Path, check: Check | None = None) -> Container:
    """Open the file of a delta, and check its checksums.

    Args:
        path: The file.
        check: Called with the path and the bytes before anything else looks at them.

    Raises:
        CatalogError: it is damaged, or none.
        FileNotFoundError: no such file.
        ShelfLensError: what `check` raises.
    """
    container, content = open_container(path, kind=DELTA, check=check)
    verify_container(path, container, content, kind=DELTA)
    if not {"base", "result"} <= set(container.metadata):
        raise damaged(path, "it does not say what it is for", DELTA)
    return container


def read_delta(
    path: Path, container: Container, base_header: bytes, products: int, rows: int
) -> Delta:
    """What the file of a delta holds.

    Args:
        path: The file, for messages.
        container: As it was opened.
        base_header: Header of the catalog that it is for.
        products: How many that catalog has.
        rows: The same.

    Raises:
        CatalogError: its parts do not fit each other or that catalog.
    """
    tensors = container.tensors
    try:
        _check_types(tensors)
        records, values = tensors["records"], tensors["rows"]
        lengths = _unpacked(tensors["record_lengths"], 1, len(records))[:, 0]
        if (lengths < 1).any() or int(lengths.sum()) != len(records):
            raise ValueError("records that do not fit their lengths")
        product_runs = _unpacked(tensors["product_runs"], 3, products + len(lengths))
        row_runs = _unpacked(tensors["row_runs"], 3, rows + len(values))
        delta = Delta(
            container.metadata["base"],
            container.metadata["result"],
            _decompressed(tensors["header"].tobytes(), base_header),
            _without_gaps(product_runs),
            _without_gaps(row_runs),
            _unpacked(tensors["row_counts"], 2, products + len(lengths)),
            lengths,
            records,
            values,
            tensors["scales"],
            tensors["confirmed"],
            {k.removeprefix(_WHOLE): v for k, v in tensors.items() if k.startswith(_WHOLE)},
        )
        check_runs(delta.products, products, len(lengths))
        check_runs(delta.rows, rows, len(values))
    except _REFUSED as error:
        raise damaged(path, " ".join(str(error).split())[:120], DELTA) from error
    return delta


_TYPES = {
    **dict.fromkeys(("header", "product_runs", "row_runs", "row_counts"), ("u1", 1)),
    **dict.fromkeys(("record_lengths", "records"), ("u1", 1)),
    **{"rows": ("i1", 2), "scales": ("<f4", 1), "confirmed": ("<u8", 1)},
}


def _check_types(tensors: dict[str, NDArray[Any]]) -> None:
    for name, (dtype, axes) in _TYPES.items():
        if tensors[name].dtype != np.dtype(dtype) or tensors[name].ndim != axes:
            raise ValueError(f"table {name!r} is of another type")
    if len(tensors["scales"]) != len(tensors["rows"]):
        raise ValueError("the tables do not fit each other")


def _with_gaps(runs: Runs) -> NDArray[np.int64]:
    """Runs with the distance to the end of the run before instead of the start: small numbers."""
    ends = runs[:, 0] + runs[:, 1]
    gaps = runs[:, 0] - np.concatenate([[0], ends[:-1]])[: len(runs)]
    return np.concatenate([((gaps << 1) ^ (gaps >> 63))[:, np.newaxis], runs[:, 1:]], axis=1)


def _without_gaps(numbers: NDArray[np.int64]) -> Runs:
    gaps = (numbers[:, 0] >> 1) ^ -(numbers[:, 0] & 1)
    starts = np.cumsum(gaps) + np.cumsum(numbers[:, 1]) - numbers[:, 1]
    return np.concatenate([starts[:, np.newaxis], numbers[:, 1:]], axis=1)


def _packed(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Whole numbers, [k, columns], as a zlib stream of 64-bit numbers, column by column."""
    return _bytes(zlib.compress(numbers.T.astype("<i8").tobytes(), 9))


def _unpacked(data: NDArray[np.uint8], columns: int, limit: int) -> NDArray[np.int64]:
    """The numbers again, int64 [at most `limit`, columns], each from 0 to 2^53."""
    raw = _inflated(zlib.decompressobj(), data.tobytes(), 8 * columns * limit)
    numbers = np.frombuffer(raw, "<i8").reshape(columns, -1).T
    if ((numbers < 0) | (numbers > 1 << 53)).any():
        raise ValueError("numbers out of range")
    return np.ascontiguousarray(numbers, np.int64)


def _compressed(header: bytes, base_header: bytes) -> bytes:
    """A header, compressed with that of the base as dictionary: they are nearly the same."""
    stream = zlib.compressobj(9, zdict=base_header[-_WINDOW:])
    return stream.compress(header) + stream.flush()


def _decompressed(data: bytes, base_header: bytes) -> bytes:
    stream = zlib.decompressobj(zdict=base_header[-_WINDOW:])
    return _inflated(stream, data, HEADER_LIMIT)


_WINDOW = 1 << 15
"""Bytes that zlib looks back."""


def _inflated(stream: Any, data: bytes, limit: int) -> bytes:
    """A whole zlib stream of at most so many bytes; never more are made."""
    raw: bytes = stream.decompress(data, limit + 1)
    if len(raw) > limit or not stream.eof or stream.unused_data:
        raise ValueError("a compressed table that is none")
    return raw


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
