"""A small vector pen: smooth shapes in unit coordinates, antialiased by oversampling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from shelflens_train.synthetic.colour import Colour

Point = tuple[float, float]
OVERSAMPLE = 3


def smooth(points: Sequence[Point], *, closed: bool = True, steps: int = 8) -> list[Point]:
    """Returns a Catmull-Rom curve through the points, ``steps`` pieces per span."""
    count = len(points)
    spans = count if closed else count - 1
    curve: list[Point] = []
    for i in range(spans):
        if closed:
            a, b, c, d = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            a, b, c, d = (points[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            curve.append((_catmull(a[0], b[0], c[0], d[0], t), _catmull(a[1], b[1], c[1], d[1], t)))
    if not closed:
        curve.append(points[-1])
    return curve


def _catmull(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )


class Pen:
    """Draws on a transparent square; coordinates run 0..1, y down.

    Args:
        size: Side of the finished picture in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._scale = size * OVERSAMPLE
        self._image = Image.new("RGBA", (self._scale, self._scale))
        self._draw = ImageDraw.Draw(self._image)

    def poly(self, points: Sequence[Point], fill: Colour) -> None:
        """Fills a polygon."""
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=fill)

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """Fills the smooth closed curve through the points."""
        self.poly(smooth(points), fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """Fills a circle."""
        s = self._scale
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.ellipse(box, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour, lean: float = 0) -> None:
        """Fills an ellipse leaning ``lean`` degrees clockwise."""
        c, s = math.cos(math.radians(lean)), math.sin(math.radians(lean))
        ring = [(rx * math.cos(t), ry * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 48)]
        self.poly([(x + u * c - v * s, y + u * s + v * c) for u, v in ring], fill)

    def wedge(
        self, x: float, y: float, radius: float, start: float, stop: float, fill: Colour
    ) -> None:
        """Fills a pie slice between two angles in degrees, clockwise from three o'clock."""
        s = self._scale
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.pieslice(box, start, stop, fill=fill)

    def leaf(
        self, base: Point, tip: Point, fat: float, fill: Colour, vein: Colour | None = None
    ) -> None:
        """Fills a pointed leaf from ``base`` to ``tip``, ``fat`` of its length wide."""
        (x0, y0), (x1, y1) = base, tip
        dx, dy = x1 - x0, y1 - y0
        left, right = [], []
        for t in np.linspace(0, 1, 16):
            half = fat / 2 * math.sin(math.pi * t**0.8)
            left.append((x0 + dx * t - dy * half, y0 + dy * t + dx * half))
            right.append((x0 + dx * t + dy * half, y0 + dy * t - dx * half))
        self.poly(left + right[::-1], fill)
        if vein is not None:
            self.line(
                [(x0 + dx * 0.08, y0 + dy * 0.08), (x0 + dx * 0.8, y0 + dy * 0.8)], 0.018, vein
            )

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draws a smooth stroke with round ends."""
        curve = [
            (x * self._scale, y * self._scale)
            for x, y in (smooth(points, closed=False) if len(points) > 2 else points)
        ]
        self._draw.line(curve, fill=fill, width=max(1, round(width * self._scale)), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, fill)

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        start: float,
        stop: float,
        width: float,
        fill: Colour,
    ) -> None:
        """Draws a piece of a circle's outline, inside the circle."""
        s = self._scale
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.arc(box, start, stop, fill=fill, width=max(1, round(width * s)))

    def star(
        self, x: float, y: float, outer: float, inner: float, points: int, fill: Colour
    ) -> None:
        """Fills a star standing on two of its points."""
        corners = []
        for i in range(2 * points):
            radius = outer if i % 2 == 0 else inner
            angle = math.pi * i / points - math.pi / 2
            corners.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
        self.poly(corners, fill)

    def finish(self) -> Image.Image:
        """Returns the picture, RGBA, ``size`` pixels square."""
        return self._image.reduce(OVERSAMPLE)
