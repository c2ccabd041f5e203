"""Whose differences a photo has: pictures in a common frame, compared window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.quality.second_look.features import Floats, Pixels
from benchmarks.quality.second_look.register import Doubles, moved_by

Mask = NDArray[np.bool_]

FRAME = 128
"""Pixels of the longer side of the frame in which pictures are compared."""
_WINDOW, _SHIFT = 2, 1
"""Radius of the windows that are compared, and of the shifts that are tried, pixels."""
ALIKE = 12.0
"""Difference of windows of `plain` up to which they show the same."""
WHITE = 244.0
"""Levels of 255 from which a pixel of a reference is its ground."""


def warped(
    pixels: Pixels, homography: Doubles, scale: float, size: tuple[int, int]
) -> tuple[Floats, Mask]:
    """A picture in the frame of another, and where it has pixels.

    Args:
        pixels: uint8 [h, w, 3].
        homography: From its pixels to the other's.
        scale: Pixels of the frame per pixel of the other.
        size: Width and height of the frame.

    Returns:
        float32 [3, height, width], levels of 255, and bool [height, width].
    """
    back = np.linalg.inv(np.diag([scale, scale, 1]) @ homography)
    back /= back[2, 2]
    picture = Image.fromarray(pixels).convert("RGBA")
    # Reduced first where the frame is smaller, since the transform does not average.
    corners = moved_by(np.linalg.inv(back), np.array([[0.0, 0], [picture.width, picture.height]]))
    shrink = max(picture.size) / max(1.0, float(np.abs(corners[1] - corners[0]).max()))
    factor = int(np.clip(shrink, 1, 8))
    if factor > 1:
        picture = picture.reduce(factor)
        back = np.diag([1 / factor, 1 / factor, 1]) @ back
    moved = picture.transform(
        size, Image.Transform.PERSPECTIVE, back.ravel()[:8].tolist(), Image.Resampling.BILINEAR
    )
    planes = np.asarray(moved.filter(ImageFilter.GaussianBlur(0.8))).transpose(2, 0, 1)
    return np.ascontiguousarray(planes[:3], np.float32), planes[3] > 250


def apart(first: Floats, second: Floats) -> Floats:
    """Mean absolute difference of windows, at the best of small shifts.

    Args:
        first: float32 [c, h, w].
        second: The same; it is shifted.

    Returns:
        float32 [h, w].
    """
    channels, height, width = first.shape
    side = _SHIFT + _WINDOW
    wide = np.pad(second, ((0, 0), (side, side), (side, side)), mode="edge")
    still = np.pad(first, ((0, 0), (_WINDOW, _WINDOW), (_WINDOW, _WINDOW)), mode="edge")
    rows, columns = still.shape[1:]
    smallest = np.full((height, width), np.inf, np.float32)
    for dy in range(2 * _SHIFT + 1):
        for dx in range(2 * _SHIFT + 1):
            gap = np.abs(still - wide[:, dy : dy + rows, dx : dx + columns])
            total = gap[0] if channels == 1 else gap[0] + gap[1] + gap[2]
            two = total[:-1] + total[1:]
            total = two[:-3] + two[2:-1] + total[4:]
            two = total[:, :-1] + total[:, 1:]
            np.minimum(smallest, two[:, :-3] + two[:, 2:-1] + total[:, 4:], out=smallest)
    return smallest * np.float32(1 / (25 * channels))


def lit_as(query: Floats, target: Floats, use: Mask) -> Floats:
    """The photo in the light of the reference: a gain of each channel where they are alike."""
    gain = np.ones((3, 1, 1), np.float32)
    for channel in range(3):
        bright = use & (query[channel] > 25)
        if np.count_nonzero(bright) > 50:
            ratio = np.median(target[channel][bright] / query[channel][bright])
            gain[channel] = np.clip(ratio, 0.4, 2.5)
    return query * gain


def plain(picture: Floats) -> Floats:
    """Without colour and light: the grey less its surroundings', over their spread, times 40.

    float32 [1, h, w].
    """
    grey = picture.mean(axis=0)
    mean = _mean_of_17(grey)
    spread = np.sqrt(np.maximum(_mean_of_17(grey * grey) - mean * mean, 0)) + 12
    result: Floats = (40 * (grey - mean) / spread)[None]
    return result


def _mean_of_17(values: Floats) -> Floats:
    """Means of windows of 17 by 17; the edge repeats."""
    wide = np.pad(values, ((9, 8), (9, 8)), mode="edge").astype(np.float64)
    sums = wide.cumsum(axis=0).cumsum(axis=1)
    total = sums[17:, 17:] - sums[:-17, 17:] - sums[17:, :-17] + sums[:-17, :-17]
    means: Floats = (total / 289).astype(np.float32)
    return means


def leaning(mine: Floats, yours: Floats, known: Mask, differ: Floats) -> float:
    """Whose differences the photo has: 1 the first's, -1 the second's, 0 neither's or none.

    Args:
        mine: float32 [h, w]: how far windows of the photo are from the first.
        yours: The same of the second.
        known: Where to look.
        differ: How far the first is from the second.
    """
    strength = np.minimum(differ, 80)
    where = known & (differ > 12)
    if np.count_nonzero(where) < 0.004 * np.count_nonzero(known):
        return 0.0
    weight = strength[where]
    gap = np.clip(yours[where] - mine[where], -80, 80)
    return float((weight * gap).sum() / (weight * weight).sum())


def product_of(frame: Floats) -> Mask:
    """Where a reference shows its product: not its white ground."""
    there: Mask = frame.min(axis=0) < WHITE
    return there


def residual(gap: Floats, known: Mask, differ: Floats) -> float:
    """How far the photo is from a candidate where that differs from another, 0 for not at all.

    Args:
        gap: float32 [h, w]: how far windows of the photo are from the candidate.
        known: Where to look.
        differ: How far the candidates are from each other.
    """
    where = known & (differ > 12)
    weight = np.minimum(differ, 80)[where]
    return float((weight * gap[where]).sum() / max(1e-9, float((weight * weight).sum())))
