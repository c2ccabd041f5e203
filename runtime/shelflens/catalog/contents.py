"""What a catalog file holds: rows grouped by product, their provenance, and the calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.checks import (
    check_calibration,
    check_confirmed,
    check_dropped,
    check_scales,
    check_tables,
)
from shelflens.catalog.products import ProductTable
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.rows import Rows
from shelflens.errors import CatalogError
from shelflens.spelling import did_you_mean

ADAPTED_FORMAT = 2
"""Format number of an adapted catalog: a reader that does not know how must not answer from it."""

Attributes = Mapping[str, Mapping[str, str]]
"""Per product id, texts by column."""


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
    def read(cls, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Contents:
        """From the tensors and the metadata of a catalog file.

        Types, ranges and order are checked here; what costs time per row or product in `check`.

        Raises:
            KeyError, RecursionError, TypeError, ValueError: something is missing, or does not fit.
        """
        check_tables(tensors)
        rows, products = Rows(tensors["rows"], tensors["scales"]), ProductTable.read(tensors)
        check_confirmed(tensors.get("confirmed"), products.first_row, len(rows))
        check_dropped(metadata.get("dropped") or "[]", rows.dim)
        calibration = json.loads(metadata["calibration"])
        check_calibration(calibration)
        if not metadata["space"]:
            raise ValueError("no embedding space")
        adaptation = Adaptation.read(tensors, rows.dim)
        if adaptation and int(metadata["version"]) < ADAPTED_FORMAT:
            raise ValueError(f"an adaptation in format {metadata['version']:.9}")
        return cls(
            metadata["space"],
            Calibration.from_dict(calibration),
            CategoryAxes.read(tensors, rows.dim),
            products,
            rows,
            Provenance.read(tensors, metadata),
            adaptation,
        )

    def check(self, max_products: int | None = None) -> None:
        """Check every row and every product.

        Args:
            max_products: Products of a larger table are left for when each is asked for.

        Raises:
            CatalogError, ValueError: one that is none.
        """
        check_scales(self.rows.values, self.rows.scales)
        if max_products is None or len(self.products) <= max_products:
            self.products.check()

    def mean_direction(self, index: int) -> NDArray[np.float32]:
        """The mean direction of a product's rows, float32 [d], length 1."""
        rows = self.products.rows_of(index)
        return self.rows.mean_direction(slice(rows.start, rows.stop))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The tensors of the file."""
        return {
            "rows": self.rows.values,
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
        row_ids = self.products.row_ids
        known = {
            (product_id, row.tobytes())
            for product_id, row in zip(row_ids, self.rows.values, strict=True)
        }
        new = [
            index
            for index, (product_id, row) in enumerate(zip(ids, rows.values, strict=True))
            if (product_id, row.tobytes()) not in known
        ]
        merged = self.products.attributes
        for product_id, columns in attributes.items():
            merged[product_id] = {**merged.get(product_id, {}), **columns}
        return self._regrouped(
            [*row_ids, *(ids[index] for index in new)],
            self.rows.joined(rows.taken(new)),
            merged,
            self.provenance.grown(len(row_ids), [0] * len(new)),
        )

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
        gone, row_ids = set(ids), self.products.row_ids
        known = set(row_ids)
        if missing := [product_id for product_id in ids if product_id not in known]:
            raise CatalogError(
                f"no product {missing[0]!r} in the catalog; shelflens catalog info lists "
                f"them{did_you_mean(missing[0], self.products.ids)}"
            )
        keep = [row for row, product_id in enumerate(row_ids) if product_id not in gone]
        return self._regrouped(
            [row_ids[row] for row in keep],
            self.rows.taken(keep),
            self.products.attributes,
            self.provenance.taken(keep).without(gone),
        )

    def replaced(
        self, gone: Sequence[int], ids: Sequence[str], rows: Rows, confirmations: Sequence[int]
    ) -> Contents:
        """Without the rows `gone`, and with m others.

        Args:
            gone: Indices of rows.
            ids: m product ids.
            rows: m rows.
            confirmations: The number of the confirmation that added each of the m.
        """
        row_ids = self.products.row_ids
        keep = np.setdiff1d(np.arange(len(row_ids)), gone)
        return self._regrouped(
            [*(row_ids[row] for row in keep), *ids],
            self.rows.taken(keep).joined(rows),
            self.products.attributes,
            self.provenance.taken(keep).grown(len(keep), confirmations),
        )

    def _regrouped(
        self, ids: Sequence[str], rows: Rows, attributes: Attributes, provenance: Provenance
    ) -> Contents:
        products, rows, provenance = group_rows(ids, rows, attributes, provenance)
        return replace(self, products=products, rows=rows, provenance=provenance)


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
