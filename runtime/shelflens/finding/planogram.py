"""A planogram: which product should stand in which row of a shelf, and what differs from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelflens.errors import DataError
from shelflens.finding.shelf import Facing
from shelflens.ingest.decode import decode
from shelflens.ingest.rows import Row, find_delimiter, separator_line, split_rows
from shelflens.product_ids import clean_id

COLUMNS = ("product", "row", "facings")
"""Of the file; `row` counts from the top, 1 and up; without `facings` each line is one."""
MAX_FACINGS = 10_000
"""Of one line: a typing error, or a barcode in the wrong column, is above it."""


@dataclass(frozen=True)
class Comparison:
    """What a shelf shows beside what its planogram says."""

    missing: list[tuple[str, int, int]]
    """Product, row, and facings that are lacking there."""
    misplaced: list[Facing]
    """Facings of planned products in rows where they are not planned."""
    unplanned: list[Facing]
    """Facings of products of the catalog that the planogram does not name."""
    unsure: list[Facing]
    """Facings answered `ambiguous` or `unknown`."""

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values; facings by row and position."""

        def at(facings: list[Facing]) -> list[dict[str, Any]]:
            return [
                {"row": each.row, "position": each.position, "product": each.product}
                for each in facings
            ]

        return {
            "missing": [
                {"product": product, "row": row, "facings": count}
                for product, row, count in self.missing
            ],
            "misplaced": at(self.misplaced),
            "unplanned": at(self.unplanned),
            "unsure": at(self.unsure),
        }


def read_planogram(path: Path) -> Counter[tuple[str, int]]:
    """Facings by product and row.

    Raises:
        DataError: a file that is no such table; names the line.
        FileNotFoundError: no such file.
    """
    text = decode(path.read_bytes(), str(path))
    named, text = separator_line(text)

    def fits(cells: list[str]) -> bool:
        return {"product", "row"} <= {cell.strip().lower() for cell in cells}

    delimiter = named or find_delimiter(text, str(path), fits)
    rows = split_rows(text, delimiter, str(path))
    heading = [cell.strip().lower() for cell in rows[0].cells] if rows else []
    if not fits(heading):
        raise DataError(
            f"{path}: expected columns product and row, and facings where there are several; got "
            f"{', '.join(heading) or 'nothing'}"
        )
    planned: Counter[tuple[str, int]] = Counter()
    for row in rows[1:]:
        cells = dict(zip(heading, row.cells, strict=False))
        product = clean_id(cells.get("product", ""))
        if not product:
            raise DataError(f"{path} line {row.line}: no product; give its id")
        count = _number(cells.get("facings", "") or "1", path, row, "facings")
        planned[product, _number(cells.get("row", ""), path, row, "row")] += count
    if not planned:
        raise DataError(f"{path}: no rows below the heading; give one for each product")
    return planned


def compare(planned: Counter[tuple[str, int]], facings: Sequence[Facing]) -> Comparison:
    """Hold the facings of a shelf against its planogram, row by row."""
    products = {product for product, _ in planned}
    seen = Counter((each.product, each.row) for each in facings if each.product)
    missing = [
        (product, row, count - seen[product, row])
        for (product, row), count in sorted(planned.items(), key=lambda item: item[0][::-1])
        if count > seen[product, row]
    ]
    return Comparison(
        missing,
        misplaced=[
            each
            for each in facings
            if each.product in products and (each.product, each.row) not in planned
        ],
        unplanned=[each for each in facings if each.product and each.product not in products],
        unsure=[each for each in facings if not each.product],
    )


def _number(text: str, path: Path, row: Row, column: str) -> int:
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdecimal() and 0 < int(cleaned[:9]) <= MAX_FACINGS):
        raise DataError(
            f"{path} line {row.line}: {column} {cleaned!r}; expected a whole number from 1 to "
            f"{MAX_FACINGS:,}"
        )
    return int(cleaned)
