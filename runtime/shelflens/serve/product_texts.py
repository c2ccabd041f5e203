"""The texts of a product that a person types: its name, its attributes, and the id made of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from shelflens.barcode.gtin import gtin
from shelflens.catalog.barcodes import COLUMNS, codes_of
from shelflens.product_ids import ID_LIMIT, clean_id, unprintable
from shelflens.serve.problem import Problem, quoted

NAME_LIMIT = 120
"""Characters: it is shown in one or two lines of a phone."""

COLUMN_LIMIT = 40
TEXT_LIMIT = 500
MAX_COLUMNS = 30
RESERVED = ("picture", "product", "path", "id")
"""Columns that are not the person's to set: files, and what tables call the id and the photo."""

_SEPARATORS = re.compile(r"[\s/\\?#%.\u180e\u200b\u2060\ufeff-]+")
"""What becomes a hyphen in an id: blanks, seen or not, and what means something in an address."""


def checked_attributes(texts: Mapping[str, object]) -> dict[str, str]:
    """Attributes by column, without blanks at their ends; an empty one is to be taken away.

    A `name` may not be empty, and what stands in a column of barcodes must be some.

    Raises:
        Problem: 422, too many, too long, reserved, with characters that do not print, or a barcode
            whose check digit is wrong.
    """
    if len(texts) > MAX_COLUMNS:
        raise _wrong("attributes", f"at most {MAX_COLUMNS}", str(len(texts)), "leave some out")
    found = {}
    for key, text in texts.items():
        column = _checked("attribute", key, COLUMN_LIMIT, empty=False)
        if column.lower() in RESERVED:
            raise _wrong("attribute", "another name", quoted(column), "rename it")
        is_name = column == "name"
        limit = NAME_LIMIT if is_name else TEXT_LIMIT
        found[column] = _checked(column, text, limit, empty=not is_name)
        if column.casefold() in COLUMNS and found[column]:
            _check_codes(column, found[column])
    return found


def id_of(name: str, taken: Collection[str]) -> str:
    """A new product id, made of a name: in lower case, hyphens for blanks and slashes.

    Args:
        name: Checked.
        taken: Ids that are there.
    """
    base = _SEPARATORS.sub("-", name.lower()).strip("-")[: ID_LIMIT - 10] or "product"
    if base not in taken:
        return base
    return next(made for n in range(2, len(taken) + 3) if (made := f"{base}-{n}") not in taken)


def _check_codes(column: str, text: str) -> None:
    for code in codes_of(text):
        if gtin(code) is None:
            expected = "a barcode of 8, 12, 13 or 14 digits, the last of which fits the others"
            raise _wrong(column, expected, quoted(code), "scan it, or compare it with the package")


def _checked(what: str, text: object, limit: int, *, empty: bool) -> str:
    if not isinstance(text, str):
        raise _wrong(what, "a text", quoted(repr(text)), "send it as text")
    text = clean_id(text)
    if not text and not empty:
        raise _wrong(what, "a text", "nothing", "type it")
    if len(text) > limit:
        got = f"{len(text):,} ({quoted(text, 20)})"
        raise _wrong(what, f"at most {limit} characters", got, "shorten it")
    if found := unprintable(text):
        raise _wrong(what, "a text that prints on a single line", found, "remove it")
    return text


def _wrong(what: str, expected: str, got: str, do: str) -> Problem:
    return Problem(422, what, expected=expected, got=got, do=do)
