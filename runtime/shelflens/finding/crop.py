"""The part of a picture that is embedded for a region."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shelflens.finding.regions import Box

MARGIN = 0.05
"""Added on every side, as a share of the box's; more finds less on pictures of several products."""


def crop(pixels: NDArray[np.uint8], box: Box, *, margin: float = MARGIN) -> NDArray[np.uint8]:
    """Cut a box out, with a margin where the picture goes on.

    Args:
        pixels: uint8 [h, w, 3].
        box: As shares of the picture.
        margin: As a share of the box's width and height.

    Returns:
        uint8 [h', w', 3], at least one pixel each way.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    x0, x1 = _span(left, right, margin, width)
    y0, y1 = _span(top, bottom, margin, height)
    return pixels[y0:y1, x0:x1]


def _span(low: float, high: float, margin: float, length: int) -> tuple[int, int]:
    """First and last pixel of a side."""
    more = (high - low) * margin
    first = min(max(0, math.floor((low - more) * length)), length - 1)
    return first, max(first + 1, min(length, math.ceil((high + more) * length)))
