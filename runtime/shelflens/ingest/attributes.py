"""The attributes of products, gathered from the rows of a table."""

from __future__ import annotations

from shelflens.ingest.table import ProductRow


class Attributes:
    """The attributes of products, row by row; the first value of a column counts."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, str]] = {}
        """Texts by column, per product id."""
        self.notes: list[str] = []
        """Which rows do not agree."""
        self._lines: dict[tuple[str, str], int] = {}

    def add(self, row: ProductRow) -> None:
        """Take a row in."""
        known = self.columns.setdefault(row.product, {})
        for key, text in row.attributes.items():
            if known.setdefault(key, text) != text:
                first = self._lines[row.product, key]
                self.notes.append(
                    f"lines {first} and {row.line} do not agree: product {row.product!r} has {key} "
                    f"{known[key][:40]!r} and {text[:40]!r}; the first counts"
                )
            self._lines.setdefault((row.product, key), row.line)
