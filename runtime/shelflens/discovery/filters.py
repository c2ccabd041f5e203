"""Conditions on a product's attributes: `category=Milk`, `price<30`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shelflens.catalog.catalog import Catalog
from shelflens.errors import DataError

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
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

        Numbers are compared as numbers when both sides are numbers, texts without regard to case.
        Of several values (`vegan | organic`) one that meets the condition is enough; `!=` must hold
        for all of them. A product without the column meets `!=` only; order between a number and a
        text is never met.
        """
        if self.relation == "!=":
            return not Condition(self.column, "=", self.value).holds(attributes)
        compare = _RELATIONS[self.relation]
        wanted = _number(self.value)
        for text in values(attributes.get(self.column, "")):
            number = _number(text)
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
        DataError: a condition of another form, or a column that no product has.
    """
    parsed = [Condition.parse(text) for text in where]
    require_columns([condition.column for condition in parsed], catalog)
    return parsed


def require_columns(columns: Sequence[str], catalog: Catalog) -> None:
    """Refuse a column that no product of the catalog has.

    Raises:
        DataError: naming the columns there are.
    """
    for column in columns:
        if not catalog.mentions(json.dumps(column, ensure_ascii=False) + ":"):
            columns_there = sorted({key for row in catalog.attributes.values() for key in row})
            if column not in columns_there:
                raise DataError(
                    f"no column {column!r} in {catalog.path or 'the catalog'}; it has "
                    + (
                        ", ".join(columns_there)
                        or "no attributes: build it from a CSV with more columns"
                    )
                )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
