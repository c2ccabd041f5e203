"""The catalog: embeddings of products in one memory-mapped file, and which product is nearest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.answer import Answer, Match, answers, match_of, matches_of
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.contents import Contents
from shelflens.catalog.nearest import CACHED, Nearest, Vectors, nearest_products, unit_queries
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.rows import Rows
from shelflens.catalog.scores import MATCH_CANDIDATES, best_row_scores
from shelflens.catalog.source import Source, open_source, save_contents
from shelflens.errors import CatalogError
from shelflens.files import Check
from shelflens.product_ids import check_rows


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Catalog:
    """Products and the embeddings of their images.

    A catalog does not change: `add`, `remove`, `with_calibration` give a new one. Rows are grouped
    by product; products keep the order in which they came. A product's index is that in `ids`.
    """

    contents: Contents
    """What the file holds."""
    path: Path | None
    """The file it was opened from; None for one that was made in memory."""
    fingerprint: str
    """SHA-256 of that file's content, or empty."""
    source: Source | None
    """The opened file that the rows, or some of them, are read from."""

    def __init__(
        self,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        space: str,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        calibration: Calibration | None = None,
        category_axes: CategoryAxes | None = None,
        adaptation: Adaptation | None = None,
    ) -> None:
        """Make a catalog from embeddings; `build_catalog` makes it from images.

        Args:
            ids: n product ids; an id that repeats has several rows.
            vectors: float32 [n, d]; any length but zero, stored with length 1.
            space: The embedding space, `embedder.card.space`.
            attributes: Per product id, texts by column; `name` is shown to people.
            calibration: Usually `Calibration.from_dict(embedder.card.calibration)`.
            category_axes: For `similar`; usually `CategoryAxes.from_card(card.category_axes)`.
            adaptation: Multiplied with these embeddings, and with every query.

        Raises:
            CatalogError: ids and vectors that do not fit, an id that is none, NaN, a zero vector.
        """
        matrix, made = np.asarray(vectors, np.float32), adaptation or Adaptation()
        check_rows(ids, matrix, space)
        contents = Contents.of(
            ids,
            Rows.of(made.applied(matrix)),
            attributes or {},
            space=space,
            calibration=calibration or Calibration(),
            category_axes=category_axes or CategoryAxes(),
            adaptation=made,
        )
        vars(self).update(contents=contents, path=None, fingerprint="", source=None)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, check: Check | None = None) -> Catalog:
        """Open a catalog file, and check it; see `open_source`, also for `check`.

        Raises:
            CatalogError: not a catalog, cut short, damaged, or of a newer format.
            FileNotFoundError: no such file.
        """
        source, opened = open_source(path, check), cls.__new__(cls)
        vars(opened).update(contents=source.contents, source=source)
        vars(opened).update(path=source.path, fingerprint=source.fingerprint)
        return opened

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the catalog; an old file stays whole until the new one is complete.

        Raises:
            OSError: no permission, no space, no such folder; or the file that the catalog came from
                was overwritten in place since it was opened.
        """
        save_contents(path, self.contents, self.source)

    def verify(self) -> None:
        """Read what was opened whole: checksums, rows, and the record of every product.

        Raises:
            CatalogError: the file is damaged.
        """
        if self.source is not None:
            self.source.verify()

    def _require_unchanged(self) -> None:
        if self.source is not None:
            self.source.require_unchanged()

    def require(self, space: str) -> None:
        """Refuse a model of another embedding space (`Contents.require`)."""
        self.contents.require(space, self.path or "catalog")

    @property
    def space(self) -> str:
        """The embedding space; a model of another one is refused."""
        return self.contents.space

    @property
    def calibration(self) -> Calibration:
        """What `answer` goes by."""
        return self.contents.calibration

    @property
    def category_axes(self) -> CategoryAxes:
        """What `similar` goes by beside the whole embedding."""
        return self.contents.category_axes

    @property
    def provenance(self) -> Provenance:
        """Where each row comes from."""
        return self.contents.provenance

    @property
    def adaptation(self) -> Adaptation:
        """The matrix of rows and queries; see `queries`."""
        return self.contents.adaptation

    def __len__(self) -> int:
        """Number of products."""
        return len(self.contents.products)

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.contents.rows)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.contents.rows.dim

    @property
    def ids(self) -> list[str]:
        """The product ids, in the order of the catalog."""
        return self.contents.products.ids

    @property
    def row_ids(self) -> list[str]:
        """The product id of every row."""
        return self.contents.products.row_ids

    @property
    def attributes(self) -> dict[str, dict[str, str]]:
        """The attributes of every product, by id."""
        return self.contents.products.attributes

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The stored rows, float32 [n, d], of length 1; a copy. See `queries`."""
        return self.contents.rows.vectors()

    def at(self, index: int, score: float = 1.0) -> Match:
        """The product with this index, with a score."""
        return match_of(self.contents.products.record(index), score)

    def index_of(self, product_id: str) -> int:
        """The index of a product, found without parsing the products before it.

        Raises:
            CatalogError: no product of this id.
        """
        self._require_unchanged()
        return self.contents.products.index_of(product_id)

    def rows_of(self, index: int) -> range:
        """The rows of a product."""
        return self.contents.products.rows_of(index)

    def vectors_of(self, rows: range) -> NDArray[np.float32]:
        """Part of `vectors`, float32 [len(rows), d]."""
        return self.contents.rows.vectors(slice(rows.start, rows.stop))

    def mean_direction(self, index: int) -> NDArray[np.float32]:
        """The mean direction of a product's rows, float32 [d], length 1."""
        return self.contents.mean_direction(index)

    def row_scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score of every row: float32 [q, d], as `queries` gives them -> float32 [q, n]."""
        self._require_unchanged()
        return self.contents.rows.scores(queries)

    def best_row_scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score of every product's best row: float32 [q, d], see `queries` -> float32 [q, p]."""
        scores = self.row_scores(queries)
        return best_row_scores(scores, self.contents.products.first_rows) if len(self) else scores

    def queries(self, vectors: Vectors) -> NDArray[np.float32]:
        """Embeddings as this catalog's rows are: of length 1, adapted; float32 [q, d].

        Raises:
            CatalogError: a vector of another shape, NaN or zero.
        """
        return self.adaptation.applied(unit_queries(self.contents, vectors))

    def match(self, vector: NDArray[np.float32], k: int = 5) -> list[Match]:
        """The k products nearest to an embedding, best first.

        A product is scored by its mean direction and its best row, see `nearest_products`.

        Args:
            vector: float32 [d], any length but zero.
            k: How many; more than the catalog has gives them all.

        Raises:
            CatalogError: a vector of another shape, NaN or zero; k below 1.
        """
        return self.match_many([vector], k)[0]

    def match_many(self, vectors: Vectors, k: int = 5) -> list[list[Match]]:
        """`match` for several embeddings, faster than one after the other."""
        return matches_of(
            self.nearest(vectors, k), lru_cache(CACHED)(self.contents.products.record)
        )

    def nearest(self, vectors: Vectors, k: int = 5) -> Nearest:
        """`match_many` as two tables: product indices int64 [q, c] and scores float64 [q, c]."""
        if k < 1:
            raise CatalogError(f"k: expected at least 1, got {k}")
        queries = self.queries(vectors)
        self._require_unchanged()
        return nearest_products(self.contents, queries, k)

    def answer(self, vector: NDArray[np.float32], k: int = 5) -> Answer:
        """Match an embedding and decide: match, ambiguous or unknown; see `match`, `decide`."""
        return next(self.answer_many([vector], k))

    def answer_many(self, vectors: Vectors, k: int = 5) -> Iterator[Answer]:
        """`answer` for several embeddings, the same and faster than one after the other."""
        record = lru_cache(CACHED)(self.contents.products.record)
        for start in range(0, len(vectors), CACHED):
            nearest = self.nearest(vectors[start : start + CACHED], max(k, MATCH_CANDIDATES))
            yield from answers(nearest, record, len(self), self.calibration, k)

    def add(
        self,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Catalog:
        """A new catalog with more rows; a row that is there already is not doubled.

        Args:
            ids: n product ids, new or known.
            vectors: float32 [n, d]; longer ones where rows are shortened.
            attributes: Per product id; a known product's are overwritten column by column.

        Raises:
            CatalogError: as for a new catalog, or another d.
        """
        matrix = np.asarray(self.contents.cut(vectors), np.float32)
        check_rows(ids, matrix, self.space, dim=self.dim)
        rows = Rows.of(self.adaptation.applied(matrix))
        return self.with_contents(self.contents.added(ids, rows, attributes or {}))

    def remove(self, ids: Sequence[str]) -> Catalog:
        """A new catalog without these products; CatalogError for an id that it does not have."""
        return self.with_contents(self.contents.removed(ids))

    def with_calibration(self, calibration: Calibration) -> Catalog:
        """A new catalog with another calibration."""
        return self.with_contents(replace(self.contents, calibration=calibration))

    def with_contents(self, contents: Contents) -> Catalog:
        """A new catalog that holds this; it is no file yet."""
        changed = Catalog.__new__(Catalog)
        vars(changed).update(contents=contents, path=None, fingerprint="", source=self.source)
        return changed
