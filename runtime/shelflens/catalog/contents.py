"""What a catalog file holds: rows grouped by product, their provenance, and the calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.change import changed_products
from shelflens.catalog.checks import (
    check_calibration,
    check_confirmed,
    check_dropped,
    check_tables,
)
from shelflens.catalog.prefix import prefix, prefix_dim
from shelflens.catalog.products import ProductTable
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.rows import Rows
from shelflens.catalog.splice import Array, joined, runs_of
from shelflens.errors import CatalogError, SpaceError

ADAPTED_FORMAT = 2
"""Format number of an adapted catalog: a reader that does not know how must not answer from it."""

Attributes = Mapping[str, Mapping[str, str]]
"""Per product id, texts by column."""


Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Contents:
    """n rows of p products, in one embedding space; every change gives a new one."""

    space: str
    calibration: Calibration
    category_axes: CategoryAxes
    products: ProductTable
    rows: Rows
    provenance: Provenance
    adaptation: Adaptation

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        rows: Rows,
        attributes: Attributes,
        *,
        space: str,
        calibration: Calibration,
        category_axes: CategoryAxes,
        adaptation: Adaptation,
    ) -> Contents:
        """Enrol n rows, with the product id of each."""
        groups = group_rows(ids, rows, attributes, Provenance())
        return cls(space, calibration, category_axes, *groups, adaptation)

    @classmethod
    def read(cls, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> Contents:
        """From the tensors and the metadata of a catalog file.

        Types, ranges and order are checked here; what costs time per row or product by `Source`.

        Raises:
            KeyError, RecursionError, TypeError, ValueError: something is missing, or does not fit.
        """
        check_tables(tensors)
        large = {name: tensors[name] for name in ("rows", "products")}
        plain = {name: joined(array) for name, array in tensors.items() if name not in large}
        rows, products = Rows(large["rows"], plain["scales"]), ProductTable.read(plain | large)
        check_confirmed(plain.get("confirmed"), products.first_row, len(rows))
        check_dropped(metadata.get("dropped") or "[]", rows.dim)
        calibration = json.loads(metadata["calibration"])
        check_calibration(calibration)
        if not metadata["space"]:
            raise ValueError("no embedding space")
        adaptation = Adaptation.read(plain, rows.dim)
        if adaptation and int(metadata["version"]) < ADAPTED_FORMAT:
            raise ValueError(f"an adaptation in format {metadata['version']:.9}")
        return cls(
            metadata["space"],
            Calibration.from_dict(calibration),
            CategoryAxes.read(plain, rows.dim),
            products,
            rows,
            Provenance.read(plain, metadata),
            adaptation,
        )

    def mean_direction(self, index: int) -> NDArray[np.float32]:
        """The mean direction of a product's rows, float32 [d], length 1."""
        rows = self.products.rows_of(index)
        return self.rows.mean_direction(slice(rows.start, rows.stop))

    def accepts(self, space: str) -> bool:
        """Whether embeddings of this space can be asked or added: those of the rows' own, or the
        longer ones that the rows are the first numbers of."""
        return space == self.space or prefix_dim(self.space, space) == self.rows.dim

    def require(self, space: str, name: object) -> None:
        """Refuse embeddings of another space, whose scores would mean nothing.

        Args:
            space: The model's.
            name: The catalog's, for the message.

        Raises:
            SpaceError: naming both spaces.
        """
        if not self.accepts(space):
            raise SpaceError(
                f"{name}: made in embedding space {self.space!r}, the model speaks {space!r}; "
                "use the model it was built with, or build it again"
            )

    def cut(self, vectors: Sequence[Floats] | Floats) -> Sequence[Floats] | Floats:
        """Embeddings as long as the rows and of length 1, where these are shortened; else as they
        are."""
        dim = self.rows.dim
        if not self.space.endswith(f":{dim}"):
            return vectors
        if isinstance(vectors, np.ndarray):
            return prefix(np.asarray(vectors, np.float32), dim)
        return [prefix(np.asarray(vector, np.float32), dim) for vector in vectors]

    def tensors(self) -> dict[str, Array]:
        """The tensors of the file."""
        return {
            "rows": self.rows.stored,
            "scales": self.rows.scales,
            **self.products.tensors(),
            **self.provenance.tensors(),
            **self.category_axes.tensors(),
            **self.adaptation.tensors(),
        }

    @property
    def version(self) -> int:
        """The lowest format number that holds this."""
        return ADAPTED_FORMAT if self.adaptation else 1

    def metadata(self) -> dict[str, str]:
        """The metadata of the file."""
        calibration = json.dumps(self.calibration.to_dict())
        return {"space": self.space, "calibration": calibration, **self.provenance.metadata()}

    def added(self, ids: Sequence[str], rows: Rows, attributes: Attributes) -> Contents:
        """With further rows; a row that its product has already is not doubled.

        Args:
            ids: m product ids, new or known.
            rows: m rows.
            attributes: A known product's are overwritten column by column.
        """
        new = [
            index
            for index, owner in enumerate(self.products.find_all(ids).tolist())
            if owner < 0 or not self.has_row(owner, rows.values[index])
        ]
        new_ids = [ids[index] for index in new]
        return self.edited([], new_ids, rows.taken(new), [0] * len(new), attributes)

    def has_row(self, product: int, row: NDArray[np.int8]) -> bool:
        """Whether a product has this row, int8 [d]."""
        owned = self.products.rows_of(product)
        return bool((self.rows.values[owned.start : owned.stop] == row).all(axis=1).any())

    def described(self, attributes: Attributes) -> Contents:
        """With other attributes of the products that are named; the rest keep theirs."""
        merged = {**self.products.attributes, **attributes}
        return replace(
            self, products=ProductTable.of(self.products.ids, self.products.first_row, merged)
        )

    def removed(self, ids: Sequence[str]) -> Contents:
        """Without these products.

        Raises:
            CatalogError: an id that is not there.
        """
        owners = self.products.find_all(ids).tolist()
        if missing := [
            product_id for product_id, owner in zip(ids, owners, strict=True) if owner < 0
        ]:
            raise CatalogError(
                f"no product {missing[0]!r} in the catalog; shelflens catalog info lists "
                f"them{self.products.spelled_alike(missing[0])}"
            )
        gone = [row for owner in owners for row in self.products.rows_of(owner)]
        smaller = self.edited(gone, [], Rows.empty(self.rows.dim), [])
        return replace(smaller, provenance=smaller.provenance.without(set(ids)))

    def edited(
        self,
        gone: Sequence[int],
        ids: Sequence[str],
        rows: Rows,
        numbers: Sequence[int],
        attributes: Attributes | None = None,
    ) -> Contents:
        """Without some rows and with m others; products without rows go.

        What stays is neither parsed nor copied.

        Args:
            gone: Indices of rows.
            ids: m product ids, new or known.
            rows: m rows; they come behind those of their product, enrolled before confirmed.
            numbers: The number of the confirmation that added each of the m, 0 for enrolled ones.
            attributes: Of new products, and of known ones, whose are overwritten column by column.
        """
        change = changed_products(self.products, gone, ids, attributes or {})
        at = [
            self._position(owner, number)
            for owner, number in zip(change.owners.tolist(), numbers, strict=True)
        ]
        order = np.lexsort((np.array(numbers, np.int64), change.owners, np.array(at, np.int64)))
        runs = runs_of(len(self.rows), change.gone, np.array(at, np.int64)[order])
        ordered = [numbers[index] for index in order.tolist()]
        return replace(
            self,
            products=self.products.edited(change.runs, change.records, change.first_row),
            rows=self.rows.edited(runs, rows.taken(order)),
            provenance=self.provenance.edited(runs, ordered),
        )

    def _position(self, product: int, number: int) -> int:
        """Before which row a new one of a product comes."""
        if product >= len(self.products):
            return len(self.rows)
        owned = self.products.rows_of(product)
        if (confirmations := self.provenance.confirmations) is None:
            return owned.stop
        own = confirmations[owned.start : owned.stop]
        return owned.start + int(np.searchsorted(own, np.uint64(number), side="right"))


def group_rows(
    ids: Sequence[str], rows: Rows, attributes: Attributes, provenance: Provenance
) -> tuple[ProductTable, Rows, Provenance]:
    """Group n rows by product, in the order in which the products come first.

    Args:
        ids: n product ids.
        rows: n rows.
        attributes: Of the products.
        provenance: Of the rows.
    """
    index_of = {product_id: index for index, product_id in enumerate(dict.fromkeys(ids))}
    owners = np.fromiter((index_of[product_id] for product_id in ids), np.int64, len(ids))
    # Enrolled images before confirmed photos, so that undoing gives the same file again.
    order = np.lexsort((provenance.of_rows(len(ids)), owners))
    bounds = np.searchsorted(owners[order], np.arange(len(index_of) + 1)).astype(np.uint64)
    products = ProductTable.of(list(index_of), bounds, attributes)
    return products, rows.taken(order), provenance.taken(order)
