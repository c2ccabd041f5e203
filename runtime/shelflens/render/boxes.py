"""A picture with boxes and names drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens.render.contact_sheet import font_of

COLOURS = {"match": "#1f8a5b", "ambiguous": "#c98a12", "unknown": "#7b8087", "wrong": "#c8372d"}
MAX_SIDE = 2000
"""Pixels of the drawing's longer side."""


@dataclass(frozen=True)
class Label:
    """A box, what stands in it, and a key of `COLOURS`."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom as shares of the picture."""
    text: str
    kind: str


def draw_boxes(pixels: NDArray[np.uint8], labels: Sequence[Label]) -> Image.Image:
    """The picture, at most `MAX_SIDE` pixels long, with a frame and a text for each label.

    Args:
        pixels: uint8 [h, w, 3].
        labels: What to draw, in this order.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    draw = ImageDraw.Draw(image)
    unit = max(1, round(max(image.size) / 500))
    for label in labels:
        left, top, right, bottom = (
            share * length for share, length in zip(label.box, image.size * 2, strict=True)
        )
        draw.rectangle((left, top, right, bottom), outline=COLOURS[label.kind], width=unit)
        room = right - left
        size = max(9, min(6 * unit, round(room / max(4, 0.5 * len(label.text)))))
        font = font_of(size)
        text = label.text
        while text and draw.textlength(text, font=font) > room - 4:
            text = text[:-1]
        if text:
            draw.rectangle((left, top, right, top + size * 1.4), fill=COLOURS[label.kind])
            draw.text((left + 2, top + size * 0.1), text, fill="white", font=font)
    return image
