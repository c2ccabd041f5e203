"""The figures of retrieval and of telling known things from unknown ones, on plain arrays.

Every function is tested against scikit-learn or SciPy, and against plain loops. Scores are
cosine similarities: higher is nearer. `known` are the best scores of photos whose product is in
the catalog, `unknown` those of photos whose product is not.
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
    """The mean of one over the place of the own product (int64 [n], 1 is first).

    With one right product a photo this is also the mean average precision over products.
    """
    return float((1.0 / ranks).mean())


def average_precision(scores: Floats, relevant: NDArray[np.bool_]) -> float:
    """Average precision of one ranking: the mean of the precision at each relevant place.

    Ties share a place, as in scikit-learn's `average_precision_score`: an order that the scores
    do not give is not rewarded.

    Args:
        scores: [n], higher is earlier.
        relevant: bool [n], at least one of them.
    """
    cuts = scores[relevant]
    hits = (cuts >= cuts[:, np.newaxis]).sum(axis=1)
    places = (scores >= cuts[:, np.newaxis]).sum(axis=1)
    return float((hits / places).mean())


def auroc(known: Floats, unknown: Floats) -> float:
    """The chance that a known thing scores above an unknown one, ties counted half.

    The Mann-Whitney statistic, which is the area under the ROC curve.
    """
    ordered = np.sort(unknown)
    above = np.searchsorted(ordered, known, side="left")
    equal = np.searchsorted(ordered, known, side="right") - above
    return float((above + equal / 2).sum() / (len(known) * len(unknown)))


def fpr_at_tpr(known: Floats, unknown: Floats, tpr: float = 0.95) -> float:
    """The share of unknown things let in by the threshold that lets in `tpr` of the known ones."""
    return float((unknown >= np.quantile(known, 1 - tpr)).mean())


@dataclass(frozen=True)
class ErrorCurve:
    """What each threshold costs: a DET curve, three arrays [t] by rising threshold."""

    thresholds: NDArray[np.float64]
    missed: NDArray[np.float64]
    """Share of known things below the threshold (false rejects)."""
    let_in: NDArray[np.float64]
    """Share of unknown things at or above it (false accepts)."""

    @property
    def equal(self) -> tuple[float, float]:
        """The equal error rate and its threshold: where both errors are nearest to each other.

        The rate is the mean of the two errors there, as they seldom meet exactly.
        """
        place = int(np.argmin(np.abs(self.missed - self.let_in)))
        rate = (self.missed[place] + self.let_in[place]) / 2
        return float(rate), float(self.thresholds[place])

    def threshold_for(self, let_in: float) -> tuple[float, float]:
        """The lowest threshold that lets in at most this share, and the share missed there."""
        place = int(np.argmax(self.let_in <= let_in))
        return float(self.thresholds[place]), float(self.missed[place])

    def thinned(self, most: int) -> list[dict[str, float]]:
        """At most `most` points of it, both ends included, for a plot or a file."""
        count = min(most, len(self.thresholds))
        places = np.unique(np.linspace(0, len(self.thresholds) - 1, count).round().astype(int))
        return [
            {
                "threshold": round(float(self.thresholds[place]), 4),
                "missed": round(float(self.missed[place]), 5),
                "let_in": round(float(self.let_in[place]), 5),
            }
            for place in places
        ]


def error_curve(known: Floats, unknown: Floats) -> ErrorCurve:
    """Both errors at every score that occurs, and above the highest one."""
    edges = np.unique(np.concatenate([known, unknown]).astype(np.float64))
    edges = np.append(edges, np.nextafter(edges[-1], np.inf))
    missed = np.searchsorted(np.sort(known), edges) / len(known)
    let_in = 1 - np.searchsorted(np.sort(unknown), edges) / len(unknown)
    return ErrorCurve(edges, missed, let_in)


@dataclass(frozen=True)
class Share:
    """A share of things counted, with its 95 % interval (Wilson 1927)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Between what the true share lies, 95 of 100 times, were the photos independent.

        Photos of one thing are not: the true interval is wider then.
        """
        return wilson(self.count, self.of)

    def to_dict(self) -> dict[str, Any]:
        """The share as JSON values."""
        low, high = self.interval
        return {**asdict(self), "share": round(self.value, 5), "low": low, "high": high}


def wilson(count: int, of: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion; z = 1.96 for 95 %. Of nothing: 0 to 1."""
    if not of:
        return 0.0, 1.0
    share = count / of
    centre = share + z * z / (2 * of)
    reach = z * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    scale = 1 + z * z / of
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return round(max(low, 0.0), 6), round(min(high, 1.0), 6)


@dataclass(frozen=True)
class Bin:
    """Photos of like confidence: what was promised and what came true."""

    count: int
    promised: float
    """Their mean confidence."""
    kept: float
    """The share of them that was right."""

    def to_dict(self) -> dict[str, Any]:
        """The bin as JSON values."""
        return {"count": self.count, "promised": self.promised, "kept": self.kept}


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """A reliability diagram: bins of equal width, empty ones left out.

    Args:
        confidence: [n], 0 to 1.
        right: bool [n].
        bins: How many, from 0 to 1.
    """
    places = np.clip((np.asarray(confidence, np.float64) * bins).astype(int), 0, bins - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for place in range(bins)
        if (inside := places == place).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean gap, weighted by count."""
    total = sum(one.count for one in bins)
    return float(sum(one.count * abs(one.promised - one.kept) for one in bins) / total)
