"""The figures of a report: known products, unknown things, confidence, products, attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from shelflens.catalog.answer import DEFAULT_CALIBRATION
from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure import metrics
from shelflens.evaluation.measure.lookups import Lookup
from shelflens.evaluation.measure.metrics import Bin, ErrorCurve, Share

Basis = Literal["unknowns", "left out"]

_POINTS = 120
"""Points of the DET curve kept in report.json."""


@dataclass(frozen=True)
class Known:
    """Photos of enrolled products: is the right one first, and what is said of it."""

    right: Share
    recall_at_5: float
    recall_at_10: float
    mrr: float
    map: float
    """Mean average precision over the pictures of the catalog."""
    named_right: Share
    """Answered `match`, and right, of all photos."""
    named_wrong: Share
    """Answered `match`, and wrong, of all photos."""
    undecided: Share
    """Answered `ambiguous`."""
    missed: Share
    """Answered `unknown` though the product is enrolled."""

    @property
    def named(self) -> Share:
        """The share of `match` answers that is right."""
        return Share(self.named_right.count, self.named_right.count + self.named_wrong.count)

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        shares = {k: v.to_dict() for k, v in vars(self).items() if isinstance(v, Share)}
        return {**asdict(self), **shares, "named": self.named.to_dict()}


def known(looks: Sequence[Lookup]) -> Known:
    """Figures of photos of enrolled products, at least one."""
    ranks = np.array([look.rank for look in looks], np.int64)
    said = Counter((look.decision, look.right) for look in looks)
    n = len(looks)
    ranked = [[match.id for match in look.matches] for look in looks]
    own = [look.item.product for look in looks]
    return Known(
        right=Share(int((ranks == 1).sum()), n),
        recall_at_5=metrics.recall_at_k(ranked, own, 5),
        recall_at_10=metrics.recall_at_k(ranked, own, 10),
        mrr=metrics.mean_reciprocal_rank(ranks),
        map=float(np.mean([look.precision for look in looks])),
        named_right=Share(said["match", True], n),
        named_wrong=Share(said["match", False], n),
        undecided=Share(said["ambiguous", True] + said["ambiguous", False], n),
        missed=Share(said["unknown", True] + said["unknown", False], n),
    )


@dataclass(frozen=True)
class Unknown:
    """Things that are not in the catalog: are they let in."""

    basis: Basis
    """Photos of unknown things, or each photo with its own product taken out of the catalog."""
    threshold: float
    """The catalog's own."""
    auroc: float
    fpr_at_95_tpr: float
    equal_error_rate: float
    equal_error_threshold: float
    let_in: Share
    """Not answered `unknown`: `match` or `ambiguous`."""
    named: Share
    """Answered `match`: a wrong product is named outright."""
    one_percent: tuple[float, float]
    """The threshold that lets in at most 1 % of these photos, and the share of known ones missed
    there."""
    curve: ErrorCurve
    known_scores: list[float]
    unknown_scores: list[float]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values; the curve thinned, the scores left out."""
        plain = {k: v for k, v in vars(self).items() if isinstance(v, (str, float))}
        return {
            **plain,
            "let_in": self.let_in.to_dict(),
            "named": self.named.to_dict(),
            "at_one_percent": dict(zip(("threshold", "missed"), self.one_percent, strict=True)),
            "det_curve": self.curve.thinned(_POINTS),
        }


def unknown(catalog: Catalog, looks: Sequence[Lookup], strangers: Sequence[Lookup]) -> Unknown:
    """Figures of the open set.

    Args:
        catalog: For its threshold.
        looks: Photos of enrolled products.
        strangers: Photos of things that are not enrolled. Without any, each of `looks` stands in,
            with its own product taken out: the hardest strangers are the neighbours on the shelf.
    """
    if strangers:
        scores = np.array([look.first.score for look in strangers])
        decisions = [look.decision for look in strangers]
    else:
        scores = np.array([look.rival.score for look in looks])
        decisions = [look.without_own(catalog) for look in looks]
    own = np.array([look.first.score for look in looks])
    curve = metrics.error_curve(own, scores)
    rate, threshold = curve.equal
    n = len(decisions)
    return Unknown(
        basis="unknowns" if strangers else "left out",
        threshold=float({**DEFAULT_CALIBRATION, **catalog.calibration}["threshold"]),
        auroc=metrics.auroc(own, scores),
        fpr_at_95_tpr=metrics.fpr_at_tpr(own, scores),
        equal_error_rate=rate,
        equal_error_threshold=threshold,
        let_in=Share(sum(one != "unknown" for one in decisions), n),
        named=Share(sum(one == "match" for one in decisions), n),
        one_percent=curve.threshold_for(0.01),
        curve=curve,
        known_scores=own.tolist(),
        unknown_scores=scores.tolist(),
    )


@dataclass(frozen=True)
class Confidence:
    """Whether 90 % sure means right 9 times in 10."""

    bins: list[Bin]
    ece: float
    ece_with_unknowns: float | None
    """The same with the unknown things, whose first product is always wrong."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {**asdict(self), "bins": [one.to_dict() for one in self.bins]}


