"""Figures of a catalog: queries of enrolled products, out-of-catalog queries, confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure import metrics
from shelflens.evaluation.measure.metrics import Bin, ErrorCurve, OperatingPoint
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.share import Share

UnknownBasis = Literal["unknowns", "leave one out"]

_POINTS = 120
"""Points of the DET curve kept in report.json."""


@dataclass(frozen=True)
class EnrolledFigures:
    """Queries of enrolled products: is the right one first, and what is answered."""

    recall_at_1: Share
    recall_at_5: float
    recall_at_10: float
    mrr: float
    map: float
    """Mean average precision over the rows of the catalog."""
    match_right: Share
    """Answered `match`, and right, of all queries."""
    match_wrong: Share
    """Answered `match`, and wrong, of all queries."""
    ambiguous: Share
    false_reject_rate: Share
    """Answered `unknown` though the product is enrolled."""

    @property
    def match_precision(self) -> Share:
        """The share of `match` answers that is right."""
        return Share(self.match_right.count, self.match_right.count + self.match_wrong.count)

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        shares = {k: v.to_dict() for k, v in vars(self).items() if isinstance(v, Share)}
        return {**asdict(self), **shares, "match_precision": self.match_precision.to_dict()}


def enrolled_figures(results: Sequence[QueryResult]) -> EnrolledFigures:
    """Figures of queries of enrolled products, at least one."""
    ranks = np.array([result.rank for result in results], np.int64)
    decisions = Counter((result.decision, result.right) for result in results)
    ranked = [[match.id for match in result.matches] for result in results]
    own = [result.item.product for result in results]
    n = len(results)
    return EnrolledFigures(
        recall_at_1=Share(int((ranks == 1).sum()), n),
        recall_at_5=metrics.recall_at_k(ranked, own, 5),
        recall_at_10=metrics.recall_at_k(ranked, own, 10),
        mrr=metrics.mean_reciprocal_rank(ranks),
        map=float(np.mean([result.average_precision for result in results])),
        match_right=Share(decisions["match", True], n),
        match_wrong=Share(decisions["match", False], n),
        ambiguous=Share(decisions["ambiguous", True] + decisions["ambiguous", False], n),
        false_reject_rate=Share(decisions["unknown", True] + decisions["unknown", False], n),
    )


@dataclass(frozen=True)
class UnknownFigures:
    """Out-of-catalog queries: are they answered `unknown`.

    Curves and thresholds are of the confidence, the probability of the first product.
    """

    basis: UnknownBasis
    """Photos of unknown things, or each query with its own product removed from the catalog."""
    threshold: float
    """The catalog's own: the least probability of a match."""
    auroc: float
    fpr_at_95_tpr: float
    equal_error_rate: float
    equal_error_threshold: float
    not_rejected: Share
    """Answered `match` or `ambiguous`."""
    false_accept_rate: Share
    """Answered `match`."""
    one_percent: OperatingPoint
    """The lowest threshold that accepts at most 1 % of these queries."""
    curve: ErrorCurve
    enrolled_confidences: list[float]
    unknown_confidences: list[float]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values; the curve thinned, the scores left out."""
        plain = {k: v for k, v in vars(self).items() if isinstance(v, (str, float))}
        return {
            **plain,
            "not_rejected": self.not_rejected.to_dict(),
            "false_accept_rate": self.false_accept_rate.to_dict(),
            "one_percent": self.one_percent.to_dict(),
            "det_curve": [point.to_dict() for point in self.curve.thinned(_POINTS)],
        }


def unknown_figures(
    catalog: Catalog, results: Sequence[QueryResult], unknowns: Sequence[QueryResult]
) -> UnknownFigures:
    """Figures of the open set.

    Args:
        catalog: For its calibration.
        results: Queries of enrolled products.
        unknowns: Out-of-catalog queries. Without any, each of `results` stands in with its own
            product removed: the hardest unknowns are the neighbours on the shelf.
    """
    answers: Sequence[QueryResult | Answer] = unknowns
    if not unknowns:
        answers = [result.answer_without_own(catalog) for result in results]
    unknown_confidences = np.array([answer.confidence for answer in answers])
    decisions = [answer.decision for answer in answers]
    enrolled_confidences = np.array([result.confidence for result in results])
    curve = metrics.error_curve(enrolled_confidences, unknown_confidences)
    rate, threshold = curve.equal
    n = len(decisions)
    return UnknownFigures(
        basis="unknowns" if unknowns else "leave one out",
        threshold=catalog.calibration.min_probability,
        auroc=metrics.auroc(enrolled_confidences, unknown_confidences),
        fpr_at_95_tpr=metrics.fpr_at_tpr(enrolled_confidences, unknown_confidences),
        equal_error_rate=rate,
        equal_error_threshold=threshold,
        not_rejected=Share(sum(decision != "unknown" for decision in decisions), n),
        false_accept_rate=Share(sum(decision == "match" for decision in decisions), n),
        one_percent=curve.at_false_accept_rate(0.01),
        curve=curve,
        enrolled_confidences=enrolled_confidences.tolist(),
        unknown_confidences=unknown_confidences.tolist(),
    )


@dataclass(frozen=True)
class Reliability:
    """Whether a confidence of 90 % means right 9 times in 10."""

    bins: list[Bin]
    ece: float
    ece_with_unknowns: float | None
    """The same with the out-of-catalog queries, whose first product is always wrong."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {**asdict(self), "bins": [bin_.to_dict() for bin_ in self.bins]}


def reliability(results: Sequence[QueryResult], unknowns: Sequence[QueryResult]) -> Reliability:
    """How true the confidence is."""
    bins = _bins(results)
    both = metrics.calibration_error(_bins([*results, *unknowns])) if unknowns else None
    return Reliability(bins, metrics.calibration_error(bins), both)


def _bins(results: Sequence[QueryResult]) -> list[Bin]:
    confidence = np.array([result.confidence for result in results], np.float64)
    right = np.array([result.right for result in results])
    return metrics.reliability_bins(confidence, right)
