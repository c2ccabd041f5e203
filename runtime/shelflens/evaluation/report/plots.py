"""The four charts of the report; the classes good, warn and bad are coloured by its style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from shelflens.evaluation.findings.k_shot import KShotPoint
from shelflens.evaluation.measure.figures import Reliability, UnknownFigures
from shelflens.render.axis import Axis, category_axis, percent_axis
from shelflens.render.charts import INLINE, Chart

_BINS = 30
_MAX_POINTS = 400
_DET_LIMITS = 0.0008, 0.97
_DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95)


def k_shot_plot(curve: Sequence[KShotPoint]) -> str:
    """recall@1 by images per product; the counts stand at even distances."""
    low = max(0.0, math.floor(min(point.low for point in curve) * 10 - 0.5) / 10)
    chart = Chart(
        category_axis("photos per product", [str(point.k) for point in curve]),
        percent_axis("right product first", low, 1.0, grid=True),
        INLINE,
    )
    chart.line([(x, point.recall_at_1) for x, point in enumerate(curve)], "good")
    for x, point in enumerate(curve):
        chart.line([(x, point.low), (x, point.high)], "good range")
        chart.dot((x, point.recall_at_1), "good")
        text = f"{100 * point.recall_at_1:.0f}%"
        chart.note(chart.x(x), chart.y(max(point.high, point.recall_at_1)) - 10, text, "middle")
    return chart.inline("share of photos with the right product first, by photos per product")


def scores_plot(unknown: UnknownFigures) -> str:
    """Histograms of the confidence of enrolled and of unknown things, and that of a match."""
    samples = np.array(unknown.enrolled_confidences), np.array(unknown.unknown_confidences)
    low, high = (float(edge(np.concatenate(samples))) for edge in (np.min, np.max))
    edges = np.linspace(low, high if high > low else low + 0.1, _BINS + 1)
    bars = [np.histogram(scores, edges)[0] / len(scores) for scores in samples]
    step = 0.2 if edges[-1] - edges[0] > 0.4 else 0.05
    ticks = np.arange(np.ceil(edges[0] / step), np.floor(edges[-1] / step) + 1) * step
    chart = Chart(
        Axis(
            "confidence",
            float(edges[0]),
            float(edges[-1]),
            [(float(tick), f"{tick:.2g}") for tick in ticks],
        ),
        Axis("how many photos", 0.0, 1.08 * max(float(shares.max()) for shares in bars)),
        INLINE,
    )
    for series, shares in zip(("good", "bad"), bars, strict=True):
        # Each bar is a step of the outline: up or down at its left edge, then to its right.
        steps = np.repeat(edges, 2)[1:-1].tolist(), np.repeat(shares, 2).tolist()
        outline = list(zip(*steps, strict=True))
        chart.area([(float(edges[0]), 0.0), *outline, (float(edges[-1]), 0.0)], series)
    if edges[0] <= unknown.threshold <= edges[-1]:
        chart.mark(unknown.threshold, f"match from {unknown.threshold:.2f}")
    return chart.inline(
        "confidence for your own products and for unknown things, and that of a match"
    )


def det_plot(unknown: UnknownFigures, leave_one_out: UnknownFigures) -> str:
    """DET curves (Martin et al. 1997): both errors on normal-deviate axes."""
    low, high = _DET_LIMITS

    def probit(share: float) -> float:
        return NormalDist().inv_cdf(min(max(share, low), high))

    ticks = [(tick, f"{100 * tick:g}%") for tick in _DET_TICKS]
    chart = Chart(
        Axis("unknown things answered match", low, high, ticks, scale=probit),
        Axis("own products not answered match", low, high, ticks, grid=True, scale=probit),
        INLINE,
    )
    curves = {"good": unknown.curve}
    if unknown is not leave_one_out:
        curves = {"warn": leave_one_out.curve, **curves}
    for series, curve in curves.items():
        points = [(p.false_accept_rate, p.false_reject_rate) for p in curve.thinned(_MAX_POINTS)]
        chart.line(points, series)
    here = unknown.curve.nearest(unknown.threshold)
    x, y = here.false_accept_rate, here.false_reject_rate
    chart.dot((x, y), "bad", 5)
    chart.note(chart.x(x), chart.y(y) - 8, "threshold now")
    return chart.inline("both errors at each threshold")


def reliability_plot(reliability: Reliability) -> str:
    """Confidence against the share that was right; the diagonal is as promised."""
    chart = Chart(
        percent_axis("confidence", 0.0, 1.0),
        percent_axis("was right", 0.0, 1.0, grid=True),
        INLINE,
    )
    chart.diagonal()
    chart.line([(bin_.confidence, bin_.accuracy) for bin_ in reliability.bins], "good")
    largest = max(bin_.count for bin_ in reliability.bins)
    for bin_ in reliability.bins:
        radius = round(3 + 6 * (bin_.count / largest) ** 0.5, 1)
        point = bin_.confidence, bin_.accuracy
        chart.dot(point, "good", radius, f"{bin_.count} photos")
    return chart.inline("confidence against how often it was right")
