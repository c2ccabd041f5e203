"""Figures by product and by attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.discovery.numbers import parse_number
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.share import Share


@dataclass(frozen=True)
class ProductFigures:
    """One row of the table of products."""

    id: str
    name: str
    rows: int
    """Enrolled images."""
    queries: int
    right: int
    """Queries whose first product is this one."""
    in_first_5: int
    match_wrong: int
    ambiguous: int
    false_rejects: int
    mean_own_score: float
    confused_with: str
    """Name of the product that is first instead, most often; empty when there is none."""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**asdict(self), "recall_at_1": round(self.right / self.queries, 5)}


def by_product(catalog: Catalog, results: Sequence[QueryResult]) -> list[ProductFigures]:
    """Every product that has queries, the worst first."""
    groups: dict[str, list[QueryResult]] = {}
    for result in results:
        groups.setdefault(result.item.product, []).append(result)
    table = []
    for index, product in enumerate(catalog.ids):
        if not (group := groups.get(product)):
            continue
        wrong = Counter(result.first.name for result in group if not result.right)
        decisions = Counter((result.decision, result.right) for result in group)
        table.append(
            ProductFigures(
                id=product,
                name=catalog.at(index).name,
                rows=len(catalog.rows_of(index)),
                queries=len(group),
                right=sum(result.right for result in group),
                in_first_5=sum(result.rank <= 5 for result in group),
                match_wrong=decisions["match", False],
                ambiguous=decisions["ambiguous", True] + decisions["ambiguous", False],
                false_rejects=decisions["unknown", True] + decisions["unknown", False],
                mean_own_score=round(float(np.mean([result.own_score for result in group])), 4),
                confused_with=wrong.most_common(1)[0][0] if wrong else "",
            )
        )
    return sorted(table, key=lambda row: (row.right / row.queries, -row.queries))


@dataclass(frozen=True)
class AttributeFigures:
    """Queries whose product has this value of a column."""

    column: str
    value: str
    recall_at_1: Share
    same_value: Share
    """The first product has the same value: the right category, if not the right product."""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        shares = {"recall_at_1": self.recall_at_1, "same_value": self.same_value}
        return {**asdict(self), **{name: share.to_dict() for name, share in shares.items()}}


def by_attribute(catalog: Catalog, results: Sequence[QueryResult]) -> list[AttributeFigures]:
    """Figures by value of each column that groups products: worst first within a column.

    A column groups when it has two values or more and several products share one often enough:
    at most three values per four products. Names, file names and numbers (prices) do not group.
    """
    attributes = catalog.attributes
    table: list[AttributeFigures] = []
    for column in dict.fromkeys(name for columns in attributes.values() for name in columns):
        value_of = {
            product: columns[column]
            for product, columns in attributes.items()
            if columns.get(column)
        }
        values = set(value_of.values())
        if column in ("name", "picture") or not 2 <= len(values) <= 0.75 * len(value_of):
            continue
        if all(parse_number(value) is not None for value in values):
            continue
        rows = []
        for value in sorted(values):
            group = [result for result in results if value_of.get(result.item.product) == value]
            if group:
                right = Share(sum(result.right for result in group), len(group))
                same = sum(value_of.get(result.first.id) == value for result in group)
                rows.append(AttributeFigures(column, value, right, Share(same, len(group))))
        table += sorted(rows, key=lambda row: row.recall_at_1.value)
    return table
