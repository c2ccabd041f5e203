"""Products of a catalog by barcode, and the answer when a photo shows a code.

A number is found by its digits in the product table, which is searched and not parsed, so a catalog
of a million products needs no index of codes.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.barcode.gtin import gtin
from shelflens.catalog.answer import Answer, Match
from shelflens.catalog.catalog import Catalog

COLUMNS = ("barcode", "ean", "gtin", "upc")
"""Columns that hold codes, in any case; several codes stand apart by | or ;. A product id of 12
digits or more is one too."""

_ID_DIGITS = 12
"""Shorter ids that pass for an EAN-8 are numbers of the shop's own."""

BARCODE = "barcode"
"""`Answer.basis` of an answer by a code."""

CONFIDENCE = 0.99
"""Of the answer by a code of one product: none of 451 readings was wrong
(benchmarks/results/barcodes.md), so with 95 % at most 0.7 % are."""


@dataclass(frozen=True)
class CodedAnswer:
    """An answer by barcodes, and what the picture alone says where that is another product."""

    answer: Answer
    numbers: list[str]
    """Codes of the photo, 14 digits each, of which a product has one."""
    vision: Answer | None
    """`match` with a product that has none of these codes; None where nothing contradicts."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: `barcodes`, and `vision`, an id, where the picture contradicts."""
        seen = self.vision.best if self.vision is not None else None
        return {"barcodes": self.numbers, **({"vision": seen.id} if seen else {})}


def reads_barcodes(catalog: Catalog) -> bool:
    """Whether products of this catalog have codes, and zxing-cpp is here to read them."""
    if not has_barcodes(catalog):
        return False
    from shelflens.barcode.reader import can_read_barcodes  # a lookup without starts sooner

    return can_read_barcodes()


_known: weakref.WeakKeyDictionary[Catalog, bool] = weakref.WeakKeyDictionary()


def has_barcodes(catalog: Catalog) -> bool:
    """Whether products have codes: a column for them, found without parsing the records, or the
    first product's id; looked at once per catalog."""
    if catalog not in _known:
        names = {name for column in COLUMNS for name in (column, column.upper(), column.title())}
        products = catalog.contents.products
        _known[catalog] = any(products.mentions(f'"{name}":') for name in sorted(names)) or (
            len(products) > 0 and bool(_code_of_id(products.record(0)["id"]))
        )
    return _known[catalog]


def products_with(catalog: Catalog, number: str) -> list[int]:
    """The indices of the products that have a code.

    Args:
        catalog: The catalog.
        number: 14 digits, as `gtin` gives them.
    """
    products = catalog.contents.products
    return [
        index
        for index in products.holding_digits(number.lstrip("0"))
        if number in numbers_of(products.record(index))
    ]


def numbers_of(record: Mapping[str, Any]) -> set[str]:
    """The codes of a product, 14 digits each; what is none is left out.

    Args:
        record: As `ProductTable.record` gives it.
    """
    attributes = record["attributes"].items()
    texts = [text for column, text in attributes if column.casefold() in COLUMNS]
    parts = [part for text in texts for part in codes_of(text)]
    return _code_of_id(record["id"]) | {number for part in parts if (number := gtin(part))}


def codes_of(text: str) -> list[str]:
    """The codes of a text in one of `COLUMNS`, as they stand there."""
    return [part.strip() for part in re.split(r"[|;]", text)]


def _code_of_id(product_id: str) -> set[str]:
    number = gtin(product_id) if len(product_id) >= _ID_DIGITS else None
    return {number} if number else set()


def answer_by_barcode(
    catalog: Catalog, numbers: Sequence[str], seen: Answer, query: NDArray[np.float32]
) -> CodedAnswer | None:
    """The answer when codes were read: they decide, and the picture is told where it disagrees.

    Args:
        catalog: The catalog.
        numbers: Codes that were read, 14 digits each.
        seen: The answer by the picture.
        query: float32 [d], its embedding.

    Returns:
        `match`, or `ambiguous` where several products have the codes; None where none has.
    """
    owners = {number: products_with(catalog, number) for number in numbers}
    indices = list(dict.fromkeys(index for found in owners.values() for index in found))
    if not indices:
        return None
    unit = catalog.queries([query])[0]
    coded = [catalog.at(index, float(catalog.mean_direction(index) @ unit)) for index in indices]
    ids = {match.id for match in coded}
    scores = {match.id: match for match in seen.matches}
    first: list[Match] = [scores.get(match.id, match) for match in coded]
    # What is left for all others keeps its proportions.
    share = (1 - CONFIDENCE) / max(1 - sum(match.probability or 0.0 for match in first), 1e-9)
    first = [replace(match, probability=CONFIDENCE / len(first)) for match in first]
    rest = [
        replace(match, probability=match.probability and match.probability * share)
        for match in seen.matches
        if match.id not in ids
    ]
    several = len(first) > 1
    answer = replace(
        seen,
        decision="ambiguous" if several else "match",
        matches=[*first, *rest][: max(len(seen.matches), len(first))],
        confidence=CONFIDENCE / len(first),
        basis=BARCODE,
        candidates=first if several else [],
        unknown_probability=seen.unknown_probability * share,
    )
    contradicts = seen.best is not None and seen.best.id not in ids
    known = [number for number, found in owners.items() if found]
    return CodedAnswer(answer, known, seen if contradicts else None)
