"""Seeds, sweets, fish and weather, drawn flat in two or three tones. Each fills a unit square."""

from __future__ import annotations

import math

from shelflens_train.synthetic.colour import Colour, darker, lighter, mix
from shelflens_train.synthetic.icons.fruit import Icon
from shelflens_train.synthetic.pen import Pen


def grain(pen: Pen, colour: Colour) -> None:
    pen.line([(0.44, 0.98), (0.48, 0.6), (0.52, 0.2)], 0.025, darker(colour, 0.2))
    pen.leaf((0.51, 0.3), (0.56, 0.0), 0.5, colour)
    for i in range(4):
        y = 0.68 - i * 0.14
        x = 0.47 + i * 0.012
        pen.leaf(
            (x, y), (x - 0.26, y - 0.22), 0.5, lighter(colour, 0.1 * (i % 2)), darker(colour, 0.15)
        )
        pen.leaf((x, y), (x + 0.27, y - 0.2), 0.5, darker(colour, 0.08), lighter(colour, 0.3))


def nut(pen: Pen, colour: Colour) -> None:
    for x, y, lean in ((0.34, 0.5, -24), (0.66, 0.56, 28)):
        c, s = math.cos(math.radians(lean)), math.sin(math.radians(lean))
        base, tip = (x - 0.36 * s, y + 0.36 * c), (x + 0.36 * s, y - 0.36 * c)
        pen.leaf(base, tip, 0.62, darker(colour, 0.1 if lean > 0 else 0))
        for off in (-0.1, 0.0, 0.1):
            ends = [(px + off * c * 0.5, py + off * s * 0.5) for px, py in (base, tip)]
            middle = (x + off * c, y + off * s)
            cut = [
                (middle[0] + (px - middle[0]) * 0.6, middle[1] + (py - middle[1]) * 0.6)
                for px, py in ends
            ]
            pen.line([cut[0], middle, cut[1]], 0.018, darker(colour, 0.28))


def bean(pen: Pen, colour: Colour) -> None:
    for x, y, lean, tone in ((0.36, 0.4, 35, 0.0), (0.66, 0.63, -30, 0.14)):
        shade = darker(colour, tone)
        c, s = math.cos(math.radians(lean)), math.sin(math.radians(lean))
        pen.oval(x, y, 0.2, 0.29, shade, lean)
        groove = [(0.0, -0.26), (0.05, -0.1), (-0.05, 0.1), (0.0, 0.26)]
        pen.line(
            [(x + u * c - v * s, y + u * s + v * c) for u, v in groove], 0.04, darker(shade, 0.45)
        )
        pen.oval(x - 0.09, y - 0.1, 0.025, 0.07, lighter(shade, 0.4), lean)


def chocolate(pen: Pen, colour: Colour) -> None:
    for i in range(3):
        for j in range(3):
            x, y = 0.14 + 0.25 * i + 0.02 * j, 0.1 + 0.27 * j
            if (i, j) == (2, 0):
                continue  # a piece is already eaten
            pen.poly(
                [(x, y), (x + 0.23, y), (x + 0.23, y + 0.25), (x, y + 0.25)], darker(colour, 0.2)
            )
            pen.poly(
                [
                    (x + 0.04, y + 0.04),
                    (x + 0.19, y + 0.04),
                    (x + 0.19, y + 0.2),
                    (x + 0.04, y + 0.2),
                ],
                lighter(colour, 0.1),
            )


def drop(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.5, 0.04),
            (0.66, 0.34),
            (0.8, 0.64),
            (0.7, 0.86),
            (0.5, 0.94),
            (0.3, 0.86),
            (0.2, 0.64),
            (0.34, 0.34),
        ],
        colour,
    )
    pen.blob([(0.32, 0.6), (0.3, 0.74), (0.42, 0.84), (0.38, 0.72)], lighter(colour, 0.7))


def honey(pen: Pen, colour: Colour) -> None:
    for i, (x, y) in enumerate(
        (
            (0.5, 0.5),
            (0.5, 0.18),
            (0.5, 0.82),
            (0.22, 0.34),
            (0.78, 0.34),
            (0.22, 0.66),
            (0.78, 0.66),
        )
    ):
        tone = lighter(colour, 0.4) if i in (1, 5) else darker(colour, 0.08 * (i % 3))
        ring = [
            (x + 0.165 * math.cos(k * math.pi / 3), y + 0.165 * math.sin(k * math.pi / 3))
            for k in range(6)
        ]
        pen.poly(ring, tone)
    pen.oval(0.45, 0.44, 0.06, 0.03, lighter(colour, 0.7), -30)


def fish(pen: Pen, colour: Colour) -> None:
    pen.poly([(0.68, 0.5), (0.97, 0.26), (0.9, 0.5), (0.97, 0.74)], darker(colour, 0.2))
    pen.leaf((0.8, 0.5), (0.02, 0.5), 0.56, colour)
    pen.blob([(0.42, 0.32), (0.56, 0.18), (0.62, 0.36)], darker(colour, 0.2))
    for x in (0.4, 0.5, 0.6):
        pen.arc(x, 0.5, 0.13, 110, 250, 0.025, lighter(colour, 0.45))
    pen.disc(0.2, 0.46, 0.035, (255, 255, 255))
    pen.disc(0.2, 0.46, 0.018, (30, 30, 40))


