"""Layouts around a picture: a medallion, hills, waves, an arch. Heights are shares of the label."""

from __future__ import annotations

import math

from shelflens_train.synthetic.colour import contrast, darker, lighter, mix
from shelflens_train.synthetic.layouts.label import Label
from shelflens_train.synthetic.layouts.marks import against, badge, logo, names, small


def medallion(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    label.pattern(mix(design.ground, label.on(design.ground), 0.16))
    radius = min(0.5 * label.span, 0.46 * h)
    x, y = label.middle, 0.47 * h
    label.oval(x, y, radius, radius, design.panel)
    label.oval(x, y, radius * 0.94, radius * 0.94, accent, ring=radius * 0.035)
    part = radius / h
    inset = 0.5 - 0.36 * radius / label.span * 2
    logo(
        label,
        0.47 - part * 0.74,
        0.47 - part * 0.42,
        design.panel,
        x0=0.5 - 0.24 * 2 * radius / label.span,
        x1=0.5 + 0.24 * 2 * radius / label.span,
    )
    label.write(
        label.product.words,
        0.47 - part * 0.28,
        0.47 + part * 0.26,
        design.name_face,
        label.on(design.panel),
        lines=2,
        x0=inset,
        x1=1 - inset,
        cap=0.17,
    )
    label.write(
        label.product.flavour,
        0.47 + part * 0.36,
        0.47 + part * 0.5,
        design.text_face,
        label.accent_on(design.panel),
        x0=inset + 0.04,
        x1=0.96 - inset,
        cap=0.075,
    )
    size = min(0.42 * label.unit, 0.3 * h)
    label.icon(x, y + radius * 0.98, size, halo=design.panel)
    badge(label, 0.86, 0.47 - part * 0.86, design.ground)
    small(label, design.ground, y=0.95)


def hills(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    sky = design.ground
    warm = design.spark if contrast(design.spark, sky) > 1.25 else lighter(accent, 0.4)
    x = label.left + label.span * (0.7 if design.detail % 2 else 0.3)
    radius = 0.17 * label.unit
    label.oval(x, 0.58 * h, radius * 1.35, radius * 1.35, mix(sky, warm, 0.35))
    label.oval(x, 0.58 * h, radius, radius, warm)
    for i, (y, tone) in enumerate(((0.62, 0.45), (0.7, 0.15), (0.8, 0.0), (0.9, -0.2))):
        colour = lighter(accent, tone) if tone >= 0 else darker(accent, -tone)
        label.swell(y * h, 0.035 * h, 0.55 + 0.12 * i, 0.31 * i + design.detail % 7 / 7, colour)
    logo(label, 0.06, 0.16, sky)
    names(label, 0.2, 0.46, sky)
    size = min(0.46 * label.unit, 0.32 * h)
    label.icon(
        label.middle + (0.14 if design.detail % 2 == 0 else -0.14) * label.span,
        0.735 * h,
        size,
        halo=design.panel,
    )
    badge(label, 0.86 if design.detail % 2 == 0 else 0.14, 0.56, sky)
    small(label, darker(accent, 0.2), y=0.955)


def wave(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    phase = design.detail % 11 / 11
    label.swell(0.57 * h, 0.035 * h, 0.8, phase, lighter(accent, 0.5))
    label.swell(0.61 * h, 0.045 * h, 0.7, phase + 0.22, accent)
    label.swell(0.84 * h, 0.03 * h, 0.9, phase + 0.5, darker(accent, 0.18))
    logo(label, 0.06, 0.17, design.ground)
    names(label, 0.2, 0.46, design.ground)
    size = min(0.42 * label.unit, 0.3 * h)
    tone = against(label, accent) if contrast(accent, design.ground) < 1.2 else None
    label.oval(label.middle, 0.715 * h, size * 0.66, size * 0.66, design.panel)
    label.icon(label.middle, 0.715 * h, size, lean=8, colour=tone)
    badge(label, 0.14, 0.56, design.ground)
    small(label, darker(accent, 0.18), y=0.95)


def arch(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    half = min(0.42 * label.span, 0.34 * h)
    top = 0.46 * h
    sky = design.panel if contrast(design.panel, design.ground) > 1.25 else lighter(accent, 0.55)
    x0, x1 = label.middle - half, label.middle + half
    floor = 0.88 * h
    label.oval(label.middle, top + half, half, half, sky)
    label.fill(sky, (x0, top + half, x1, floor))
    sun = design.spark if contrast(design.spark, sky) > 1.3 else lighter(accent, 0.35)
    label.oval(label.middle, top + half * 0.95, half * 0.62, half * 0.62, sun)
    label.fill(design.ground, (0, floor, label.w, h))  # the discs may reach below the floor
    ground = 0.76 * h
    label.fill(accent, (x0, ground, x1, floor))
    label.fill(darker(accent, 0.2), (x0, ground + (floor - ground) * 0.72, x1, floor))
    label.icon(label.middle, (top + half * 0.3 + ground) / 2 + 0.055 * h, min(half * 1.3, 0.32 * h))
    logo(label, 0.055, 0.15, design.ground)
    names(label, 0.185, 0.42, design.ground)
    badge(label, 0.9, 0.5, design.ground)
    small(label, design.ground, y=0.945)


def hero(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    size = min(0.84 * label.span, 0.46 * h)
    y = 0.6 * h
    for grow, share in ((0.68, 0.18), (0.58, 0.36), (0.48, 0.6)):
        label.oval(
            label.middle,
            y,
            size * grow,
            size * grow,
            mix(design.ground, lighter(accent, 0.45), share),
        )
    label.icon(label.middle, y, size * 0.86, lean=-6)
    logo(label, 0.05, 0.13, design.ground)
    label.write(
        label.product.words,
        0.165,
        0.335,
        design.name_face,
        label.on(design.ground),
        lines=2,
        cap=0.22,
    )
    half = 0.4 * label.span
    back = accent if contrast(accent, design.ground) > 1.3 else label.on(design.ground)
    label.fill(
        back, (label.middle - half, 0.83 * h, label.middle + half, 0.9 * h), radius=0.035 * h
    )
    label.write(
        label.product.flavour,
        0.845,
        0.885,
        design.text_face,
        label.on(back),
        x0=0.16,
        x1=0.84,
        cap=0.08,
    )
    badge(label, 0.86, 0.42, design.ground)
    small(label, design.ground, y=0.95)


def rays(label: Label) -> None:
    design, accent, h = label.design, label.product.accent, label.h
    x, y = label.middle, 0.66 * h
    tone = mix(design.ground, accent, 0.5)
    if contrast(tone, design.ground) < 1.12:
        tone = mix(design.ground, design.ink, 0.15)
    reach = 1.3 * max(label.w, h)
    for i in range(24):
        a, b = 2 * math.pi * i / 24, 2 * math.pi * (i + 0.5) / 24
        label.poly(
            [
                (x, y),
                (x + reach * math.cos(a), y + reach * math.sin(a)),
                (x + reach * math.cos(b), y + reach * math.sin(b)),
            ],
            tone,
        )
    label.fill(design.ground, (0, 0, label.w, 0.385 * h))
    label.fill(accent, (0, 0.385 * h, label.w, 0.4 * h))
    size = min(0.6 * label.unit, 0.42 * h)
    label.oval(x, y, size * 0.62, size * 0.62, design.panel)
    label.oval(x, y, size * 0.585, size * 0.585, accent, ring=size * 0.025)
    label.icon(x, y, size * 0.8)
    logo(label, 0.055, 0.15, design.ground)
    label.write(
        label.product.words,
        0.18,
        0.335,
        design.name_face,
        label.on(design.ground),
        lines=2,
        cap=0.19,
    )
    label.fill(accent, (0, 0.86 * h, label.w, h))
    label.write(label.product.flavour, 0.885, 0.93, design.text_face, label.on(accent), cap=0.085)
    badge(label, 0.88, 0.47, design.ground)
    small(label, accent, y=0.965)
