"""Homographies: where a flat picture is seen when it is looked at from an angle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

Corners = Sequence[tuple[float, float]]
"""Four points (x, y) in pixels: top left, top right, bottom right, bottom left."""


def rectangle(width: float, height: float) -> list[tuple[float, float]]:
    """The corners of a picture of this size."""
    return [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]


def homography(source: Corners, target: Corners) -> tuple[float, ...]:
    """The eight coefficients with which Pillow shows `source` at `target`.

    Pillow asks for the way back, from where a pixel lands to where it comes from.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    solution = np.linalg.solve(np.array(rows, np.float64), np.array(values, np.float64))
    return tuple(float(coefficient) for coefficient in solution)


def warp(
    image: Image.Image, source: Corners, target: Corners, size: tuple[int, int]
) -> Image.Image:
    """A picture of `size` in which the `source` corners of an image are seen at `target`.

    Sampled bilinearly; shrink the image first where many of its pixels fall on one.
    """
    return image.transform(
        size,
        Image.Transform.PERSPECTIVE,
        homography(source, target),
        Image.Resampling.BILINEAR,
    )
