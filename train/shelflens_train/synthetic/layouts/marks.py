"""What every pack carries whatever its layout: brand, names, small print and badge."""

from __future__ import annotations

import math

import numpy as np

from shelflens_train.synthetic.colour import (
    Colour,
    contrast,
    darker,
    lighter,
    luminance,
    mix,
    readable,
)
from shelflens_train.synthetic.layouts.label import Label
from shelflens_train.synthetic.lettering import write


def logo(
    label: Label,
    y0: float,
    y1: float,
    ground: Colour,
    *,
    align: str = "centre",
    x0: float = 0.08,
    x1: float = 0.92,
) -> None:
    """Sets the brand the family's way between two heights, shares of the label."""
    design, brand = label.design, label.product.brand
    ink = readable(ground, design.ink, design.spark, design.panel, min_contrast=3.5)
    top, bottom = y0 * label.h, y1 * label.h
    high = bottom - top
    left, right = label.left + x0 * label.span, label.left + x1 * label.span
    centre = (left + right) / 2 if align == "centre" else left
    if design.logo == "pill":
        width = min(right - left, high * (0.9 + 0.62 * len(brand)))
        start = centre - width / 2 if align == "centre" else left
        back = design.spark if contrast(ground, design.spark) > 1.5 else ink
        label.fill(back, (start, top, start + width, bottom), radius=high * 0.5)
        box = (
            start + high * 0.45,
            top + high * 0.24,
            start + width - high * 0.45,
            bottom - high * 0.24,
        )
        write(
            label.image,
            brand,
            box,
            design.brand_face,
            readable(back, design.panel, design.ink, min_contrast=2.6),
        )
    elif design.logo == "ruled":
        write(
            label.image,
            brand,
            (left, top, right, bottom - high * 0.36),
            design.brand_face,
            ink,
            align=align,
            valign="bottom",
            cap=0.115 * label.unit,
        )
        width = (right - left) * 0.34
        start = centre - width / 2 if align == "centre" else left
        label.fill(
            design.spark if contrast(ground, design.spark) > 1.4 else ink,
            (start, bottom - high * 0.12, start + width, bottom - high * 0.04),
        )
    elif design.logo == "mark":
        size = high * 0.62
        middle = centre if align == "centre" else left + size / 2
        mark = ("sun", "leaf", "mountain", "moon", "drop", "grain", "flame")[design.detail % 7]
        label.stamp(middle, top + size * 0.45, size, ink, name=mark)
        write(
            label.image,
            brand,
            (left, top + high * 0.6, right, bottom),
            design.brand_face,
            ink,
            align=align,
        )
    elif design.logo == "circle" and align == "centre":
        radius = high * 0.62
        label.oval(centre, top + high * 0.46, radius * 1.5, radius, ink)
        label.oval(
            centre,
            top + high * 0.46,
            radius * 1.42,
            radius * 0.92,
            readable(ink, design.panel),
            ring=2,
        )
        box = (
            centre - radius * 1.16,
            top + high * 0.22,
            centre + radius * 1.16,
            top + high * 0.7,
        )
        write(label.image, brand, box, design.brand_face, readable(ink, design.panel))
    else:
        write(
            label.image,
            brand,
            (left, top, right, bottom),
            design.brand_face,
            ink,
            align=align,
            cap=0.115 * label.unit,
        )


def small(label: Label, ground: Colour, *, y: float = 0.945, align: str = "centre") -> None:
    """Prints the net weight, the size small print has."""
    ink = mix(label.on(ground), ground, 0.12)
    cap = min(0.05, 0.034 * label.h / label.unit)
    high = cap * label.unit / label.h
    label.write(
        f"Net wt. {label.product.weight}" if label.design.detail % 2 else label.product.weight,
        y - high / 2,
        y + high / 2,
        label.design.text_face,
        ink,
        align=align,
        cap=cap,
    )


def badge(label: Label, x: float, y: float, ground: Colour) -> None:
    """Stamps the badge, if any, centred on a point: shares of safe width and of height."""
    if not label.design.badge:
        return
    design = label.design
    cx, cy, radius = label.left + x * label.span, y * label.h, label.unit * 0.125
    back = design.spark if contrast(ground, design.spark) > 1.45 else label.on(ground)
    if design.detail % 3:
        label.oval(cx, cy, radius, radius, back)
    else:
        ring = np.linspace(0, 2 * math.pi, 49)
        edge = [
            (
                cx + radius * (1.06 if i % 2 else 0.93) * math.cos(t),
                cy + radius * (1.06 if i % 2 else 0.93) * math.sin(t),
            )
            for i, t in enumerate(ring)
        ]
        label.poly(edge, back)
    ink = readable(back, design.panel, design.ink, min_contrast=2.6)
    label.oval(cx, cy, radius * 0.84, radius * 0.84, ink, ring=max(1.0, radius * 0.03))
    box = (cx - radius * 0.7, cy - radius * 0.42, cx + radius * 0.7, cy + radius * 0.42)
    write(label.image, design.badge, box, "heavy", ink, lines=3, cap=radius * 0.3)


def names(
    label: Label,
    y0: float,
    y1: float,
    ground: tuple[int, int, int],
    align: str = "centre",
    flavour: bool = True,
) -> None:
    """Sets product and flavour, the flavour in its own colour, in one column."""
    product, design = label.product, label.design
    # A fifth of the column stays free between the two: it is what descenders hang into.
    name, gap = (0.58, 0.2) if flavour else (1.0, 0.0)
    cut = y0 + (y1 - y0) * name
    label.write(
        product.words,
        y0,
        cut,
        design.name_face,
        label.on(ground),
        lines=2,
        cap=0.2,
        align=align,
        valign="middle",
        x0=0.02,
        x1=0.98,
    )
    if flavour:
        label.write(
            product.flavour,
            cut + (y1 - y0) * gap,
            y1,
            design.text_face,
            label.accent_on(ground),
            cap=0.08,
            align=align,
            x0=0.04,
            x1=0.96,
        )


def against(label: Label, ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """Returns the icon's colour for standing on a field of its own colour."""
    accent = label.product.accent
    return lighter(accent, 0.55) if luminance(ground) < 0.35 else darker(accent, 0.28)
