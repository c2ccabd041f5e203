"""Pictures with what a finder says of them, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.render.boxes import Label, draw_boxes

WIDTH, HEIGHT = 320, 240
"""Of a picture on the sheet, pixels."""


def masked(
    pixels: NDArray[np.uint8], cells: NDArray[np.float32], labels: Sequence[Label]
) -> Image.Image:
    """A picture with boxes, and the mask as a red veil.

    Args:
        pixels: uint8 [h, w, 3].
        cells: float32 [g, g, 6], the finder's output.
        labels: The boxes.
    """
    image = draw_boxes(pixels, labels).resize((WIDTH, HEIGHT))
    veil = Image.fromarray((cells[..., 0] * 90).astype(np.uint8)).resize((WIDTH, HEIGHT))
    image.paste((255, 0, 0), (0, 0), veil)
    return image


def grid(images: Iterable[Image.Image], columns: int = 6) -> Image.Image:
    """Pictures in rows."""
    chosen = list(images)
    canvas = Image.new("RGB", (columns * WIDTH, -(-len(chosen) // columns) * HEIGHT))
    for index, image in enumerate(chosen):
        canvas.paste(image, (index % columns * WIDTH, index // columns * HEIGHT))
    return canvas