def salt(pen: Pen, colour: Colour) -> None:
    for y, tone in ((0.62, 0.0), (0.76, 0.14)):
        pen.blob(
            [
                (0.0, y + 0.06),
                (0.16, y - 0.04),
                (0.34, y + 0.06),
                (0.5, y - 0.04),
                (0.68, y + 0.06),
                (0.84, y - 0.04),
                (1.0, y + 0.06),
                (0.9, y + 0.16),
                (0.1, y + 0.16),
            ],
            darker(colour, tone),
        )
    for x, y, r in ((0.5, 0.28, 0.2), (0.26, 0.42, 0.1), (0.76, 0.4, 0.12)):
        pen.poly([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], lighter(colour, 0.75))
        pen.poly([(x, y - r), (x + r, y), (x, y)], lighter(colour, 0.45))


def potato(pen: Pen, colour: Colour) -> None:
    for x, y, lean in ((0.4, 0.38, -25), (0.6, 0.64, 20)):
        pen.oval(x, y, 0.36, 0.24, darker(colour, 0.08), lean)
        pen.oval(x, y - 0.015, 0.33, 0.205, lighter(colour, 0.25), lean)
        for u, v in ((-0.14, 0.02), (0.06, -0.06), (0.14, 0.06), (-0.02, 0.08)):
            pen.disc(x + u, y + v, 0.016, darker(colour, 0.14))


def mountain(pen: Pen, colour: Colour) -> None:
    pen.poly([(0.0, 0.86), (0.36, 0.2), (0.72, 0.86)], darker(colour, 0.12))
    pen.poly([(0.36, 0.2), (0.48, 0.43), (0.4, 0.38), (0.34, 0.47), (0.24, 0.42)], (255, 255, 255))
    pen.poly([(0.4, 0.86), (0.7, 0.4), (1.0, 0.86)], lighter(colour, 0.15))
    pen.poly([(0.7, 0.4), (0.79, 0.54), (0.7, 0.52), (0.62, 0.53)], (255, 255, 255))


def sun(pen: Pen, colour: Colour) -> None:
    pen.star(0.5, 0.5, 0.48, 0.34, 16, lighter(colour, 0.25))
    pen.disc(0.5, 0.5, 0.3, colour)


def moon(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.62, 0.08),
            (0.3, 0.16),
            (0.12, 0.5),
            (0.3, 0.84),
            (0.62, 0.92),
            (0.82, 0.8),
            (0.54, 0.7),
            (0.44, 0.46),
            (0.52, 0.22),
        ],
        colour,
    )
    pen.star(0.76, 0.3, 0.13, 0.055, 5, lighter(colour, 0.4))
    pen.star(0.86, 0.58, 0.08, 0.035, 5, lighter(colour, 0.4))


def flame(pen: Pen, colour: Colour) -> None:
    pen.blob(
        [
            (0.52, 0.03),
            (0.72, 0.28),
            (0.84, 0.6),
            (0.7, 0.88),
            (0.5, 0.95),
            (0.28, 0.86),
            (0.18, 0.6),
            (0.32, 0.42),
            (0.38, 0.5),
            (0.44, 0.28),
        ],
        colour,
    )
    pen.blob(
        [(0.52, 0.46), (0.66, 0.68), (0.6, 0.86), (0.48, 0.9), (0.36, 0.8), (0.4, 0.66)],
        mix(colour, (255, 214, 92), 0.75),
    )


def snow(pen: Pen, colour: Colour) -> None:
    for i in range(6):
        c, s = math.cos(i * math.pi / 3), math.sin(i * math.pi / 3)
        pen.line([(0.5, 0.5), (0.5 + 0.42 * c, 0.5 + 0.42 * s)], 0.05, colour)
        for turn in (-0.6, 0.6):
            c2, s2 = math.cos(i * math.pi / 3 + turn), math.sin(i * math.pi / 3 + turn)
            root = (0.5 + 0.24 * c, 0.5 + 0.24 * s)
            pen.line([root, (root[0] + 0.15 * c2, root[1] + 0.15 * s2)], 0.04, colour)


def bubbles(pen: Pen, colour: Colour) -> None:
    for x, y, r in (
        (0.34, 0.62, 0.24),
        (0.68, 0.46, 0.19),
        (0.36, 0.22, 0.12),
        (0.74, 0.82, 0.1),
        (0.62, 0.12, 0.06),
    ):
        pen.disc(x, y, r, lighter(colour, 0.18))
        pen.disc(x, y, r * 0.8, lighter(colour, 0.4))
        pen.oval(x - r * 0.35, y - r * 0.4, r * 0.24, r * 0.13, (255, 255, 255), -40)


PANTRY: dict[str, Icon] = {
    icon.__name__: icon
    for icon in (
        grain,
        nut,
        bean,
        chocolate,
        drop,
        honey,
        fish,
        salt,
        potato,
        mountain,
        sun,
        moon,
        flame,
        snow,
        bubbles,
    )
}
