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
_FORM = re.compile(r"\s*([^=!<>]+?)\s*(<=|>=|!=|==|=|<|>)\s*(.*?)\s*", re.S)


def values(text: str) -> list[str]:
    """The single values of an attribute: `vegan | organic` and `vegan; organic` hold two."""
    return [part for part in (one.strip() for one in re.split(r"[|;]", text)) if part]


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
        found = _FORM.fullmatch(text)
        if not found or not found[3]:
            raise DataError(
                f"condition {text!r}: expected COLUMN=VALUE, or one of != < <= > >= between them "
                "(in quotes: a shell reads < and > itself)"
            )
        return cls(found[1], found[2].replace("==", "="), found[3])

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether a product meets it.

        Numbers are compared as numbers when both sides are numbers, other texts without regard
        to case. With several values (`vegan | organic`) one that meets it is enough, and `!=`
        asks all of them. A product without the column meets `!=` only; order between a number
        and a text is never met.
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
    require_columns([one.column for one in parsed], catalog)
    return parsed


def require_columns(columns: Sequence[str], catalog: Catalog) -> None:
    """Refuse a column that no product of the catalog has.

    Raises:
        DataError: naming the columns there are.
    """
    for column in columns:
        if not catalog.mentions(json.dumps(column, ensure_ascii=False) + ":"):
            there = sorted({key for one in catalog.attributes.values() for key in one})
            if column not in there:
                raise DataError(
                    f"no column {column!r} in {catalog.path or 'the catalog'}; it has "
                    f"{', '.join(there) or 'no attributes: build it from a CSV with more columns'}"
                )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
