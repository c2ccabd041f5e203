"""The product table of a catalog: id, attributes and rows of every product.

The products are kept as the bytes of the file and parsed one by one when they are asked for, so
that a catalog of 100,000 products opens without reading them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import CatalogError
from shelflens.product_ids import check_id
from shelflens.spelling import did_you_mean

_SEARCH_BYTES = 1 << 20
"""Bytes of the table that are searched at a time."""


@dataclass(frozen=True)
class ProductTable:
    """p products in the order of the catalog."""

    records: NDArray[np.uint8]
    """uint8 [m]: one JSON object per product, UTF-8, without separator."""
    first_byte: NDArray[np.uint64]
    """uint64 [p + 1]: where each product's record begins, and m."""
    first_row: NDArray[np.uint64]
    """uint64 [p + 1]: where each product's rows begin, and how many rows there are."""

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
        records = []
        for product_id in ids:
            columns = {key: str(text) for key, text in attributes.get(product_id, {}).items()}
            records.append(_json({"id": product_id, "attributes": columns}))
        return cls(
            np.frombuffer(b"".join(records), np.uint8),
            np.cumsum([0, *map(len, records)], dtype=np.uint64),
            first_row,
        )

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[Any]]) -> ProductTable:
        """From the tensors of a catalog file.

        Raises:
            KeyError: one is missing.
        """
        return cls(tensors["products"], tensors["first_byte"], tensors["first_row"])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The tensors of the file."""
        return {
            "products": self.records,
            "first_byte": self.first_byte,
            "first_row": self.first_row,
        }

    def __len__(self) -> int:
        """Number of products."""
        return len(self.first_row) - 1

    @property
    def ids(self) -> list[str]:
        """The product ids, in the order of the catalog."""
        return [self.record(index)["id"] for index in range(len(self))]

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
        records = map(self.record, range(len(self)))
        return {record["id"]: dict(record["attributes"]) for record in records}

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """The first row of every product, int64 [p]; a view, for opening must not read it."""
        return self.first_row[:-1].view(np.int64)

    def rows_of(self, index: int) -> range:
        """The rows of a product."""
        return range(int(self.first_row[index]), int(self.first_row[index + 1]))

    def record(self, index: int) -> dict[str, Any]:
        """A product: `id` and `attributes`, both texts.

        Raises:
            CatalogError: the record is damaged, or was never one.
        """
        start, stop = int(self.first_byte[index]), int(self.first_byte[index + 1])
        return _parsed(self.records[start:stop].tobytes(), index)

    def check(self) -> None:
        """Parse every record.

        Raises:
            CatalogError: one that is none, or two of the same id.
        """
        if len(set(self.ids)) < len(self):
            raise CatalogError("two products of the same id in the catalog; build it again")

    def find(self, product_id: str) -> int | None:
        """The index of a product, found without parsing the products before it, or None."""
        offset = self._find(_json({"id": product_id})[:-1])
        index = int(np.searchsorted(self.first_byte, offset)) if offset >= 0 else -1
        if 0 <= index < len(self) and self.record(index)["id"] == product_id:
            return index
        if product_id in (ids := self.ids):  # another writer may order the keys otherwise
            return ids.index(product_id)
        return None

    def index_of(self, product_id: str) -> int:
        """The index of a product.

        Raises:
            CatalogError: no product of this id; names those spelled alike.
        """
        if (index := self.find(product_id)) is not None:
            return index
        raise CatalogError(
            f"no product {product_id!r} in the catalog; shelflens catalog info --json lists all "
            f"ids{did_you_mean(product_id, self.ids)}"
        )

    def mentions(self, text: str) -> bool:
        """Whether a record holds this text, found without parsing them."""
        return self._find(text.encode()) >= 0

    def _find(self, text: bytes) -> int:
        """Where the records first hold this text, or -1; read piece by piece."""
        for start in range(0, len(self.records), _SEARCH_BYTES):
            piece = self.records[start : start + _SEARCH_BYTES + len(text) - 1]
            offset = piece.tobytes().find(text)
            if offset >= 0:
                return start + offset
        return -1


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(data: bytes, index: int) -> dict[str, Any]:
    try:
        record = json.loads(data.decode())
        check_id(record["id"])
        attributes = record["attributes"]
        if type(attributes) is not dict or not all(type(v) is str for v in attributes.values()):
            raise ValueError("attributes that are not texts")
        if b"\\u" in data:  # half a character cannot be shown
            "".join([*attributes, *attributes.values()]).encode()
    except (ValueError, KeyError, TypeError, RecursionError, CatalogError) as error:
        raise CatalogError(
            f"product {index} of the catalog: damaged ({_short(error)}); copy or build the "
            "catalog again"
        ) from error
    found: dict[str, Any] = record
    return found


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]
