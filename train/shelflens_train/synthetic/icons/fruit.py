"""Fruit, drawn flat in two or three tones. Each function fills a unit square."""

from __future__ import annotations

import math
from collections.abc import Callable

from shelflens_train.synthetic.colour import LEAF, Colour, darker, lighter, mix
from shelflens_train.synthetic.pen import Pen

Icon = Callable[[Pen, Colour], None]
STALK: Colour = (112, 82, 56)
DEEP_LEAF = darker(LEAF, 0.25)


def strawberry(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.5, 0.95),
            (0.2, 0.62),
            (0.16, 0.36),
            (0.36, 0.26),
            (0.5, 0.29),
            (0.64, 0.26),
            (0.84, 0.36),
            (0.8, 0.62),
        ],
        colour,
    )
    pen.blob(
        [(0.56, 0.9), (0.66, 0.5), (0.7, 0.3), (0.84, 0.36), (0.8, 0.62)], darker(colour, 0.13)
    )
    for x, y in (
        (0.34, 0.45),
        (0.5, 0.42),
        (0.66, 0.45),
        (0.42, 0.58),
        (0.58, 0.58),
        (0.5, 0.73),
        (0.3, 0.58),
        (0.71, 0.59),
        (0.41, 0.72),
        (0.6, 0.72),
    ):
        pen.oval(x, y, 0.014, 0.024, lighter(colour, 0.72))
    for tip in ((0.16, 0.24), (0.3, 0.42), (0.5, 0.44), (0.7, 0.42), (0.84, 0.24)):
        pen.leaf((0.5, 0.24), tip, 0.5, LEAF)
    pen.line([(0.5, 0.26), (0.52, 0.14), (0.58, 0.06)], 0.04, DEEP_LEAF)


def blueberry(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.5, 0.36), (0.92, 0.08), 0.5, LEAF, DEEP_LEAF)
    pen.leaf((0.45, 0.34), (0.16, 0.06), 0.5, DEEP_LEAF, LEAF)
    for x, y, tone in ((0.67, 0.45, 0.22), (0.32, 0.45, 0.1), (0.5, 0.71, 0.0)):
        shade = darker(colour, tone)
        pen.disc(x, y, 0.24, shade)
        pen.disc(x - 0.03, y - 0.03, 0.19, lighter(shade, 0.1))
        pen.star(x + 0.02, y - 0.02, 0.105, 0.05, 5, darker(shade, 0.42))
        pen.oval(x - 0.12, y - 0.11, 0.05, 0.025, lighter(shade, 0.55), -45)


def raspberry(pen: Pen, colour: Colour) -> None:
    for row, (y, count) in enumerate(((0.36, 3), (0.48, 4), (0.6, 3), (0.72, 2), (0.83, 1))):
        for i in range(count):
            x = 0.5 + (i - (count - 1) / 2) * 0.165
            tone = mix(colour, darker(colour, 0.3), (x - 0.2) / 0.7 * 0.7 + 0.06 * (row % 2))
            pen.disc(x, y, 0.105, tone)
            pen.disc(x - 0.03, y - 0.03, 0.035, lighter(tone, 0.45))
    for tip in ((0.18, 0.2), (0.34, 0.38), (0.66, 0.38), (0.82, 0.2), (0.5, 0.42)):
        pen.leaf((0.5, 0.22), tip, 0.46, LEAF)
    pen.line([(0.5, 0.24), (0.47, 0.08)], 0.04, DEEP_LEAF)


def cherry(pen: Pen, colour: Colour) -> None:
    pen.line([(0.3, 0.62), (0.4, 0.32), (0.6, 0.08)], 0.035, DEEP_LEAF)
    pen.line([(0.7, 0.66), (0.68, 0.36), (0.6, 0.08)], 0.035, DEEP_LEAF)
    pen.leaf((0.6, 0.1), (0.94, 0.28), 0.5, LEAF, DEEP_LEAF)
    for x, y in ((0.29, 0.7), (0.7, 0.74)):
        pen.disc(x, y, 0.215, colour)
        pen.blob(
            [
                (x + 0.05, y - 0.2),
                (x + 0.21, y),
                (x + 0.06, y + 0.21),
                (x - 0.14, y + 0.16),
                (x + 0.08, y + 0.08),
            ],
            darker(colour, 0.16),
        )
        pen.oval(x - 0.08, y - 0.08, 0.055, 0.03, lighter(colour, 0.65), -45)


def apple(pen: Pen, colour: Colour) -> None:
    body = [
        (0.5, 0.33),
        (0.66, 0.25),
        (0.86, 0.36),
        (0.87, 0.6),
        (0.7, 0.89),
        (0.5, 0.87),
        (0.3, 0.89),
        (0.13, 0.6),
        (0.14, 0.36),
        (0.34, 0.25),
    ]
    pen.blob(body, colour)
    pen.blob(
        [(0.62, 0.88), (0.74, 0.6), (0.7, 0.28), (0.86, 0.36), (0.87, 0.6), (0.72, 0.87)],
        darker(colour, 0.13),
    )
    pen.oval(0.27, 0.45, 0.05, 0.1, lighter(colour, 0.5), 20)
    pen.line([(0.5, 0.36), (0.5, 0.22), (0.56, 0.1)], 0.04, STALK)
    pen.leaf((0.53, 0.2), (0.84, 0.08), 0.5, LEAF, DEEP_LEAF)


