"""The page's icons, drawn: a lens over a shelf of products."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

GREEN, DEEP, PAPER = "#1f8a5b", "#166946", "#fffdf8"
PRODUCTS = ("#f4b942", "#e4633d", "#3d7ea6")
_FINE = 4  # drawn this many times larger, then averaged: smooth edges


def icon(size: int, *, maskable: bool = False) -> bytes:
    """A square PNG.

    Args:
        size: Side in pixels.
        maskable: Fill the whole square and keep the drawing inside the middle 80 %, so that a
            phone can cut it to a circle.
    """
    side = size * _FINE
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, side - 1, side - 1), 0 if maskable else side * 0.22, GREEN)
    _lens(draw, side, 0.74 if maskable else 0.92)
    buffer = BytesIO()
    small = picture.resize((size, size), Image.Resampling.BOX)
    (small.convert("RGB") if maskable else small).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _lens(draw: ImageDraw.ImageDraw, side: int, scale: float) -> None:
    def at(x: float, y: float) -> tuple[float, float]:  # -1 to 1 from the middle
        return side * (0.5 + 0.5 * scale * x), side * (0.5 + 0.5 * scale * y)

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        return (*at(x, y), *at(x + w, y + h))

    unit = side * 0.5 * scale
    draw.line((at(0.28, 0.28), at(0.66, 0.66)), DEEP, round(0.24 * unit))
    draw.ellipse(box(0.54, 0.54, 0.24, 0.24), DEEP)
    draw.ellipse(box(-0.74, -0.74, 1.2, 1.2), DEEP)
    draw.ellipse(box(-0.67, -0.67, 1.06, 1.06), PAPER)
    for place, (colour, height) in enumerate(zip(PRODUCTS, (0.42, 0.56, 0.36), strict=True)):
        left = -0.46 + place * 0.225
        draw.rounded_rectangle(box(left, 0.1 - height, 0.19, height), 0.035 * unit, colour)
    draw.rounded_rectangle(box(-0.52, 0.11, 0.76, 0.075), 0.035 * unit, DEEP)
