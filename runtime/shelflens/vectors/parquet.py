"""Parquet through pyarrow, the extra [vectors]: the only module that imports it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import DataError
from shelflens.vectors.parts import KEY, Part

_NEEDED = "expected columns id (text) and vector (a list of floats)"


def write_parquet(stream: BinaryIO, parts: Iterable[Part], dim: int, *, vectors: bool) -> None:
    """Write rows that have all columns, a row group for each part; all share space and metadata.

    Args:
        stream: Where to.
        parts: At least one.
        dim: Length of an embedding.
        vectors: With the column of float32 vectors; without, they lie in `.npy` files beside it.

    Raises:
        DataError: pyarrow is not installed.
    """
    pyarrow, parquet = _library()
    fields = [("id", pyarrow.string()), ("attributes", pyarrow.string())]
    fields += [("vector", pyarrow.list_(pyarrow.float32(), dim))] if vectors else []
    fields += [
        ("space", pyarrow.string()),
        ("scale", pyarrow.float32()),
        ("row", pyarrow.binary(dim)),
        ("confirmed", pyarrow.uint64()),
    ]
    schema, writer = pyarrow.schema(fields), None
    try:
        for part in parts:
            if writer is None:
                schema = schema.with_metadata({KEY: part.shared or ""})
                writer = parquet.ParquetWriter(stream, schema, compression="zstd")
            columns = {
                "id": list(part.ids),
                "attributes": [json.dumps(texts, ensure_ascii=False) for texts in part.attributes],
                "space": [part.space] * len(part.ids),
                "scale": part.scales,
                "row": pyarrow.FixedSizeBinaryArray.from_buffers(
                    pyarrow.binary(dim), len(part.ids), [None, _buffer(pyarrow, part.rows)]
                ),
                "confirmed": part.confirmed,
            }
            if vectors:
                flat = pyarrow.array(part.vectors.reshape(-1))
                columns["vector"] = pyarrow.FixedSizeListArray.from_arrays(flat, dim)
            writer.write_table(pyarrow.table(columns, schema=schema))
    finally:
        if writer is not None:
            writer.close()


def _buffer(pyarrow: Any, rows: NDArray[np.int8] | None) -> Any:
    return pyarrow.py_buffer(np.ascontiguousarray(rows))


def read_parquet(path: Path, *, vectors: NDArray[np.float32] | None = None) -> Iterator[Part]:
    """The rows of a Parquet file, a row group at a time.

    Args:
        path: The file.
        vectors: float32 [n, d] of its rows; without them they are in the column `vector`.

    Raises:
        DataError: pyarrow is not installed, or no such rows.
        FileNotFoundError: no such file.
    """
    pyarrow, parquet = _library()
    source, start = str(path), 0
    try:
        with path.open("rb") as stream, parquet.ParquetFile(stream) as file:
            names, count = file.schema_arrow.names, file.metadata.num_rows
            if missing := [name for name in _needed(vectors is None) if name not in names]:
                found = ", ".join(names[:12]) or "none"
                raise DataError(f"{path}: no column {missing[0]!r} among {found}; {_NEEDED}")
            if vectors is not None and len(vectors) != count:
                raise DataError(
                    f"{path}: {count:,} rows, {len(vectors):,} vectors beside it; expected one for "
                    "each: write the shard again"
                )
            shared = (file.schema_arrow.metadata or {}).get(KEY.encode())
            known = [name for name in names if name in _COLUMNS]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=known).combine_chunks()
                stop = start + len(table)
                held = None if vectors is None else vectors[start:stop]
                yield _part(table, source, held, shared.decode() if shared else None)
                start = stop
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(
            f"{path}: not a whole Parquet file ({why}); a writer that was stopped leaves such a "
            "file, write it again"
        ) from error


_COLUMNS = ("id", "attributes", "vector", "space", "scale", "row", "confirmed")


def _needed(with_vectors: bool) -> tuple[str, ...]:
    return ("id", "vector") if with_vectors else ("id",)


def _part(table: Any, source: str, vectors: NDArray[np.float32] | None, shared: str | None) -> Part:
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    for name, column in columns.items():
        if column.null_count:
            raise DataError(f"{source}: {column.null_count:,} rows without a value of {name!r}")
    try:
        ids = columns["id"].cast("string").to_pylist()
        texts = columns["attributes"].to_pylist() if "attributes" in columns else ["{}"] * len(ids)
        attributes = [json.loads(text) for text in texts]
        if not all(type(entry) is dict for entry in attributes):
            raise ValueError("attributes that are no JSON object")
        spaces = set(columns["space"].to_pylist()) if "space" in columns else {None}
        if len(spaces) > 1:
            raise DataError(
                f"{source}: rows of embedding spaces {', '.join(sorted(map(repr, spaces))[:3])}; "
                "rows of two models cannot be compared, write one file for each"
            )
        floats = _matrix(columns["vector"]) if vectors is None else vectors
        rows = _rows(columns["row"]) if "row" in columns else None
        scales = _numbers(columns["scale"], np.float32) if "scale" in columns else None
        numbers = _numbers(columns["confirmed"], np.uint64) if "confirmed" in columns else None
    except (ValueError, TypeError, AttributeError, RecursionError, NotImplementedError) as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{source}: a column of another type ({why}); {_NEEDED}") from error
    space = next(iter(spaces), None)
    return Part(source, ids, attributes, floats, rows, scales, numbers, space, shared)


def _matrix(column: Any) -> NDArray[np.float32]:
    """A column of lists, all of one length, as float32 [m, d]."""
    flat = column.flatten().to_numpy(zero_copy_only=False)
    lengths = set(column.value_lengths().to_pylist()) if len(column) else {0}
    if len(lengths) != 1 or flat.dtype.kind != "f":
        raise ValueError("vectors of several lengths, or not of floats")
    matrix: NDArray[np.float32] = flat.astype(np.float32).reshape(len(column), lengths.pop())
    return matrix


def _rows(column: Any) -> NDArray[np.int8]:
    """A column of bytes, all of one length, as int8 [m, d]."""
    joined = np.frombuffer(b"".join(column.to_pylist()), np.int8)
    return joined.reshape(len(column), -1) if len(column) else joined.reshape(0, 1)


def _numbers(column: Any, dtype: type[Any]) -> NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(dtype)


def _library() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise DataError(
            "Parquet is not read and written here: pip install 'shelflens[vectors]'"
        ) from error
    return pyarrow, parquet
