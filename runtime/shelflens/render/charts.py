"""Plots as SVG text, written by hand: a device has no plotting library, a browser shows them.

Colours are those of Okabe and Ito (2008), which colour-blind people tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 220, 50, 60
"""Margins in pixels; the legend stands in the right one."""

Points = Sequence[tuple[float, float]]


def lines(
    series: Mapping[str, Points],
    *,
    title: str,
    x: str,
    y: str,
    log: bool = True,
    dashed: Sequence[str] = (),
) -> str:
    """A line with dots for each series, on logarithmic axes or straight ones.

    Args:
        series: Points by name; at least one point; above 0 on logarithmic axes.
        title: Above the plot.
        x: What the horizontal axis says, with the unit.
        y: What the vertical axis says.
        log: Logarithmic axes.
        dashed: Names drawn dashed, such as a limit.
    """
    places = [point for points in series.values() for point in points]
    right = _Axis([p[0] for p in places], LEFT, WIDTH - RIGHT, log)
    up = _Axis([p[1] for p in places], HEIGHT - BOTTOM, TOP, log)
    parts = _frame(title, x, y, right, up)
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="6 4"' if name in dashed else ""
        path = " ".join(f"{right.at(a):.1f},{up.at(b):.1f}" for a, b in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        if name not in dashed:
            parts += [_dot(right.at(a), up.at(b), colour) for a, b in points]
        parts += _legend(number, name, colour)
    return _document(parts)


def dots(
    points: Mapping[str, tuple[float, float]], *, title: str, x: str, y: str, log: bool = False
) -> str:
    """One dot with its name for each entry."""
    right = _Axis([one[0] for one in points.values()], LEFT, WIDTH - RIGHT, log)
    up = _Axis([one[1] for one in points.values()], HEIGHT - BOTTOM, TOP, log)
    parts = _frame(title, x, y, right, up)
    for number, (name, (a, b)) in enumerate(points.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_dot(right.at(a), up.at(b), colour, 6))
        parts += _legend(number, name, colour)
    return _document(parts)


def stacks(
    bars: Mapping[str, Mapping[str, float]], *, title: str, x: str, most: float | None = None
) -> str:
    """A horizontal bar for each entry, made of its parts; the sum stands behind it."""
    names = list(dict.fromkeys(name for bar in bars.values() for name in bar))
    longest = most or max(sum(bar.values()) for bar in bars.values())
    axis = _Axis([0.0, longest], LEFT + 60, WIDTH - RIGHT, False)
    step = (HEIGHT - TOP - BOTTOM) / len(bars)
    parts = [_text(WIDTH / 2, 26, title, "middle", 16)]
    for tick in axis.ticks:
        parts += [_rule(axis.at(tick), TOP, axis.at(tick), HEIGHT - BOTTOM)]
        parts += [_text(axis.at(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", "middle")]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x, "middle"))
    for place, (label, bar) in enumerate(bars.items()):
        top, total = TOP + step * (place + 0.2), 0.0
        parts.append(_text(LEFT + 52, top + step * 0.36, label, "end"))
        for name, value in bar.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            start, stop = axis.at(min(total, longest)), axis.at(min(total + value, longest))
            parts.append(
                f'<rect x="{start:.1f}" y="{top:.1f}" width="{max(stop - start, 0.5):.1f}" '
                f'height="{step * 0.6:.1f}" fill="{colour}"/>'
            )
            total += value
        end = axis.at(min(total, longest)) + 6
        parts.append(_text(end, top + step * 0.36, f"{total:.1f}"))
    for number, name in enumerate(names):
        parts += _legend(number, name, COLOURS[number % len(COLOURS)])
    return _document(parts)


class _Axis:
    """From numbers to pixels, with round ticks."""

    def __init__(self, values: Sequence[float], start: float, stop: float, log: bool) -> None:
        low, high = min(values), max(values)
        if log:
            low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
            high = high if high > low else low * 10
            decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
            self.ticks = [10.0**power for power in decades]
        else:
            step = _round_step((high - low) or abs(high) or 1.0)
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
            high = high if high > low else low + step
            self.ticks = [low + step * n for n in range(round((high - low) / step) + 1)]
        self._log, self._low, self._high = log, low, high
        self._start, self._stop = start, stop

    def at(self, value: float) -> float:
        """Where a number stands, pixels."""
        low, high = self._low, self._high
        if self._log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self._start + (value - low) / (high - low) * (self._stop - self._start)


def _round_step(extent: float) -> float:
    rough = extent / 5
    power: float = 10 ** math.floor(math.log10(rough))
    return next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough)


def _frame(title: str, x: str, y: str, right: _Axis, up: _Axis) -> list[str]:
    parts = [_text(WIDTH / 2, 26, title, "middle", 16)]
    for tick in right.ticks:
        parts.append(_rule(right.at(tick), TOP, right.at(tick), HEIGHT - BOTTOM))
        parts.append(_text(right.at(tick), HEIGHT - BOTTOM + 18, _short(tick), "middle"))
    for tick in up.ticks:
        parts.append(_rule(LEFT, up.at(tick), WIDTH - RIGHT, up.at(tick)))
        parts.append(_text(LEFT - 8, up.at(tick) + 4, _short(tick), "end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x, "middle"))
    parts.append(
        f'<text x="22" y="{middle}" text-anchor="middle" transform="rotate(-90 22 {middle})">'
        f"{escape(y)}</text>"
    )
    return parts


def _short(number: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{round(number, 6):g}"


def _legend(number: int, name: str, colour: str) -> list[str]:
    top = TOP + 10 + 22 * number
    left = WIDTH - RIGHT + 16
    box = f'<rect x="{left}" y="{top - 9}" width="12" height="12" fill="{colour}"/>'
    return [box, _text(left + 18, top + 2, name)]


def _dot(x: float, y: float, colour: str, size: float = 3.5) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {place}>{escape(text)}</text>"


def _document(parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">'
    )
    back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, back, *parts, "</svg>", ""])
