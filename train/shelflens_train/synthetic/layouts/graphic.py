"""Layouts of bands, stripes and grids. Heights are shares of the label."""

from __future__ import annotations

import math

from shelflens_train.synthetic.colour import contrast, lighter, luminance, mix
from shelflens_train.synthetic.layouts.label import Label
from shelflens_train.synthetic.layouts.marks import against, badge, logo, small


def band(label: Label) -> None:
    design, accent = label.design, label.product.accent
    if design.detail % 2:
        label.pattern(mix(design.ground, label.on(design.ground), 0.08))
    logo(label, 0.07, 0.2, design.ground)
    label.fill(accent, (0, 0.29 * label.h, label.w, 0.6 * label.h))
    for y in (0.275, 0.605):
        label.fill(
            design.spark if contrast(design.spark, design.ground) > 1.3 else design.panel,
            (0, y * label.h, label.w, (y + 0.012) * label.h),
        )
    ink = label.on(accent)
    label.write(label.product.words, 0.335, 0.475, design.name_face, ink, lines=2, cap=0.17)
    label.write(label.product.flavour, 0.515, 0.56, design.text_face, ink, cap=0.08)
    label.cluster(label.middle, 0.765 * label.h, min(0.52 * label.unit, 0.3 * label.h))
    badge(label, 0.88, 0.275, design.ground)
    small(label, design.ground)


def diagonal(label: Label) -> None:
    design, accent, w, h = label.design, label.product.accent, label.w, label.h
    slope = 0.12 if design.detail % 2 else -0.12
    stripe = design.spark if contrast(design.spark, accent) > 1.3 else design.panel
    for rise, colour in ((-0.035, stripe), (0.0, accent)):
        label.poly(
            [(0, (0.6 + slope + rise) * h), (w, (0.6 - slope + rise) * h), (w, h), (0, h)], colour
        )
    logo(label, 0.06, 0.16, design.ground, align="left", x0=0.04, x1=0.68)
    label.write(
        label.product.words,
        0.2,
        0.38,
        design.name_face,
        label.on(design.ground),
        align="left",
        lines=2,
        x0=0.04,
        x1=0.92,
        cap=0.2,
        valign="top",
    )
    x = label.left + label.span * (0.62 if slope > 0 else 0.4)
    size = min(0.62 * label.unit, 0.37 * h)
    label.oval(x, 0.61 * h, size * 0.56, size * 0.56, design.panel)
    label.icon(x, 0.61 * h, size * 0.86, lean=-8)
    label.write(
        label.product.flavour,
        0.86,
        0.91,
        design.text_face,
        label.on(accent),
        align="left",
        x0=0.04,
        x1=0.9,
        cap=0.1,
    )
    badge(label, 0.88, 0.09, design.ground)
    small(label, accent, y=0.955, align="left")


