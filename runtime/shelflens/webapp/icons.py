"""The web app's icons: a lens over a shelf of products."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

GREEN, DEEP, PAPER = "#1f8a5b", "#0f4f34", "#fffdf8"
PRODUCTS = ("#f4b942", "#f0714a", "#6cb6e4")
_FINE = 4  # rendered this many times larger, then averaged: smooth edges


def icon(size: int, *, maskable: bool = False) -> bytes:
    """A square PNG.

    Args:
        size: Side in pixels.
        maskable: Fill the whole square and keep the drawing inside the middle 80 %, so that a
            phone can cut it to a circle.
    """
    side = size * _FINE
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, side - 1, side - 1), 0 if maskable else side * 0.22, GREEN)
    _lens(draw, side, 0.74 if maskable else 0.92)
    buffer = BytesIO()
    small = image.resize((size, size), Image.Resampling.BOX)
    (small.convert("RGB") if maskable else small).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _lens(draw: ImageDraw.ImageDraw, side: int, scale: float) -> None:
    def at(x: float, y: float) -> tuple[float, float]:  # -1 to 1 from the middle
        return side * (0.5 + 0.5 * scale * x), side * (0.5 + 0.5 * scale * y)

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        return (*at(x, y), *at(x + w, y + h))

    def block(where: tuple[float, float, float, float], colour: str, round_by: float) -> None:
        draw.rounded_rectangle(where, round_by * side * 0.5 * scale, colour)

    draw.line((at(0.3, 0.3), at(0.7, 0.7)), PAPER, round(0.26 * side * 0.5 * scale))
    draw.ellipse(box(0.57, 0.57, 0.26, 0.26), PAPER)
    draw.ellipse(box(-0.84, -0.84, 1.42, 1.42), PAPER)
    draw.ellipse(box(-0.73, -0.73, 1.2, 1.2), DEEP)
    yellow, red, blue = PRODUCTS
    block(box(-0.44, -0.46, 0.08, 0.2), yellow, 0.02)  # a bottle
    block(box(-0.5, -0.32, 0.2, 0.46), yellow, 0.07)
    block(box(-0.24, -0.36, 0.23, 0.5), red, 0.03)  # a carton with its label
    block(box(-0.2, -0.14, 0.15, 0.14), PAPER, 0.02)
    block(box(0.06, -0.2, 0.17, 0.06), PAPER, 0.02)  # a jar with its lid
    block(box(0.04, -0.13, 0.21, 0.27), blue, 0.06)
    block(box(-0.58, 0.17, 0.9, 0.08), PAPER, 0.03)  # the shelf
