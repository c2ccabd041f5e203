"""Charts as SVG text: a device has no plotting library, and a browser shows them.

Classes such as `line good` or `bar c0` say what a mark is, and the style of the document colours
it. A chart inside `report.html` follows that report's light and dark; a chart in a file carries its
own style, with the colours of Okabe and Ito (2008), which colour-blind people can distinguish.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from shelflens.render.axis import Axis, category_axis, linear_axis, log_axis

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SERIES = tuple(f"c{index}" for index in range(len(COLOURS)))
"""The classes of these colours."""

STYLE = (
    "svg{font:12px sans-serif;background:#fff}text{fill:#333}.title{font-size:16px}"
    ".grid{stroke:#ddd}.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}"
    + "".join(
        f".line.{name}{{stroke:{colour}}}.dot.{name},.bar.{name}{{fill:{colour}}}"
        for name, colour in zip(SERIES, COLOURS, strict=True)
    )
)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Layout:
    """Size of a chart and its margins, in pixels."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


INLINE = Layout(520, 300, left=62, right=16, top=14, bottom=44)
"""Inside a report, two side by side."""
FILE = Layout(760, 440, left=80, right=220, top=50, bottom=52)
"""A file of its own; title and legend stand in the margins."""


class Chart:
    """Two axes, and the marks drawn between them; values in, pixels out."""

    def __init__(self, x: Axis, y: Axis, layout: Layout) -> None:
        """Draw the axes."""
        self._x, self._y, self._layout = x, y, layout
        self._right, self._floor = layout.width - layout.right, layout.height - layout.bottom
        self._parts: list[str] = []
        self._draw_axes()

    def x(self, value: float) -> float:
        """Where a value stands, in pixels from the left."""
        return self._layout.left + self._x.share(value) * (self._right - self._layout.left)

    def y(self, value: float) -> float:
        """Where a value stands, in pixels from the top."""
        return self._floor - self._y.share(value) * (self._floor - self._layout.top)

    def line(self, points: Points, series: str, *, dashed: bool = False) -> None:
        """A line through points."""
        classes = f"line {series}{' dashed' if dashed else ''}"
        self._parts.append(f'<path class="{classes}" d="{self._path(points)}"/>')

    def area(self, points: Points, series: str) -> None:
        """A filled outline."""
        self._parts.append(f'<path class="area {series}" d="{self._path(points)}Z"/>')

    def dot(
        self, point: tuple[float, float], series: str, radius: float = 4.5, title: str = ""
    ) -> None:
        """A dot; `title` is shown when the pointer rests on it."""
        title = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(
            f'<circle class="dot {series}" cx="{self.x(point[0]):.1f}" '
            f'cy="{self.y(point[1]):.1f}" r="{radius:g}">{title}</circle>'
        )

    def bar(self, start: float, stop: float, middle: float, series: str) -> None:
        """A horizontal bar, from one value to another, as thick as 0.6 of a category."""
        top, bottom = sorted((self.y(middle - 0.3), self.y(middle + 0.3)))
        width = max(self.x(stop) - self.x(start), 0.5)
        self._parts.append(
            f'<rect class="bar {series}" x="{self.x(start):.1f}" y="{top:.1f}" '
            f'width="{width:.1f}" height="{bottom - top:.1f}"/>'
        )

    def mark(self, value: float, text: str) -> None:
        """A dashed line across the chart at a value of x, and what it is."""
        top = self._layout.top
        self._parts.append(f'<path class="mark" d="M{self.x(value):.1f} {top}V{self._floor}"/>')
        self.note(self.x(value), top + 12, text)

    def diagonal(self) -> None:
        """A dashed line from corner to corner."""
        corners = [(self._x.low, self._y.low), (self._x.high, self._y.high)]
        self._parts.append(f'<path class="mark" d="{self._path(corners)}"/>')

    def note(self, x: float, y: float, text: str, anchor: str = "") -> None:
        """A text at a pixel: as `anchor` says, else beside it on the side where there is room."""
        if not anchor:
            anchor = "end" if x > (self._layout.left + self._right) / 2 else "start"
            x += -8 if anchor == "end" else 8
        self._text(x, max(y, self._layout.top + 10), text, anchor, "value")

    def legend(self, names: Mapping[str, str]) -> None:
        """The series of each name, in the right margin."""
        left, top = self._right + 16, self._layout.top + 10
        for name, series in names.items():
            self._parts.append(
                f'<rect class="bar {series}" x="{left}" y="{top - 9}" width="12" height="12"/>'
            )
            for text in textwrap.wrap(name, 28) or [""]:
                self._text(left + 18, top + 2, text, "start")
                top += 16
            top += 6

    def inline(self, label: str) -> str:
        """The chart for the inside of an HTML document; `label` says what it shows."""
        size = f"0 0 {self._layout.width} {self._layout.height}"
        body = "".join(self._parts)
        return f'<svg viewBox="{size}" role="img" aria-label="{escape(label)}">{body}</svg>'

    def document(self, title: str) -> str:
        """The chart as a file."""
        self._text(self._layout.width / 2, 26, title, "middle", "title")
        width, height = self._layout.width, self._layout.height
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}"><style>{STYLE}</style>'
            f'<rect width="{width}" height="{height}" fill="#fff"/>'
        )
        return "\n".join([head, *self._parts, "</svg>", ""])

    def _draw_axes(self) -> None:
        left, top, right, floor = self._layout.left, self._layout.top, self._right, self._floor
        for value, text in self._y.ticks:
            y = self.y(value)
            if self._y.grid:
                self._parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
            self._text(left - 8, y + 4, text, "end")
        for value, text in self._x.ticks:
            x = self.x(value)
            start = f"M{x:.1f} {top}V{floor + 5}" if self._x.grid else f"M{x:.1f} {floor}v5"
            self._parts.append(f'<path class="grid" d="{start}"/>')
            self._text(x, floor + 18, text, "middle")
        self._text((left + right) / 2, self._layout.height - 6, self._x.title, "middle", "axis")
        corner = f"{max(13, left - 58)} {(top + floor) / 2}"
        self._parts.append(
            f'<text class="axis" transform="translate({corner}) rotate(-90)" '
            f'text-anchor="middle">{escape(self._y.title)}</text>'
        )

    def _path(self, points: Points) -> str:
        return "M" + "L".join(f"{self.x(a):.1f} {self.y(b):.1f}" for a, b in points)

    def _text(self, x: float, y: float, text: str, anchor: str, kind: str = "") -> None:
        kind = f'class="{kind}" ' if kind else ""
        self._parts.append(
            f'<text {kind}x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )


def line_chart(
    lines: Mapping[str, Points], *, title: str, x: str, y: str, dashed: Sequence[str] = ()
) -> str:
    """A file with a line for each name, on logarithmic axes.

    Args:
        lines: Points by name, at least one, above 0.
        title: Above the chart.
        x: What the horizontal axis says, with the unit.
        y: What the vertical axis says.
        dashed: Names drawn dashed and without dots, such as a limit.
    """
    points = [point for line in lines.values() for point in line]
    chart = Chart(
        log_axis(x, [a for a, _ in points], grid=True),
        log_axis(y, [b for _, b in points], grid=True),
        FILE,
    )
    series = _series(list(lines))
    for name, line in lines.items():
        chart.line(line, series[name], dashed=name in dashed)
        for point in [] if name in dashed else line:
            chart.dot(point, series[name], 3.5)
    chart.legend(series)
    return chart.document(title)


def dot_chart(points: Mapping[str, tuple[float, float]], *, title: str, x: str, y: str) -> str:
    """A file with one dot for each name."""
    chart = Chart(
        linear_axis(x, [a for a, _ in points.values()], grid=True, pad=0.1),
        linear_axis(y, [b for _, b in points.values()], grid=True, pad=0.1),
        FILE,
    )
    series = _series(list(points))
    for name, point in points.items():
        chart.dot(point, series[name], 6)
    chart.legend(series)
    return chart.document(title)


def bar_chart(bars: Mapping[str, Mapping[str, float]], *, title: str, x: str) -> str:
    """A file with a horizontal bar for each name, made of its parts, and the sum behind it."""
    sums = [sum(bar.values()) for bar in bars.values()]
    axis = linear_axis(x, [0.0, 1.1 * max(sums)], grid=True)
    chart = Chart(axis, category_axis("", list(bars), downward=True), replace(FILE, left=140))
    series = _series(list(dict.fromkeys(name for bar in bars.values() for name in bar)))
    for index, bar in enumerate(bars.values()):
        total = 0.0
        for name, value in bar.items():
            chart.bar(total, total + value, index, series[name])
            total += value
        chart.note(chart.x(total) + 6, chart.y(index) + 4, f"{total:.1f}", "start")
    chart.legend(series)
    return chart.document(title)


def _series(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name; the eighth is again the first."""
    return {name: SERIES[index % len(SERIES)] for index, name in enumerate(names)}