def pattern(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    strong = contrast(design.ground, accent) > 1.35
    label.pattern(
        mix(design.ground, accent, 0.75) if strong else mix(design.ground, design.ink, 0.2),
        kind="icons",
    )
    left, right = label.left + 0.03 * label.span, label.right - 0.03 * label.span
    top, bottom, radius = 0.16 * h, 0.8 * h, 0.06 * label.unit
    label.fill(design.panel, (left, top, right, bottom), radius=radius)
    label.fill(accent, (left, 0.67 * h, right, bottom), radius=radius)
    label.fill(accent, (left, 0.67 * h, right, 0.73 * h))
    logo(label, 0.2, 0.31, design.panel, x0=0.14, x1=0.86)
    label.write(
        label.product.words,
        0.37,
        0.61,
        design.name_face,
        label.on(design.panel),
        lines=2,
        x0=0.1,
        x1=0.9,
        cap=0.2,
    )
    label.write(
        label.product.flavour,
        0.71,
        0.76,
        design.text_face,
        label.on(accent),
        x0=0.1,
        x1=0.9,
        cap=0.09,
    )
    badge(label, 0.9, 0.17, design.panel)
    label.fill(
        design.ground,
        (label.middle - 0.2 * label.span, 0.905 * h, label.middle + 0.2 * label.span, 0.965 * h),
        radius=0.03 * h,
    )
    small(label, design.ground, y=0.935)


def swiss(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    paper = design.panel if luminance(design.ground) > 0.35 else design.ground
    label.fill(paper)
    label.fill(accent, (0, 0.56 * h, label.w, h))
    size = min(0.86 * label.span, 0.62 * h)
    middle = label.right - size * 0.34
    label.oval(
        middle, 0.77 * h, size * 0.52, min(size * 0.52, 0.21 * h), mix(accent, design.panel, 0.22)
    )
    label.icon(middle, 0.77 * h, min(size * 0.82, 0.4 * h), lean=10, colour=against(label, accent))
    logo(label, 0.055, 0.13, paper, align="left", x0=0.04, x1=0.6)
    label.fill(
        label.on(paper),
        (label.left + 0.04 * label.span, 0.165 * h, label.right - 0.04 * label.span, 0.17 * h),
    )
    last = label.write(
        label.product.words,
        0.22,
        0.4,
        design.name_face,
        label.on(paper),
        align="left",
        lines=2,
        x0=0.04,
        x1=0.96,
        cap=0.24,
        valign="top",
    )
    label.write(
        label.product.flavour,
        last + 0.045,
        min(last + 0.11, 0.52),
        design.text_face,
        label.accent_on(paper),
        align="left",
        x0=0.04,
        x1=0.9,
        cap=0.085,
        valign="top",
    )
    badge(label, 0.88, 0.1, paper)
    small(label, accent, y=0.94, align="left")


def stripes(label: Label) -> None:
    design, accent, w, h = label.design, label.product.accent, label.w, label.h
    label.fill(design.panel)
    count = 2 * max(3, round(w / label.unit * 4)) + 1
    tone = accent if design.detail % 2 else design.ground
    if contrast(tone, design.panel) < 1.25:
        tone = accent
    for i in range(0, count, 2):
        label.fill(tone, (w * i / count, 0, w * (i + 1) / count, h))
    rx, ry = 0.52 * label.span, min(0.31 * h, 0.62 * label.span)
    for grow, colour in ((1.0, design.panel), (0.95, design.ink), (0.925, design.panel)):
        label.oval(label.middle, 0.46 * h, rx * grow, ry * grow, colour)
    part = ry / h
    logo(label, 0.46 - part * 0.72, 0.46 - part * 0.4, design.panel, x0=0.26, x1=0.74)
    label.write(
        label.product.words,
        0.46 - part * 0.24,
        0.46 + part * 0.22,
        design.name_face,
        label.on(design.panel),
        lines=2,
        x0=0.12,
        x1=0.88,
        cap=0.18,
    )
    label.write(
        label.product.flavour,
        0.46 + part * 0.38,
        0.46 + part * 0.56,
        design.text_face,
        label.accent_on(design.panel),
        x0=0.2,
        x1=0.8,
        cap=0.075,
    )
    label.icon(
        label.middle,
        (0.46 + part) * h + 0.02 * h,
        min(0.38 * label.unit, 0.28 * h),
        halo=design.panel,
    )
    label.fill(design.ink, (0, 0.905 * h, w, h))
    small(label, design.ink, y=0.955)
    badge(label, 0.87, 0.46 - part * 1.02, tone)


def blocks(label: Label) -> None:
    design, accent, w, h = label.design, label.product.accent, label.w, label.h
    tones = [accent, design.spark, design.ink, lighter(accent, 0.45), design.panel]
    side = label.span / 3
    rows = max(1, round(0.5 * h / side))
    side_y = 0.48 * h / rows
    first = label.left - math.ceil(label.left / side) * side
    for row in range(rows):
        for column in range(math.ceil(w / side) + 1):
            x, y = first + column * side, 0.52 * h + row * side_y
            ground_tone, shape_tone = label.rng.permutation(len(tones))[:2]
            label.fill(tones[ground_tone], (x, y, x + side, y + side_y))
            shape = 4 if (row + 2 * column) % 3 == design.detail % 3 else int(label.rng.integers(4))
            if shape == 0:
                label.oval(
                    x + side / 2, y + side_y / 2, side * 0.32, side_y * 0.32, tones[shape_tone]
                )
            elif shape == 1:
                label.poly([(x, y), (x + side, y + side_y), (x, y + side_y)], tones[shape_tone])
            elif shape == 2:
                fan = [
                    (
                        x + side * math.sin(t / 16 * math.pi / 2),
                        y + side_y * (1 - math.cos(t / 16 * math.pi / 2)),
                    )
                    for t in range(17)
                ]
                label.poly([(x, y + side_y), *fan], tones[shape_tone])
            elif shape == 3:
                half = [
                    (
                        x + side / 2 + side / 2 * math.cos(t / 16 * math.pi),
                        y + side_y * 0.5 * math.sin(t / 16 * math.pi),
                    )
                    for t in range(17)
                ]
                label.poly(half, tones[shape_tone])
            else:
                label.fill(design.panel, (x, y, x + side, y + side_y))
                label.icon(x + side / 2, y + side_y / 2, min(side, side_y) * 0.84)
    paper = design.ground
    logo(label, 0.06, 0.15, paper, align="left", x0=0.0, x1=0.68)
    label.write(
        label.product.words,
        0.19,
        0.35,
        design.name_face,
        label.on(paper),
        align="left",
        lines=2,
        cap=0.2,
        valign="top",
    )
    label.write(
        label.product.flavour,
        0.4,
        0.455,
        design.text_face,
        label.accent_on(paper),
        align="left",
        x1=0.66,
        cap=0.075,
    )
    label.write(
        label.product.weight,
        0.415,
        0.445,
        design.text_face,
        label.on(paper),
        align="right",
        x0=0.7,
        cap=0.045,
    )
    badge(label, 0.88, 0.11, paper)
