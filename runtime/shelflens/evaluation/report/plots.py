"""Plots as hand-written SVG: no plotting library on a bare install, and colours that follow the
page's light and dark. Classes (`known`, `bad`, `grid`) are coloured by the page's style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import NormalDist

import numpy as np

from shelflens.evaluation.findings.k_shot import Shot
from shelflens.evaluation.measure.figures import Confidence, Unknown

_WIDE, _HIGH = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 14, 44
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Frame:
    """Where values stand in the picture."""

    x: Scale
    y: Scale

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """An SVG path through points in values."""
        steps = [f"{self.x(a):.1f} {self.y(b):.1f}" for a, b in points]
        return "M" + "L".join(steps)


def _linear(low: float, high: float, start: float, stop: float) -> Scale:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (stop - start)


def _frame(x: tuple[float, float], y: tuple[float, float]) -> Frame:
    return Frame(
        _linear(*x, _LEFT, _WIDE - _RIGHT),
        _linear(*y, _HIGH - _BOTTOM, _TOP),
    )


def _svg(label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(
    frame: Frame,
    xs: Sequence[tuple[float, str]],
    ys: Sequence[tuple[float, str]],
    x_name: str,
    y_name: str,
) -> list[str]:
    """Grid lines with their labels, and the names of the axes."""
    parts = []
    floor, wall = _HIGH - _BOTTOM, _WIDE - _RIGHT
    for value, text in ys:
        y = frame.y(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{wall}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for value, text in xs:
        x = frame.x(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {floor}v5"/>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + wall) / 2
    parts.append(
        f'<text class="axis" x="{middle}" y="{_HIGH - 6}" text-anchor="middle">{x_name}</text>'
    )
    parts.append(
        f'<text class="axis" transform="translate(13 {(_TOP + floor) / 2}) rotate(-90)" '
        f'text-anchor="middle">{y_name}</text>'
    )
    return parts


def _percents(low: float, high: float) -> list[tuple[float, str]]:
    step = 0.2 if high - low > 0.5 else 0.1 if high - low > 0.25 else 0.05
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    marks = [number * step for number in range(first, last + 1)]
    return [(mark, f"{100 * mark:.0f}%") for mark in marks]


def shots_plot(curve: Sequence[Shot]) -> str:
    """recall@1 by photos a product; the numbers stand at even distances."""
    low = max(0.0, np.floor(min(one.low for one in curve) * 10 - 0.5) / 10)
    frame = _frame((-0.3, len(curve) - 0.7), (low, 1.0))
    xs = [(float(place), str(one.photos)) for place, one in enumerate(curve)]
    parts = _axes(frame, xs, _percents(low, 1.0), "photos a product", "right product first")
    points = [(float(place), one.recall) for place, one in enumerate(curve)]
    parts.append(f'<path class="line known" d="{frame.path(points)}"/>')
    for (place, _), one in zip(xs, curve, strict=True):
        x, y = frame.x(place), frame.y(one.recall)
        parts.append(
            f'<path class="line known thin" d="M{x:.1f} {frame.y(one.low):.1f}'
            f'V{frame.y(one.high):.1f}"/>'
            f'<circle class="dot known" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
            f'<text class="value" x="{x:.1f}" y="{y - 12:.1f}" text-anchor="middle">'
            f"{100 * one.recall:.0f}%</text>"
        )
    return _svg("share of photos with the right product first, by photos a product", parts)


def scores_plot(open_: Unknown) -> str:
    """How the scores of known and unknown things lie, and the threshold between them."""
    known, unknown = np.array(open_.known_scores), np.array(open_.unknown_scores)
    both = np.concatenate([known, unknown])
    low, high = float(both.min()), float(both.max())
    edges = np.linspace(low, high if high > low else low + 0.1, 31)
    bars = [np.histogram(one, edges)[0] / len(one) for one in (known, unknown)]
    top = float(max(one.max() for one in bars)) * 1.08
    frame = _frame((float(edges[0]), float(edges[-1])), (0.0, top))
    step = 0.2 if edges[-1] - edges[0] > 0.4 else 0.05
    marks = np.arange(np.ceil(edges[0] / step), np.floor(edges[-1] / step) + 1) * step
    xs = [(float(mark), f"{mark:.2g}") for mark in marks]
    parts = _axes(frame, xs, [], "score of the nearest product", "how many photos")
    for kind, shares in zip(("known", "bad"), bars, strict=True):
        points = [(float(edges[0]), 0.0)]
        for place, share in enumerate(shares):
            points += [(float(edges[place]), float(share)), (float(edges[place + 1]), float(share))]
        points.append((float(edges[-1]), 0.0))
        parts.append(f'<path class="area {kind}" d="{frame.path(points)}Z"/>')
    if edges[0] <= open_.threshold <= edges[-1]:
        x = frame.x(open_.threshold)
        side = "end" if x > _WIDE / 2 else "start"
        parts.append(f'<path class="mark" d="M{x:.1f} {_TOP}V{_HIGH - _BOTTOM}"/>')
        parts.append(
            f'<text class="value" x="{x + (-6 if side == "end" else 6):.1f}" y="{_TOP + 12}" '
            f'text-anchor="{side}">threshold {open_.threshold:.2f}</text>'
        )
    return _svg("scores of known and of unknown things, and the threshold", parts)


_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95)


def det_plot(open_: Unknown, left_out: Unknown) -> str:
    """DET curves (Martin et al. 1997): both errors on normal-deviate axes."""
    probit = NormalDist().inv_cdf
    low, high = 0.0008, 0.97
    cut: Scale = lambda share: probit(min(max(share, low), high))  # noqa: E731
    frame = _frame((cut(0), cut(1)), (cut(0), cut(1)))
    ticks = [(cut(tick), f"{100 * tick:g}%") for tick in _TICKS]
    parts = _axes(frame, ticks, ticks, "unknown things let in", "own products missed")
    kinds = (
        {"known": open_.curve}
        if open_ is left_out
        else {"warn": left_out.curve, "known": open_.curve}
    )
    for kind, curve in kinds.items():
        places = np.unique(np.linspace(0, len(curve.thresholds) - 1, 400).round().astype(int))
        points = [(cut(float(curve.let_in[n])), cut(float(curve.missed[n]))) for n in places]
        parts.append(f'<path class="line {kind}" d="{frame.path(points)}"/>')
    curve = open_.curve
    here = int(np.argmin(np.abs(curve.thresholds - open_.threshold)))
    x, y = frame.x(cut(float(curve.let_in[here]))), frame.y(cut(float(curve.missed[here])))
    side = "end" if x > _WIDE / 2 else "start"
    parts.append(f'<circle class="dot bad" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    parts.append(
        f'<text class="value" x="{x + (-9 if side == "end" else 9):.1f}" y="{y - 8:.1f}" '
        f'text-anchor="{side}">threshold now</text>'
    )
    return _svg("what each threshold costs: own products missed, unknown things let in", parts)


def reliability_plot(sure: Confidence) -> str:
    """What confidence promised against what came true; the diagonal is honest."""
    frame = _frame((0.0, 1.0), (0.0, 1.0))
    marks = _percents(0.0, 1.0)
    parts = _axes(frame, marks, marks, "confidence said", "was right")
    parts.append(f'<path class="mark" d="{frame.path([(0, 0), (1, 1)])}"/>')
    parts.append(
        f'<path class="line known" d="{frame.path([(b.promised, b.kept) for b in sure.bins])}"/>'
    )
    most = max(one.count for one in sure.bins)
    for one in sure.bins:
        radius = 3 + 6 * (one.count / most) ** 0.5
        parts.append(
            f'<circle class="dot known" cx="{frame.x(one.promised):.1f}" '
            f'cy="{frame.y(one.kept):.1f}" r="{radius:.1f}">'
            f"<title>{one.count} photos</title></circle>"
        )
    return _svg("confidence said against how often it was right", parts)
