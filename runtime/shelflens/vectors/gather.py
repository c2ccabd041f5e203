"""Rows of Parquet files and `.npy` shards, gathered into a catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.checks import check_scales
from shelflens.catalog.contents import Contents, group_rows
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.rows import Rows, quantize_rows
from shelflens.errors import CatalogError, DataError, SpaceError
from shelflens.product_ids import check_rows
from shelflens.vectors.export import EMBEDDINGS, METADATA
from shelflens.vectors.parquet import read_parquet
from shelflens.vectors.parts import Part, parsed_shared

SAME_VECTOR = 1e-4
"""By how much a component of `vector` may differ from `scale` times `row`."""


def gather(sources: Sequence[Path], *, space: str | None = None) -> Catalog:
    """A catalog of the rows of all sources, in their order.

    Args:
        sources: Parquet files, folders of them, and folders of `.npy` shards.
        space: Embedding space of rows that do not say theirs.

    Raises:
        SpaceError: rows of two embedding spaces, or of another one than `space`.
        CatalogError: ids or vectors that cannot be in a catalog.
        DataError: a file that holds no such rows, or is not whole; pyarrow is not installed.
        FileNotFoundError: no such file or folder.
    """
    parts = [
        _checked(part, space) for source in sources for part in _parts(source) if len(part.ids)
    ]
    if not parts:
        raise DataError(f"{sources[0]}: no rows in it")
    first = parts[0]
    for part in parts:
        if (part.space, part.vectors.shape[1]) != (first.space, first.vectors.shape[1]):
            raise SpaceError(
                f"{part.source}: of embedding space {part.space!r} and {part.vectors.shape[1]} "
                f"dimensions, {first.source} of {first.space!r} and {first.vectors.shape[1]}; "
                "rows of two models cannot be compared"
            )
        if part.shared != first.shared:
            raise CatalogError(
                f"{part.source}: from a catalog of another calibration or adaptation than "
                f"{first.source}; import each by itself, then shelflens catalog merge"
            )
    return _catalog(parts)


def _parts(source: Path) -> Iterator[Part]:
    if not source.exists():
        raise FileNotFoundError(2, "no such file or folder", str(source))
    if not source.is_dir():
        yield from read_parquet(source)
        return
    if (source / EMBEDDINGS[0]).is_dir():
        yield from _shards(source)
        return
    files = sorted(source.glob("*.parquet"))
    if not files:
        raise DataError(
            f"{source}: expected .parquet files in it, or the folders {EMBEDDINGS[0]} and "
            f"{METADATA[0]}"
        )
    for file in files:
        yield from read_parquet(file)


def _shards(folder: Path) -> Iterator[Part]:
    """Shard 0, 1, ...; each is there with its metadata, and no others are."""
    count = len(list((folder / EMBEDDINGS[0]).glob(EMBEDDINGS[1].format("*"))))
    beside = len(list((folder / METADATA[0]).glob(METADATA[1].format("*"))))
    for index in range(max(count, beside, 1)):
        embeddings = folder / EMBEDDINGS[0] / EMBEDDINGS[1].format(index)
        metadata = folder / METADATA[0] / METADATA[1].format(index)
        if missing := [file for file in (embeddings, metadata) if not file.is_file()]:
            raise DataError(
                f"{missing[0]}: is missing, of {max(count, beside)} shards; write the folder again"
            )
        yield from read_parquet(metadata, vectors=_read_matrix(embeddings))


def _read_matrix(path: Path) -> NDArray[np.float32]:
    try:
        matrix: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not a whole .npy file ({why}); write it again") from error
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise DataError(f"{path}: expected floats [n, d], got {matrix.dtype} {list(matrix.shape)}")
    return np.asarray(matrix, np.float32)


def _checked(part: Part, space: str | None) -> Part:
    """With its space, and int8 rows in place of its vectors, whose memory is let go.

    Raises:
        SpaceError, CatalogError, DataError: as `gather`.
    """
    if part.space is None and space is None:
        raise SpaceError(
            f"{part.source}: does not say its embedding space (column space); say it with "
            "--space, the name that the model's card has"
        )
    if part.space is not None and space is not None and part.space != space:
        raise SpaceError(
            f"{part.source}: of embedding space {part.space!r}, expected {space!r}; rows of two "
            "models cannot be compared"
        )
    named = replace(part, space=part.space or space)
    try:
        check_rows(named.ids, named.vectors, named.space or "")
        if named.rows is None or named.scales is None:
            rows, scales = quantize_rows(named.vectors)
            return replace(named, vectors=named.vectors[:0], rows=rows, scales=scales)
        if named.rows.shape != named.vectors.shape:
            raise ValueError(f"row of {named.rows.shape[1]} bytes")
        check_scales(named.rows, named.scales)
        wide = named.rows * named.scales[:, np.newaxis]
        if float(np.abs(wide - named.vectors).max(initial=0.0)) > SAME_VECTOR:
            raise ValueError("vector is not scale times row; leave out scale and row, or vector")
    except ValueError as error:
        raise DataError(f"{part.source}: columns that do not fit ({error})") from error
    except CatalogError as error:
        raise CatalogError(f"{part.source}: {error}") from error
    return replace(named, vectors=named.vectors[:0])


def _catalog(parts: Sequence[Part]) -> Catalog:
    """The catalog of parts that fit each other."""
    first = parts[0]
    ids = [product_id for part in parts for product_id in part.ids]
    attributes: dict[str, dict[str, str]] = {}
    for part in parts:
        for product_id, texts in zip(part.ids, part.attributes, strict=True):
            attributes.setdefault(product_id, {}).update(texts)
    rows = Rows(
        np.concatenate([part.rows for part in parts if part.rows is not None]),
        np.concatenate([part.scales for part in parts if part.scales is not None]),
    )
    numbers = np.concatenate(
        [
            np.zeros(len(part.ids), np.uint64) if part.confirmed is None else part.confirmed
            for part in parts
        ]
    )
    try:
        metadata, tensors = parsed_shared(first.shared) if first.shared else ({}, {})
        provenance = Provenance.read({"confirmed": numbers} if numbers.any() else {}, metadata)
        calibration = metadata.get("calibration")
        made = Contents(
            first.space or "",
            Calibration.from_dict(json.loads(calibration)) if calibration else Calibration(),
            CategoryAxes.read(tensors, rows.dim),
            *group_rows(ids, rows, attributes, provenance),
            Adaptation.read(tensors, rows.dim),
        )
        # What came from outside passes the checks of a catalog file.
        whole = Contents.read(made.tensors(), made.metadata() | {"version": str(made.version)})
        whole.products.check()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{first.source}: metadata that is none of ShelfLens ({why})") from error
    return Catalog([], np.empty((0, rows.dim), np.float32), space=whole.space).with_contents(whole)