def confidence(looks: Sequence[Lookup], strangers: Sequence[Lookup]) -> Confidence:
    """Reliability of the confidence."""
    bins = _bins(looks)
    both = metrics.calibration_error(_bins([*looks, *strangers])) if strangers else None
    return Confidence(bins, metrics.calibration_error(bins), both)


def _bins(looks: Sequence[Lookup]) -> list[Bin]:
    sure = np.array([look.confidence for look in looks], np.float64)
    return metrics.reliability(sure, np.array([look.right for look in looks]))


@dataclass(frozen=True)
class Product:
    """One row of the per-product table."""

    id: str
    name: str
    pictures: int
    photos: int
    right: int
    in_first_5: int
    named_wrong: int
    undecided: int
    missed: int
    score: float
    """Mean score of the own product."""
    taken_for: str
    """Name of the product most often first in its place; empty when none is."""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**asdict(self), "recall_at_1": round(self.right / self.photos, 5)}


def products(catalog: Catalog, looks: Sequence[Lookup]) -> list[Product]:
    """Every product that has photos, the worst first."""
    mine: dict[str, list[Lookup]] = {}
    for look in looks:
        mine.setdefault(look.item.product, []).append(look)
    rows = []
    for number, product in enumerate(catalog.ids):
        if not (photos := mine.get(product)):
            continue
        wrong = Counter(look.first.name for look in photos if not look.right)
        said = Counter((look.decision, look.right) for look in photos)
        rows.append(
            Product(
                id=product,
                name=catalog.at(number).name,
                pictures=len(catalog.rows_of(number)),
                photos=len(photos),
                right=sum(look.right for look in photos),
                in_first_5=sum(look.rank <= 5 for look in photos),
                named_wrong=said["match", False],
                undecided=said["ambiguous", True] + said["ambiguous", False],
                missed=said["unknown", True] + said["unknown", False],
                score=round(float(np.mean([look.own for look in photos])), 4),
                taken_for=wrong.most_common(1)[0][0] if wrong else "",
            )
        )
    return sorted(rows, key=lambda row: (row.right / row.photos, -row.photos))


@dataclass(frozen=True)
class Value:
    """Photos whose product has this value of a column."""

    column: str
    value: str
    right: Share
    same_value: Share
    """The first product has the same value: the right category, if not the right product."""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        shares = {"right": self.right.to_dict(), "same_value": self.same_value.to_dict()}
        return {**asdict(self), **shares}


def by_attribute(catalog: Catalog, looks: Sequence[Lookup]) -> list[Value]:
    """Figures by value of each column that groups products: worst first within a column.

    A column groups when it has two values or more and several products share one often enough:
    three values for four products at most. Names, pictures and numbers (prices) do not group.
    """
    attributes = catalog.attributes
    rows: list[Value] = []
    for column in dict.fromkeys(key for one in attributes.values() for key in one):
        value_of = {product: one[column] for product, one in attributes.items() if one.get(column)}
        values = set(value_of.values())
        if column in ("name", "picture") or not 2 <= len(values) <= 0.75 * len(value_of):
            continue
        if all(_is_number(value) for value in values):
            continue
        found = []
        for value in sorted(values):
            mine = [look for look in looks if value_of.get(look.item.product) == value]
            if mine:
                right = sum(look.right for look in mine)
                same = sum(value_of.get(look.first.id) == value for look in mine)
                found.append(Value(column, value, Share(right, len(mine)), Share(same, len(mine))))
        rows += sorted(found, key=lambda row: row.right.value)
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
