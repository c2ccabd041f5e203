"""Homographies: where a flat picture is seen when it is looked at from an angle."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
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

    Sampled bilinearly; shrink the image first where many of its pixels fall on one. Outside the
    image it is empty, with a sharp edge: the faces of a box meet without a gap.
    """
    return image.transform(
        size,
        Image.Transform.PERSPECTIVE,
        homography(source, target),
        Image.Resampling.BILINEAR,
    )


def warp_pixels(
    pixels: NDArray[np.uint8],
    source: Corners,
    target: Corners,
    size: tuple[int, int],
    *,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[np.uint8]:
    """The same by OpenCV, in a fifth of the time, for a picture that is opaque.

    Args:
        pixels: uint8 [h, w] or [h, w, channels].
        source: Corners in it.
        target: Where they are seen.
        size: Width and height of the result, pixels.
        border: What lies outside the picture, one of OpenCV's `BorderTypes`.

    Returns:
        uint8 [size[1], size[0]], with channels where `pixels` has them.
    """
    # OpenCV counts from the middle of the first pixel, corners count from its edge.
    way_back = cv2.getPerspectiveTransform(_from_middle(target), _from_middle(source))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen: NDArray[np.uint8] = cv2.warpPerspective(
        pixels, way_back, size, flags=flags, borderMode=border
    )
    return seen


def _from_middle(corners: Corners) -> NDArray[np.float32]:
    return np.asarray(corners, np.float32) - np.float32(0.5)
