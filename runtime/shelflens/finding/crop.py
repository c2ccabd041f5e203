"""The part of a picture that is embedded for a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelflens.finding.regions import Box

MARGIN = 0.12
"""Added on every side, as a share of the box's: enrolled photos show something around a product."""


def crop(pixels: NDArray[np.uint8], box: Box, *, margin: float = MARGIN) -> NDArray[np.uint8]:
    """Cut a box out, with a margin, in the shape of the whole picture.

    A photo is stretched to a square when it is embedded. A crop of the picture's own shape is
    stretched as the whole picture would be, and as enrolled photos of that camera were.

    Args:
        pixels: uint8 [h, w, 3].
        box: As shares of the picture.
        margin: As a share of the box's longer side.

    Returns:
        uint8 [h', w', 3], at least one pixel each way.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    side = min(1.0, max(right - left, bottom - top) * (1 + 2 * margin))
    x0, x1 = _span((left + right) / 2, side, width)
    y0, y1 = _span((top + bottom) / 2, side, height)
    return pixels[y0:y1, x0:x1]


def _span(middle: float, side: float, length: int) -> tuple[int, int]:
    """First and last pixel of a side, moved so that all of it lies in the picture."""
    start = min(max(0.0, middle - side / 2), 1.0 - side)
    first = min(int(start * length), length - 1)
    return first, max(first + 1, min(length, round((start + side) * length)))
