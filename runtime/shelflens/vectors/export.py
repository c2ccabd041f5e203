"""A catalog's rows as one Parquet file, or as `.npy` shards with their metadata.

The shards are laid out as clip-retrieval and autofaiss lay theirs: `img_emb/img_emb_0.npy`,
`metadata/metadata_0.parquet`, and so on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.errors import CatalogError, DataError
from shelflens.files import atomic_writer
from shelflens.vectors.parquet import write_parquet
from shelflens.vectors.parts import Part, shared_text

GROUP_ROWS = 32_768
"""Rows of a row group: 32 MiB of 256 dimensions in float32."""

SHARD_ROWS = 131_072
"""Rows of a `.npy` file."""

EMBEDDINGS = ("img_emb", "img_emb_{}.npy")
METADATA = ("metadata", "metadata_{}.parquet")


def export_parquet(catalog: Catalog, out: Path) -> None:
    """Write all rows into one file; an old file stays whole until the new one is complete.

    Raises:
        CatalogError: a catalog without rows.
        DataError: pyarrow is not installed.
        OSError: no permission, no space, no such folder.
    """
    parts = catalog_parts(catalog, GROUP_ROWS)
    with atomic_writer(out) as stream:
        write_parquet(stream, parts, catalog.dim, vectors=True)


def export_shards(catalog: Catalog, out: Path, *, shard_rows: int = SHARD_ROWS) -> int:
    """Write all rows into a folder that is not there yet, or is empty; it appears whole.

    Returns:
        How many shards.

    Raises:
        CatalogError, DataError, OSError: as `export_parquet`.
        DataError: the folder holds something.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out}: exists; give a new folder, or a file that ends with .parquet")
    count = 0
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as name:
        made = Path(name) / "made"
        for folder, _ in (EMBEDDINGS, METADATA):
            (made / folder).mkdir(parents=True)
        for part in catalog_parts(catalog, shard_rows):
            folder, file = EMBEDDINGS
            np.save(made / folder / file.format(count), part.vectors)
            folder, file = METADATA
            with (made / folder / file.format(count)).open("wb") as stream:
                write_parquet(stream, [part], catalog.dim, vectors=False)
            count += 1
        made.replace(out)
    return count


def catalog_parts(catalog: Catalog, size: int) -> Iterator[Part]:
    """All rows in their order, so many at a time.

    Raises:
        CatalogError: there are none.
    """
    contents = catalog.contents
    if not len(contents.rows):
        raise CatalogError(f"{catalog.path or 'catalog'}: has no rows; there is nothing to export")
    shared, ids, attributes = shared_text(contents), catalog.row_ids, catalog.attributes
    numbers = contents.provenance.of_rows(len(ids))
    bounds = [*range(0, len(ids), size), len(ids)]
    for start, stop in pairwise(bounds):
        yield Part(
            str(catalog.path),
            ids[start:stop],
            [attributes[product_id] for product_id in ids[start:stop]],
            catalog.vectors_of(range(start, stop)),
            contents.rows.values[start:stop],
            contents.rows.scales[start:stop],
            numbers[start:stop],
            contents.space,
            shared,
        )
