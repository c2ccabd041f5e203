"""The product table of a catalog: id, attributes and rows of every product.

The products are kept as the bytes of the file and parsed one by one when they are asked for, so
that a catalog of 100,000 products opens without reading them; an index finds a product by its id.
A change leaves the bytes of the products that stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.id_index import (
    INDEXED_PRODUCTS,
    Index,
    candidates,
    check_index,
    hashes_of,
    index_of_ids,
    moved_index,
)
from shelflens.catalog.records import encoded, parsed_record, record_start
from shelflens.catalog.splice import Array, Runs, Spliced, bounds_of, joined, spliced_bounds
from shelflens.errors import CatalogError
from shelflens.spelling import did_you_mean

_PARSED_AT_ONCE = 1024
_SPELLED_PRODUCTS = 10_000
_SEARCH_BYTES = 1 << 20
"""Bytes of the table that are searched at a time."""


@dataclass(frozen=True)
class ProductTable:
    """p products in the order of the catalog."""

    stored: Array
    """uint8 [m]: one JSON object per product, UTF-8, without separator."""
    first_byte: NDArray[np.uint64]
    """uint64 [p + 1]: where each product's record begins, and m."""
    first_row: NDArray[np.uint64]
    """uint64 [p + 1]: where each product's rows begin, and how many rows there are."""
    stored_index: Index | None = None
    """Of the ids; None where the file has none."""

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        first_row: NDArray[np.uint64],
        attributes: Mapping[str, Mapping[str, str]],
    ) -> ProductTable:
        """Make the table of p products; ids of `attributes` that are not among them are left out.

        Args:
            ids: p product ids.
            first_row: uint64 [p + 1].
            attributes: Per product id, texts by column.
        """
        records = [encoded(product_id, attributes.get(product_id, {})) for product_id in ids]
        return cls(
            np.frombuffer(b"".join(records), np.uint8),
            bounds_of(list(map(len, records))),
            first_row,
            index_of_ids(ids) if len(ids) > INDEXED_PRODUCTS else None,
        )

    @classmethod
    def read(cls, tensors: Mapping[str, Array]) -> ProductTable:
        """From the tensors of a catalog file.

        Raises:
            KeyError, ValueError: one is missing, or an index that is none.
        """
        index = joined(tensors["id_hashes"]) if "id_hashes" in tensors else None
        first_byte, first_row = joined(tensors["first_byte"]), joined(tensors["first_row"])
        if index is not None:
            check_index(index, len(first_row) - 1)
        return cls(tensors["products"], first_byte, first_row, index)

    def tensors(self) -> dict[str, Array]:
        """The tensors of the file."""
        required = {
            "products": self.stored,
            "first_byte": self.first_byte,
            "first_row": self.first_row,
        }
        return {**required, "id_hashes": self.index} if len(self) > INDEXED_PRODUCTS else required

    @property
    def records(self) -> NDArray[np.uint8]:
        """The bytes of the table; of a changed one they are copied when this is asked first."""
        return joined(self.stored)

    @cached_property
    def index(self) -> Index:
        """Of the ids; where the file has none every record is parsed, once."""
        return index_of_ids(self.ids) if self.stored_index is None else self.stored_index

    def __len__(self) -> int:
        """Number of products."""
        return len(self.first_row) - 1

    @property
    def ids(self) -> list[str]:
        """The product ids, in the order of the catalog."""
        return [record["id"] for record in self._parsed_all()]

    @property
    def row_ids(self) -> list[str]:
        """The product id of every row."""
        counts = np.diff(self.first_row.astype(np.int64))
        return [
            product_id
            for product_id, count in zip(self.ids, counts, strict=True)
            for _ in range(count)
        ]

    @property
    def attributes(self) -> dict[str, dict[str, str]]:
        """The attributes of every product, by id."""
        return {record["id"]: record["attributes"] for record in self._parsed_all()}

    def _parsed_all(self) -> Iterator[dict[str, Any]]:
        """Every record in order; parsed in parts, for asking the tables one by one takes longer."""
        for part in range(0, len(self), _PARSED_AT_ONCE):
            bounds = self.first_byte[part : part + _PARSED_AT_ONCE + 1].tolist()
            first = bounds[0]
            data = self.records[first : bounds[-1]].tobytes()
            for index, (start, stop) in enumerate(pairwise(bounds), part):
                yield parsed_record(data[start - first : stop - first], index)

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """The first row of every product, int64 [p]; a view, for opening must not read it."""
        return self.first_row[:-1].view(np.int64)

    def rows_of(self, index: int) -> range:
        """The rows of a product."""
        return range(int(self.first_row[index]), int(self.first_row[index + 1]))

    def row_counts(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many rows products have: indices of any shape -> int64 of that shape."""
        bounds = self.first_row.view(np.int64)
        return bounds[indices + 1] - bounds[indices]

    def record(self, index: int) -> dict[str, Any]:
        """A product: `id` and `attributes`, both texts.

        Raises:
            CatalogError: the record is damaged, or was never one.
        """
        return parsed_record(self.record_bytes(index), index)

    def record_bytes(self, index: int) -> bytes:
        """A product as the table has it."""
        start, stop = int(self.first_byte[index]), int(self.first_byte[index + 1])
        return self.records[start:stop].tobytes()

    def check(self) -> None:
        """Parse every record.

        Raises:
            CatalogError: one that is none, or two of the same id.
        """
        ids = self.ids
        if len(set(ids)) < len(self):
            raise CatalogError("two products of the same id in the catalog; build it again")
        if self.stored_index is not None and not np.array_equal(
            self.stored_index, index_of_ids(ids)
        ):
            raise CatalogError("the index of ids is another catalog's; build it again")

    def check_few(self, limit: int) -> None:
        """Parse every record of a table of at most so many products; leave a larger one.

        Raises:
            CatalogError: as `check`.
        """
        if len(self) <= limit:
            self.check()

    def find(self, product_id: str) -> int | None:
        """The index of a product, found without parsing the products before it, or None."""
        index = -1
        if self.stored_index is None and "index" not in vars(self):
            index = self._searched(product_id)  # of an older file, sooner than parsing all
        if index < 0:
            index = int(self.find_all([product_id])[0])
        return index if index >= 0 else None

    def index_of(self, product_id: str) -> int:
        """The index of a product.

        Raises:
            CatalogError: no product of this id; of a table that is parsed soon, names those spelled
                alike.
        """
        if (index := self.find(product_id)) is not None:
            return index
        raise CatalogError(
            f"no product {product_id!r} in the catalog; shelflens catalog info --json lists all "
            f"ids{self.spelled_alike(product_id)}"
        )

    def spelled_alike(self, product_id: str) -> str:
        """`; did you mean ...?`, or nothing; a table that takes long to parse is not parsed."""
        return did_you_mean(product_id, self.ids) if len(self) <= _SPELLED_PRODUCTS else ""

    def find_all(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The index of every product, int64 [m]; -1 for one that is not there."""
        return np.array(
            [
                self._found(product_id, hashed)
                for product_id, hashed in zip(ids, hashes_of(ids).tolist(), strict=True)
            ],
            np.int64,
        )

    def _found(self, product_id: str, hashed: int) -> int:
        for index in candidates(self.index, hashed):
            if self.record(index)["id"] == product_id:
                return index
        return -1

    def edited(
        self,
        runs: Runs,
        records: Sequence[tuple[str, bytes]],
        first_row: NDArray[np.uint64],
    ) -> ProductTable:
        """With other products.

        Args:
            runs: Which products stay, and where the new ones come.
            records: Ids and records of the new ones.
            first_row: uint64 [p + 1], then.
        """
        lengths = np.array([len(record) for _, record in records], np.int64)
        new_first, used = bounds_of(lengths).view(np.int64), np.cumsum(runs[:, 2])
        first, starts = self.first_byte.view(np.int64), runs[:, 0]
        new_bytes = new_first[used] - new_first[used - runs[:, 2]]
        old_bytes = first[starts + runs[:, 1]] - first[starts]
        byte_runs = np.stack([first[starts], old_bytes, new_bytes], axis=1)
        new = np.frombuffer(b"".join(record for _, record in records), np.uint8)
        index = None
        if len(first_row) - 1 > INDEXED_PRODUCTS:
            index = moved_index(self.index, runs, [product_id for product_id, _ in records])
        return ProductTable(
            Spliced(self.records, new, byte_runs),
            spliced_bounds(self.first_byte, lengths, runs),
            first_row,
            index,
        )

    def _searched(self, product_id: str) -> int:
        """The index of a product whose record begins as ours do, or -1."""
        offset = self._find(record_start(product_id))
        index = int(np.searchsorted(self.first_byte, np.uint64(offset))) if offset >= 0 else -1
        return index if 0 <= index < len(self) and self.record(index)["id"] == product_id else -1

    def mentions(self, text: str) -> bool:
        """Whether a record holds this text, found without parsing them."""
        return self._find(text.encode()) >= 0

    def holding_digits(self, digits: str) -> list[int]:
        """The indices of the records that hold these digits, blanks and hyphens between them or
        not, found without parsing the records; rising."""
        pattern = re.compile("[ -]?".join(digits).encode())
        offsets = []
        for start in range(0, len(self.records), _SEARCH_BYTES):
            piece = self.records[start : start + _SEARCH_BYTES + 2 * len(digits)].tobytes()
            offsets += [start + match.start() for match in pattern.finditer(piece)]
        found = np.searchsorted(self.first_byte, np.array(offsets, np.uint64), side="right") - 1
        return sorted(set(found.tolist()))

    def _find(self, text: bytes) -> int:
        """Where the records first hold this text, or -1; they are read piece by piece."""
        for start in range(0, len(self.records), _SEARCH_BYTES):
            piece = self.records[start : start + _SEARCH_BYTES + len(text) - 1].tobytes()
            if (offset := piece.find(text)) >= 0:
                return start + offset
        return -1
