"""Colours as plain (red, green, blue) tuples of 0..255, and the few sums packaging needs."""

from __future__ import annotations

import colorsys
import math

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (34, 32, 38)
LEAF: Colour = (86, 142, 78)


def parse(text: str) -> Colour:
    """Reads ``#rrggbb``."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mix(base: Colour, added: Colour, share: float) -> Colour:
    """Returns ``base`` with ``share`` (0..1) of ``added`` blended in."""
    r, g, b = (round(p + (q - p) * share) for p, q in zip(base, added, strict=True))
    return r, g, b


def lighter(colour: Colour, share: float) -> Colour:
    """Blends towards a warm white, which prints nicer than a pure one."""
    return mix(colour, (255, 252, 246), share)


def darker(colour: Colour, share: float) -> Colour:
    """Blends towards a blue black, which keeps shades of warm colours from turning to mud."""
    return mix(colour, (18, 14, 34), share)


def luminance(colour: Colour) -> float:
    """Returns the relative luminance, 0 (black) to 1 (white), as the WCAG contrast rule defines."""
    r, g, b = (math.pow(value / 255, 2.2) for value in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(first: Colour, second: Colour) -> float:
    """Returns the WCAG contrast ratio, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable(ground: Colour, *choices: Colour, min_contrast: float = 3.0) -> Colour:
    """Returns the first of ``choices`` that reads on ``ground``, or else the best of them.

    Args:
        ground: What the text is printed on.
        choices: Colours in order of taste.
        min_contrast: Contrast ratio that counts as readable; 3 is the rule for large type.
    """
    for choice in choices:
        if contrast(ground, choice) >= min_contrast:
            return choice
    return max((*choices, WHITE, INK), key=lambda choice: contrast(ground, choice))


def turn(colour: Colour, hue: float, *, light: float = 0.0) -> Colour:
    """Returns the colour with its hue turned (1 is a full circle) and its lightness moved."""
    h, lightness, s = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    lightness = min(max(lightness + light, 0.0), 1.0)
    r, g, b = (round(value * 255) for value in colorsys.hls_to_rgb((h + hue) % 1.0, lightness, s))
    return r, g, b
