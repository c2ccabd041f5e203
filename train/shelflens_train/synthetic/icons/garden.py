"""Vegetables and herbs, drawn flat in two or three tones. Each fills a unit square."""

from __future__ import annotations

import math

from shelflens_train.synthetic.colour import LEAF, Colour, darker, lighter, mix
from shelflens_train.synthetic.icons.fruit import DEEP_LEAF, Icon
from shelflens_train.synthetic.pen import Pen


def tomato(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.5, 0.3),
            (0.74, 0.26),
            (0.92, 0.5),
            (0.82, 0.8),
            (0.5, 0.9),
            (0.18, 0.8),
            (0.08, 0.5),
            (0.26, 0.26),
        ],
        colour,
    )
    pen.blob(
        [(0.62, 0.88), (0.78, 0.6), (0.76, 0.28), (0.92, 0.5), (0.82, 0.8)], darker(colour, 0.13)
    )
    pen.oval(0.24, 0.45, 0.05, 0.09, lighter(colour, 0.5), 25)
    for tip in ((0.22, 0.24), (0.32, 0.44), (0.54, 0.5), (0.74, 0.42), (0.8, 0.22)):
        pen.leaf((0.5, 0.28), tip, 0.3, LEAF)
    pen.line([(0.5, 0.3), (0.54, 0.12)], 0.045, DEEP_LEAF)


def olive(pen: Pen, colour: Colour) -> None:
    pen.line([(0.12, 0.16), (0.5, 0.3), (0.9, 0.18)], 0.03, DEEP_LEAF)
    for tip in ((0.2, 0.42), (0.42, 0.06), (0.74, 0.02), (0.94, 0.42)):
        pen.leaf((0.5 + (tip[0] - 0.5) * 0.3, 0.27), tip, 0.32, LEAF, DEEP_LEAF)
    for x, y, lean in ((0.38, 0.62, 12), (0.66, 0.64, -14)):
        pen.oval(x, y, 0.15, 0.21, colour, lean)
        pen.oval(x - 0.05, y - 0.07, 0.035, 0.07, lighter(colour, 0.55), lean)


def chili(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.28, 0.24),
            (0.42, 0.2),
            (0.52, 0.4),
            (0.66, 0.66),
            (0.94, 0.84),
            (0.6, 0.84),
            (0.34, 0.6),
        ],
        colour,
    )
    pen.line([(0.36, 0.34), (0.46, 0.56), (0.58, 0.7)], 0.035, lighter(colour, 0.45))
    pen.blob([(0.24, 0.28), (0.3, 0.17), (0.42, 0.15), (0.47, 0.24), (0.36, 0.25)], LEAF)
    pen.line([(0.34, 0.2), (0.26, 0.06)], 0.045, DEEP_LEAF)


def mushroom(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [(0.38, 0.5), (0.62, 0.5), (0.64, 0.76), (0.7, 0.92), (0.3, 0.92), (0.36, 0.76)],
        lighter(colour, 0.75),
    )
    pen.blob(
        [(0.5, 0.1), (0.8, 0.24), (0.94, 0.5), (0.7, 0.58), (0.3, 0.58), (0.06, 0.5), (0.2, 0.24)],
        colour,
    )
    for x, y, r in ((0.34, 0.32, 0.06), (0.56, 0.24, 0.05), (0.7, 0.42, 0.07), (0.46, 0.46, 0.04)):
        pen.disc(x, y, r, lighter(colour, 0.6))


def corn(pen: Pen, colour: Colour) -> None:
    pen.oval(0.5, 0.45, 0.2, 0.4, colour)
    for row in range(8):
        for i in range(3):
            y = 0.14 + row * 0.085
            pen.disc(0.39 + 0.11 * i, y, 0.043, lighter(colour, 0.35 if (row + i) % 2 else 0.15))
    pen.leaf((0.5, 0.98), (0.2, 0.3), 0.4, LEAF, DEEP_LEAF)
    pen.leaf((0.5, 0.98), (0.8, 0.3), 0.4, DEEP_LEAF, LEAF)


def peas(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.04, 0.34), (0.96, 0.66), 0.46, darker(colour, 0.18))
    for i, radius in enumerate((0.08, 0.1, 0.11, 0.1, 0.08)):
        x = 0.22 + i * 0.14
        pen.disc(x, 0.4 + i * 0.05, radius, lighter(colour, 0.2))
        pen.disc(x - 0.03, 0.37 + i * 0.05, radius * 0.3, lighter(colour, 0.65))


def leaf(pen: Pen, colour: Colour) -> None:
    pen.line([(0.5, 0.96), (0.5, 0.5)], 0.035, darker(colour, 0.25))
    pen.leaf((0.5, 0.66), (0.5, 0.04), 0.56, colour, darker(colour, 0.25))
    pen.leaf((0.5, 0.86), (0.06, 0.42), 0.5, darker(colour, 0.12), lighter(colour, 0.3))
    pen.leaf((0.5, 0.86), (0.94, 0.42), 0.5, lighter(colour, 0.18), darker(colour, 0.2))


def lavender(pen: Pen, colour: Colour) -> None:
    for x, top, lean in ((0.5, 0.08, 0.0), (0.3, 0.22, -0.1), (0.7, 0.22, 0.1)):
        pen.line([(0.5, 0.97), (x - lean * 0.3, 0.6), (x, top)], 0.022, LEAF)
        for i in range(6):
            y = top + i * 0.075
            tone = lighter(colour, 0.08 * (i % 3))
            pen.oval(x - 0.045 - lean * i * 0.08, y, 0.05, 0.035, tone, 35)
            pen.oval(x + 0.045 - lean * i * 0.08, y + 0.02, 0.05, 0.035, darker(tone, 0.08), -35)
    pen.leaf((0.5, 0.95), (0.24, 0.68), 0.25, LEAF)
    pen.leaf((0.5, 0.95), (0.76, 0.68), 0.25, DEEP_LEAF)


def blossom(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.6, 0.6), (0.97, 0.92), 0.5, LEAF, DEEP_LEAF)
    pen.leaf((0.4, 0.6), (0.03, 0.92), 0.5, DEEP_LEAF, LEAF)
    for i in range(6):
        angle = math.pi / 3 * i + 0.3
        x, y = 0.5 + 0.23 * math.cos(angle), 0.45 + 0.23 * math.sin(angle)
        petal = lighter(colour, 0.68 if i % 2 else 0.8)
        pen.oval(x, y, 0.19, 0.115, petal, math.degrees(angle))
    pen.disc(0.5, 0.45, 0.11, mix((240, 180, 50), colour, 0.25))


GARDEN: dict[str, Icon] = {
    icon.__name__: icon
    for icon in (tomato, olive, chili, mushroom, corn, peas, leaf, lavender, blossom)
}