def pear(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.5, 0.2),
            (0.63, 0.3),
            (0.68, 0.46),
            (0.82, 0.68),
            (0.72, 0.9),
            (0.5, 0.94),
            (0.28, 0.9),
            (0.18, 0.68),
            (0.32, 0.46),
            (0.37, 0.3),
        ],
        colour,
    )
    pen.blob(
        [(0.56, 0.93), (0.68, 0.72), (0.58, 0.28), (0.68, 0.46), (0.82, 0.68), (0.72, 0.89)],
        darker(colour, 0.12),
    )
    pen.oval(0.34, 0.64, 0.045, 0.1, lighter(colour, 0.5), 15)
    pen.line([(0.5, 0.24), (0.53, 0.06)], 0.04, STALK)
    pen.leaf((0.52, 0.16), (0.82, 0.1), 0.55, LEAF, DEEP_LEAF)


def citrus(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.62, 0.2), (0.97, 0.06), 0.5, LEAF, DEEP_LEAF)
    pen.leaf((0.66, 0.24), (0.99, 0.36), 0.45, DEEP_LEAF, LEAF)
    pen.disc(0.47, 0.54, 0.42, colour)
    pen.disc(0.47, 0.54, 0.375, lighter(colour, 0.82))
    for i in range(8):
        start = i * 45 + 3.5
        middle = math.radians(start + 19)
        x, y = 0.47 + 0.03 * math.cos(middle), 0.54 + 0.03 * math.sin(middle)
        pen.wedge(x, y, 0.32, start, start + 38, lighter(colour, 0.12 if i % 2 else 0.22))


def peach(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.5, 0.2), (0.9, 0.1), 0.5, LEAF, DEEP_LEAF)
    pen.disc(0.5, 0.56, 0.38, colour)
    pen.blob(
        [(0.5, 0.2), (0.76, 0.28), (0.88, 0.56), (0.72, 0.86), (0.5, 0.94), (0.66, 0.56)],
        mix(colour, (224, 84, 84), 0.42),
    )
    pen.line([(0.5, 0.2), (0.6, 0.42), (0.58, 0.66)], 0.025, mix(colour, (190, 70, 70), 0.5))
    pen.oval(0.3, 0.44, 0.05, 0.1, lighter(colour, 0.5), 25)
    pen.line([(0.5, 0.24), (0.48, 0.1)], 0.045, STALK)


def mango(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.7, 0.2), (0.98, 0.3), 0.5, LEAF, DEEP_LEAF)
    pen.blob(
        [
            (0.68, 0.16),
            (0.88, 0.38),
            (0.8, 0.72),
            (0.5, 0.92),
            (0.2, 0.86),
            (0.12, 0.66),
            (0.3, 0.34),
        ],
        colour,
    )
    pen.blob(
        [(0.7, 0.17), (0.88, 0.38), (0.8, 0.72), (0.5, 0.91), (0.66, 0.6)],
        mix(colour, (222, 74, 62), 0.55),
    )
    pen.oval(0.34, 0.5, 0.05, 0.13, lighter(colour, 0.5), 38)
    pen.line([(0.68, 0.19), (0.73, 0.06)], 0.045, STALK)


def banana(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.2, 0.1),
            (0.29, 0.09),
            (0.36, 0.36),
            (0.56, 0.6),
            (0.9, 0.7),
            (0.9, 0.8),
            (0.62, 0.9),
            (0.3, 0.72),
            (0.16, 0.4),
        ],
        colour,
    )
    pen.blob(
        [
            (0.24, 0.14),
            (0.3, 0.44),
            (0.5, 0.7),
            (0.88, 0.77),
            (0.62, 0.89),
            (0.3, 0.72),
            (0.16, 0.4),
        ],
        darker(colour, 0.1),
    )
    pen.line([(0.235, 0.11), (0.225, 0.05)], 0.07, STALK)
    pen.disc(0.905, 0.75, 0.04, STALK)


def grape(pen: Pen, colour: Colour) -> None:
    pen.leaf((0.5, 0.22), (0.9, 0.1), 0.7, LEAF, DEEP_LEAF)
    pen.line([(0.5, 0.3), (0.46, 0.06)], 0.04, STALK)
    for row, (y, count) in enumerate(((0.34, 4), (0.49, 3), (0.64, 2), (0.79, 1))):
        for i in range(count):
            x = 0.5 + (i - (count - 1) / 2) * 0.19
            tone = darker(colour, 0.06 * ((i + row) % 3))
            pen.disc(x, y, 0.112, tone)
            pen.disc(x - 0.035, y - 0.035, 0.03, lighter(tone, 0.5))


def coconut(pen: Pen, colour: Colour) -> None:
    shell = (110, 78, 56)
    pen.disc(0.5, 0.52, 0.42, shell)
    pen.disc(0.5, 0.52, 0.35, (255, 252, 245))
    pen.disc(0.5, 0.55, 0.26, mix((232, 238, 238), colour, 0.15))
    pen.oval(0.42, 0.47, 0.1, 0.05, (255, 255, 255), -30)


FRUIT: dict[str, Icon] = {
    icon.__name__: icon
    for icon in (
        strawberry,
        blueberry,
        raspberry,
        cherry,
        apple,
        pear,
        citrus,
        peach,
        mango,
        banana,
        grape,
        coconut,
    )
}
