"""The catalog: embeddings of products in one memory-mapped file, and who is nearest."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog import container as store
from shelflens.catalog import scores as search
from shelflens.catalog.answer import Answer, Match, decide, shown
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.topk import nearest
from shelflens.errors import CatalogError, SpaceError
from shelflens.product_ids import check_rows


class Catalog:
    """Products and the embeddings of their pictures.

    A catalog does not change: `add` and `remove` give a new one, `save` replaces a file at once,
    so a reader sees the old catalog or the new one. Rows are grouped by product; products keep
    the order in which they came.
    """

    def __init__(
        self,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        space: str,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        calibration: Mapping[str, Any] | None = None,
        category_axes: CategoryAxes | None = None,
    ) -> None:
        """Make a catalog from embeddings.

        Args:
            ids: n product ids; an id that repeats has several pictures.
            vectors: float32 [n, d]; any length but zero, stored with length 1.
            space: The embedding space, `embedder.card.space`.
            attributes: Per product id, texts by column; `name` is shown to people.
            calibration: `threshold` and `margin`; usually `embedder.card.calibration`.
            category_axes: For `similar`; usually `Likeness.from_card(embedder.card.likeness)`.

        Raises:
            CatalogError: ids and vectors that do not fit each other, an id that cannot be
                printed on one line, NaN or a zero vector.
        """
        matrix = np.asarray(vectors, np.float32)
        check_rows(ids, matrix, space)
        rows, scales = search.quantize_rows(matrix)
        self.category_axes = category_axes or CategoryAxes()
        self._fill(
            list(ids), rows, scales, space, attributes or {}, calibration or {}, Provenance()
        )

    def _fill(
        self,
        ids: list[str],
        rows: NDArray[np.int8],
        scales: NDArray[np.float32],
        space: str,
        attributes: Mapping[str, Mapping[str, str]],
        calibration: Mapping[str, Any],
        views: Provenance,
    ) -> None:
        """Group rows by product; keep all else in order."""
        number = {product: place for place, product in enumerate(dict.fromkeys(ids))}
        owners = np.fromiter((number[one] for one in ids), np.int64, len(ids))
        # Enrolled pictures before confirmed ones, so that undoing gives the same file again.
        order = np.lexsort((views.of_rows(len(ids)), owners))
        self._rows, self._scales, owners = rows[order], scales[order], owners[order]
        bounds = np.searchsorted(owners, np.arange(len(number) + 1))
        table = [
            json.dumps(
                {"id": product, "attributes": {k: str(v) for k, v in _of(attributes, product)}},
                ensure_ascii=False,
                separators=(",", ":"),
            ).encode()
            for product in number
        ]
        self._bounds = bounds.astype(np.uint64)
        self._table = np.frombuffer(b"".join(table), np.uint8)
        self._places = np.cumsum([0, *map(len, table)], dtype=np.uint64)
        self._finish(space, dict(calibration), views.taken(order))

    def _finish(self, space: str, calibration: dict[str, Any], views: Provenance) -> None:
        self.space = space
        self.provenance = views
        self.calibration = calibration
        self.path: Path | None = None
        self.fingerprint = ""
        # A view, not a copy: opening must not read a table of a million numbers.
        self._first = self._bounds[:-1].view(np.int64)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Catalog:
        """Open a catalog file, memory-mapped: rows are read when they are first compared.

        Raises:
            CatalogError: not a catalog, cut short, damaged, or of a newer format.
            FileNotFoundError: no such file.
        """
        where = Path(path)
        tensors, facts = store.read(where)
        self = cls.__new__(cls)
        try:
            self._rows, self._scales = tensors["rows"], tensors["scales"]
            self._bounds, self._places = tensors["first_row"], tensors["first_byte"]
            self._table = tensors["products"]
            calibration = json.loads(facts["calibration"])
            space = facts["space"]
            count = len(self._rows)
            views = Provenance.read(tensors, facts, count)
            self.category_axes = CategoryAxes.read(tensors, self._rows.shape[-1])
            sound = (
                self._rows.ndim == 2
                and self._scales.shape == (count,)
                and len(self._bounds) == len(self._places) > 0
                and int(self._bounds[-1]) == count
                and int(self._places[-1]) == len(self._table)
            )
        except (KeyError, ValueError, TypeError) as error:
            raise CatalogError(f"{where}: catalog without {error}; build it again") from error
        if not sound:
            raise CatalogError(f"{where}: its tables do not fit each other; build it again")
        self._finish(space, calibration, views)
        self.path, self.fingerprint = where, facts["fingerprint"]
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the catalog; an old file stays whole until the new one is complete.

        Raises:
            OSError: no permission, no space, no such folder.
        """
        store.write(
            Path(path),
            {
                "rows": self._rows,
                "scales": self._scales,
                "first_row": self._bounds,
                "first_byte": self._places,
                "products": self._table,
                **self.provenance.tensors(),
                **self.category_axes.tensors(),
            },
            {
                "space": self.space,
                "calibration": json.dumps(self.calibration),
                **self.provenance.facts(),
            },
        )

    def verify(self) -> None:
        """Read an opened file whole and compare it with its checksums.

        Raises:
            CatalogError: the file is damaged.
        """
        if self.path is not None:
            store.verify(self.path, *store.read(self.path))

    def __len__(self) -> int:
        """Number of products."""
        return len(self._first)

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self._rows.shape[1])

    @property
    def ids(self) -> list[str]:
        """The product ids, in the order of the catalog."""
        return [self._product(number)["id"] for number in range(len(self))]

    @property
    def row_ids(self) -> list[str]:
        """The product id of every row."""
        counts = np.diff(self._bounds.astype(np.int64))
        return [one for one, count in zip(self.ids, counts, strict=True) for _ in range(count)]

    @property
    def attributes(self) -> dict[str, dict[str, str]]:
        """The attributes of every product, by id."""
        products = map(self._product, range(len(self)))
        return {product["id"]: dict(product["attributes"]) for product in products}

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The stored embeddings, float32 [n, d], rows of length 1; a copy."""
        wide: NDArray[np.float32] = self._rows.astype(np.float32) * self._scales[:, np.newaxis]
        return wide

    def require(self, space: str) -> None:
        """Refuse a model of another embedding space, whose scores would mean nothing.

        Raises:
            SpaceError: naming both spaces.
        """
        if space != self.space:
            raise SpaceError(
                f"{self.path or 'catalog'}: made in embedding space {self.space!r}, the model "
                f"speaks {space!r}; use the model it was built with, or build it again"
            )

    def match(self, vector: NDArray[np.float32], k: int = 5) -> list[Match]:
        """The k products nearest to an embedding.

        Args:
            vector: float32 [d], any length but zero.
            k: How many; more than the catalog has gives them all.

        Returns:
            Best first; one per product, scored by its mean direction and its best picture (see
            `_score`); equal scores by best picture, then in the order of the catalog.

        Raises:
            CatalogError: a vector of another shape, NaN or zero; k below 1.
        """
        query = self.unit(vector)
        if k < 1:
            raise CatalogError(f"k: expected at least 1, got {k}")
        if not len(self):
            return []
        most = max(k, search.SHORTLIST)
        near = nearest(self._rows, self._scales, self._first, query[np.newaxis], most)[0]
        scored = [
            (self._score(number, query, picture), number)
            for number, picture in zip(*(one.tolist() for one in near), strict=True)
        ]
        scored.sort(key=lambda one: -one[0])
        return [self.at(number, score) for score, number in scored[:k]]

    def _score(self, number: int, query: NDArray[np.float32], picture: float) -> float:
        """A product's score, from that of its best picture; with one picture they are the same.

        The best of many pictures is lucky: the more there are, the higher a stranger scores too.
        The mean direction is not.
        """
        if len(self.rows_of(number)) == 1:
            return picture
        mean = float(self.mean_direction(number) @ query)
        mixed = search.MEAN_SHARE * mean + (1 - search.MEAN_SHARE) * picture
        return max(mixed, 1 - search.FALL * (1 - picture))

    def unit(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """A query with length 1.

        Raises:
            CatalogError: a vector of another shape, NaN or zero.
        """
        query = np.asarray(vector, np.float32)
        if query.shape != (self.dim,):
            raise CatalogError(f"query: expected float32 [{self.dim}], got {list(query.shape)}")
        length = float(np.sqrt(query @ query))
        if not (math.isfinite(length) and length > 0):
            raise CatalogError("query: expected finite numbers that are not all zero")
        one: NDArray[np.float32] = query / np.float32(length)
        return one

    def answer(self, vector: NDArray[np.float32], k: int = 5) -> Answer:
        """Match an embedding and decide: match, ambiguous or unknown; see `match`, `decide`."""
        matches = self.match(vector, max(k, search.SHORTLIST))
        return shown(decide(matches, self.calibration), k)

    def at(self, number: int, score: float = 1.0) -> Match:
        """The product with this number (its place in `ids`), with a score."""
        product = self._product(number)
        attributes = product["attributes"]
        return Match(product["id"], attributes.get("name") or product["id"], score, attributes)

    def index_of(self, product: str) -> int:
        """The number of a product, found without parsing the others.

        Raises:
            CatalogError: no product of this id.
        """
        start = json.dumps({"id": product}, ensure_ascii=False, separators=(",", ":"))[:-1]
        found = self._find(start.encode())
        number = int(np.searchsorted(self._places, found)) if found >= 0 else -1
        if 0 <= number < len(self) and self._product(number)["id"] == product:
            return number
        if product in (ids := self.ids):  # a file of another writer may order its keys otherwise
            return ids.index(product)
        raise CatalogError(
            f"no product {product!r} in {self.path or 'the catalog'}; shelflens catalog info "
            "--json lists all ids"
        )

    def mentions(self, text: str) -> bool:
        """Whether the product table holds this text, without parsing it."""
        return self._find(text.encode()) >= 0

    def _find(self, text: bytes) -> int:
        """Where the product table first holds this text, or -1; read piece by piece."""
        step = 1 << 20
        for start in range(0, len(self._table), step):
            place = self._table[start : start + step + len(text) - 1].tobytes().find(text)
            if place >= 0:
                return start + place
        return -1

    def mean_direction(self, number: int) -> NDArray[np.float32]:
        """The mean of a product's pictures, float32 [d], length 1."""
        owned = self.rows_of(number)
        part = slice(owned.start, owned.stop)
        return search.direction(self._rows[part], self._scales[part])

    def best_row_scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """How near every product is: float32 [q, d], rows of length 1 -> float32 [q, p].

        One reading of the rows for all queries; a product's score is that of its best picture.
        """
        row_scores = self.row_scores(queries)
        return search.of_products(row_scores, self._first) if len(self) else row_scores

    def row_scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """How near every picture is: float32 [q, d], rows of length 1 -> float32 [q, n]."""
        if len(queries) == 1:
            return search.scores(self._rows, self._scales, queries[0])[np.newaxis]
        return search.score_table(self._rows, self._scales, queries)

    def add(
        self,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Catalog:
        """A new catalog with more pictures; a picture that is there already is not doubled.

        Args:
            ids: n product ids, new or known.
            vectors: float32 [n, d].
            attributes: Per product id; a known product's are overwritten column by column.

        Raises:
            CatalogError: as for a new catalog, or another d.
        """
        matrix = np.asarray(vectors, np.float32)
        check_rows(ids, matrix, self.space, dim=self.dim)
        rows, scales = search.quantize_rows(matrix)
        row_ids = self.row_ids
        there = {(one, row.tobytes()) for one, row in zip(row_ids, self._rows, strict=True)}
        new = [
            place
            for place, (one, row) in enumerate(zip(ids, rows, strict=True))
            if (one, row.tobytes()) not in there
        ]
        merged = self.attributes
        for product, columns in (attributes or {}).items():
            merged[product] = {**merged.get(product, {}), **columns}
        return self._remade(
            [*row_ids, *(ids[place] for place in new)],
            np.concatenate([self._rows, rows[new]]),
            np.concatenate([self._scales, scales[new]]),
            merged,
            self.provenance.grown(self.row_count, [0] * len(new)),
        )

    def remove(self, ids: Sequence[str]) -> Catalog:
        """A new catalog without these products.

        Raises:
            CatalogError: an id that the catalog does not have.
        """
        gone, known = set(ids), set(self.ids)
        if missing := [one for one in ids if one not in known]:
            raise CatalogError(
                f"no product {missing[0]!r} in the catalog; shelflens catalog info lists them"
            )
        row_ids = self.row_ids
        keep = [row for row, product in enumerate(row_ids) if product not in gone]
        return self._remade(
            [row_ids[row] for row in keep],
            self._rows[keep],
            self._scales[keep],
            self.attributes,
            self.provenance.taken(keep).without(gone),
        )

    def rows_of(self, number: int) -> range:
        """The rows of the product with this number."""
        return range(int(self._bounds[number]), int(self._bounds[number + 1]))

    def row(self, row: int) -> NDArray[np.int8]:
        """One stored row, int8 [d]."""
        return np.array(self._rows[row])

    def vectors_of(self, rows: range) -> NDArray[np.float32]:
        """Some of `vectors`, float32 [len(rows), d]."""
        part = slice(rows.start, rows.stop)
        wide: NDArray[np.float32] = self._rows[part].astype(np.float32)
        return wide * self._scales[part, np.newaxis]

    def replaced(
        self,
        gone: Sequence[int],
        ids: Sequence[str],
        rows: NDArray[np.int8],
        scales: NDArray[np.float32],
        steps: Sequence[int],
    ) -> Catalog:
        """A new catalog without some rows and with others, which carry confirmation numbers."""
        keep = np.setdiff1d(np.arange(self.row_count), gone)
        row_ids = self.row_ids
        return self._remade(
            [*(row_ids[row] for row in keep), *ids],
            np.concatenate([self._rows[keep], rows]),
            np.concatenate([self._scales[keep], scales]),
            self.attributes,
            self.provenance.taken(keep).grown(len(keep), steps),
        )

    def _remade(
        self,
        ids: list[str],
        rows: NDArray[np.int8],
        scales: NDArray[np.float32],
        attributes: Mapping[str, Mapping[str, str]],
        views: Provenance,
    ) -> Catalog:
        made = Catalog.__new__(Catalog)
        made.category_axes = self.category_axes
        made._fill(ids, rows, scales, self.space, attributes, self.calibration, views)
        return made

    def _product(self, number: int) -> dict[str, Any]:
        start, stop = int(self._places[number]), int(self._places[number + 1])
        product: dict[str, Any] = json.loads(self._table[start:stop].tobytes())
        return product


def _of(attributes: Mapping[str, Mapping[str, str]], product: str) -> list[tuple[str, str]]:
    return list(attributes.get(product, {}).items())
