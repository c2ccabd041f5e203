"""Conditions on a product's attributes: `category=Milk`, `price<30`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shelflens.catalog.catalog import Catalog
from shelflens.discovery.numbers import parse_number
from shelflens.errors import DataError
from shelflens.spelling import did_you_mean

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ORDERS = ("<", "<=", ">", ">=")
_PATTERN = re.compile(r"\s*([^=!<>]+?)\s*(<=|>=|!=|==|=|<|>)\s*(.*?)\s*", re.S)


def values(text: str) -> list[str]:
    """The single values of an attribute: `vegan | organic` and `vegan; organic` hold two."""
    return [part.strip() for part in re.split(r"[|;]", text) if part.strip()]


@dataclass(frozen=True)
class Condition:
    """A column compared with a value."""

    column: str
    relation: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read `column RELATION value`; the relation is one of = != < <= > >=.

        Raises:
            DataError: another form.
        """
        parsed = _PATTERN.fullmatch(text)
        if not parsed or not parsed[3]:
            raise DataError(
                f"condition {text!r}: expected COLUMN=VALUE, or one of != < <= > >= between them "
                "(in quotes: a shell reads < and > itself)"
            )
        return cls(parsed[1], parsed[2].replace("==", "="), parsed[3])

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether a product meets it.

        Numbers (`parse_number`) are compared as numbers when both sides are numbers, texts without
        regard to case.
        Of several values (`vegan | organic`) one that meets the condition is enough; `!=` must hold
        for all of them. A product without the column meets `!=` only; order between a number and a
        text is never met.
        """
        if self.relation == "!=":
            return not Condition(self.column, "=", self.value).holds(attributes)
        compare = _RELATIONS[self.relation]
        wanted = parse_number(self.value)
        for text in values(attributes.get(self.column, "")):
            number = parse_number(text)
            if wanted is not None and number is not None:
                met = compare(number, wanted)
            else:
                as_texts = self.relation == "=" or (wanted is None and number is None)
                met = as_texts and compare(text.casefold(), self.value.casefold())
            if met:
                return True
        return False


def conditions(where: Sequence[str], catalog: Catalog) -> list[Condition]:
    """Parse conditions and check that the catalog has their columns.

    Raises:
        DataError: a condition of another form, a column that no product has, or an order that
            compares a number with texts.
    """
    parsed = [Condition.parse(text) for text in where]
    require_columns([condition.column for condition in parsed], catalog)
    for condition in parsed:
        if condition.relation in _ORDERS:
            _require_numbers(condition, catalog)
    return parsed


def not_numbers(where: Sequence[str], catalog: Catalog) -> list[str]:
    """What to say of columns that are compared as numbers: in how many products they are none.

    Raises:
        DataError: as `conditions`; or a value that no product has.
    """
    lines = []
    for condition in conditions(where, catalog):
        if condition.relation == "=":
            _require_value(condition, catalog)
        if condition.relation in _ORDERS and parse_number(condition.value) is not None:
            texts, count = _texts(condition.column, catalog)
            if texts:
                lines.append(_said(condition.column, texts, count))
    return lines


def _require_value(condition: Condition, catalog: Catalog) -> None:
    products = (catalog.at(index).attributes for index in range(len(catalog)))
    if any(map(condition.holds, products)):
        return
    column = condition.column
    known = {text for row in catalog.attributes.values() for text in values(row.get(column, ""))}
    hint = did_you_mean(condition.value, sorted(known))
    raise DataError(f"no product has {column} {condition.value!r}{hint}")


def _require_numbers(condition: Condition, catalog: Catalog) -> None:
    """Refuse to compare a text with numbers, or a number with texts alone."""
    numbers = _has_numbers(condition.column, catalog)
    if numbers == (parse_number(condition.value) is not None):
        return
    texts, count = _texts(condition.column, catalog)
    if numbers:
        raise DataError(
            f"condition {condition.column}{condition.relation}{condition.value}: "
            f"{condition.value!r} is not a number, and {condition.column} is one in "
            f"{count - len(texts)} of {count} products"
        )
    if texts:
        said = _said(condition.column, texts, count)
        raise DataError(f"{said}; {condition.relation} compares numbers such as 1.99 or 1,99")


def _has_numbers(column: str, catalog: Catalog) -> bool:
    """Whether a product has numbers in a column; parses no further product once one is found."""
    cells = (catalog.at(index).attributes.get(column) for index in range(len(catalog)))
    return any(_is_number(cell) for cell in cells if cell)


def _texts(column: str, catalog: Catalog) -> tuple[list[str], int]:
    """The values of a column that are no numbers, and how many products have the column."""
    cells = [row[column] for row in catalog.attributes.values() if row.get(column)]
    return [cell for cell in cells if not _is_number(cell)], len(cells)


def _is_number(cell: str) -> bool:
    return None not in map(parse_number, values(cell))


def _said(column: str, texts: list[str], count: int) -> str:
    return f"{column} is not a number in {len(texts)} of {count} products, such as {texts[0]!r}"


def require_columns(columns: Sequence[str], catalog: Catalog) -> None:
    """Refuse a column that no product of the catalog has.

    Raises:
        DataError: naming the columns there are.
    """
    for column in columns:
        if not catalog.contents.products.mentions(json.dumps(column, ensure_ascii=False) + ":"):
            columns_there = sorted({key for row in catalog.attributes.values() for key in row})
            if column not in columns_there:
                raise DataError(
                    f"no column {column!r} in {catalog.path or 'the catalog'}; it has "
                    + (
                        ", ".join(columns_there)
                        or "no attributes: build it from a CSV with more columns"
                    )
                    + did_you_mean(column, columns_there)
                )
