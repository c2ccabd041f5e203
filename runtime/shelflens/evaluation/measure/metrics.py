"""Figures of retrieval, of the open set and of confidence, on plain arrays.

Each is tested against scikit-learn or SciPy and against plain loops. Scores are cosine
similarities: higher is nearer. `enrolled` are the best scores of queries whose product is in the
catalog, `unknown` those of out-of-catalog queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32] | NDArray[np.float64]


def recall_at_k(ranked: ArrayLike, own: ArrayLike, k: int = 1) -> float:
    """Share of queries whose own product is among the first k; called top-k accuracy as well.

    Args:
        ranked: [n, r], the products of each query, best first, as indices or as ids. A catalog of
            fewer than k products gives fewer than k columns: then all of them count.
        own: [n], the own product of each query, at least one.
        k: How many products are looked at.

    Raises:
        ValueError: shapes other than these.
    """
    table, wanted = np.asarray(ranked), np.asarray(own)
    if table.ndim != 2 or wanted.shape != table.shape[:1] or not len(wanted):
        raise ValueError(
            f"ranked has shape {table.shape} and own {wanted.shape}; expected [n, r] and [n], n > 0"
        )
    return float((table[:, :k] == wanted[:, np.newaxis]).any(axis=1).mean())


def mean_reciprocal_rank(ranks: NDArray[np.int64]) -> float:
    """The mean of one over the rank of the own product (int64 [n], 1 is first).

    With one right product per query this is also the mean average precision over products.
    """
    return float((1.0 / ranks).mean())


def average_precision(scores: Floats, relevant: NDArray[np.bool_]) -> float:
    """Average precision of one ranking: the mean of the precision at each relevant rank.

    Ties share a rank, as in scikit-learn's `average_precision_score`: an order that the scores
    do not give is not rewarded.

    Args:
        scores: [n], higher is earlier.
        relevant: bool [n], at least one of them.
    """
    cuts = scores[relevant]
    hits = (cuts >= cuts[:, np.newaxis]).sum(axis=1)
    ranks = (scores >= cuts[:, np.newaxis]).sum(axis=1)
    return float((hits / ranks).mean())


def auroc(enrolled: Floats, unknown: Floats) -> float:
    """The probability that an enrolled product scores above an unknown one, ties counted half.

    The Mann-Whitney statistic, which is the area under the ROC curve.
    """
    ordered = np.sort(unknown)
    above = np.searchsorted(ordered, enrolled, side="left")
    equal = np.searchsorted(ordered, enrolled, side="right") - above
    return float((above + equal / 2).sum() / (len(enrolled) * len(unknown)))


def fpr_at_tpr(enrolled: Floats, unknown: Floats, tpr: float = 0.95) -> float:
    """The share of unknowns accepted by the threshold that accepts `tpr` of the enrolled."""
    return float((unknown >= np.quantile(enrolled, 1 - tpr)).mean())


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and both errors there, were the threshold alone to decide."""

    threshold: float
    false_reject_rate: float
    """Share of enrolled products' queries below it."""
    false_accept_rate: float
    """Share of out-of-catalog queries at or above it."""

    def to_dict(self) -> dict[str, float]:
        """The point as JSON values."""
        return {
            "threshold": round(self.threshold, 4),
            "false_reject_rate": round(self.false_reject_rate, 5),
            "false_accept_rate": round(self.false_accept_rate, 5),
        }


@dataclass(frozen=True)
class ErrorCurve:
    """Both errors at each threshold: a DET curve, three arrays [t] by rising threshold."""

    thresholds: NDArray[np.float64]
    false_reject_rates: NDArray[np.float64]
    false_accept_rates: NDArray[np.float64]

    def at(self, index: int) -> OperatingPoint:
        """One point of it."""
        return OperatingPoint(
            float(self.thresholds[index]),
            float(self.false_reject_rates[index]),
            float(self.false_accept_rates[index]),
        )

    def nearest(self, threshold: float) -> OperatingPoint:
        """The point whose threshold is nearest to this one."""
        return self.at(int(np.argmin(np.abs(self.thresholds - threshold))))

    @property
    def equal(self) -> tuple[float, float]:
        """The equal error rate and its threshold: where both errors are nearest to each other.

        The rate is the mean of the two errors there, as they seldom meet exactly.
        """
        gaps = np.abs(self.false_reject_rates - self.false_accept_rates)
        point = self.at(int(np.argmin(gaps)))
        return (point.false_reject_rate + point.false_accept_rate) / 2, point.threshold

    def at_false_accept_rate(self, rate: float) -> OperatingPoint:
        """The point of the lowest threshold that accepts at most this share of unknowns."""
        return self.at(int(np.argmax(self.false_accept_rates <= rate)))

    def thinned(self, limit: int) -> list[OperatingPoint]:
        """At most `limit` points, both ends included, for a plot or a file."""
        count = min(limit, len(self.thresholds))
        spread = np.linspace(0, len(self.thresholds) - 1, count).round().astype(int)
        return [self.at(index) for index in np.unique(spread).tolist()]


def error_curve(enrolled: Floats, unknown: Floats) -> ErrorCurve:
    """Both errors at every score that occurs, and above the highest one."""
    edges = np.unique(np.concatenate([enrolled, unknown]).astype(np.float64))
    edges = np.append(edges, np.nextafter(edges[-1], np.inf))
    rejected = np.searchsorted(np.sort(enrolled), edges) / len(enrolled)
    accepted = 1 - np.searchsorted(np.sort(unknown), edges) / len(unknown)
    return ErrorCurve(edges, rejected, accepted)


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence, and how many of them were right."""

    count: int
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """The share of them whose first product was right."""

    def to_dict(self) -> dict[str, Any]:
        """The bin as JSON values."""
        return asdict(self)


def reliability_bins(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """A reliability diagram: bins of equal width, empty ones left out.

    Args:
        confidence: [n], 0 to 1.
        right: bool [n].
        bins: How many, from 0 to 1.
    """
    members = np.clip((np.asarray(confidence, np.float64) * bins).astype(int), 0, bins - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for index in range(bins)
        if (inside := members == index).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean gap, weighted by count."""
    total = sum(bin_.count for bin_ in bins)
    return float(sum(bin_.count * abs(bin_.confidence - bin_.accuracy) for bin_ in bins) / total)
