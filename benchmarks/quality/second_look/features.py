"""Corners of a picture and their descriptions, in NumPy and Pillow alone.

Corners (Shi and Tomasi, "Good Features to Track", 1994) in a pyramid, described by rotated binary
tests (ORB: Rublee et al., "ORB: an efficient alternative to SIFT or SURF", 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SIDE = 320
"""Pixels of the longest side in which corners are sought."""
TESTS = 256
"""Binary tests of a description."""
_STEP, _LEVELS = 1.25, 7
_PER_LEVEL, _PER_CELL, _CELLS = 70, 9, 5
_BORDER = 17
_RADIUS = 12
"""Pixels around a corner that give its angle and its description."""
_ANGLES = 32
_MIN_CORNER = 4.0


def _tables() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The disc that gives the angle, [n, 2], and the tests by angle, [angles, 2 * tests, 2]."""
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1 : 2, -_RADIUS : _RADIUS + 1 : 2]
    disc = np.stack([x, y], -1)[np.hypot(x, y) <= _RADIUS]
    pairs = np.random.default_rng(7).normal(0, 5.5, (2 * TESTS, 2)).clip(-_RADIUS, _RADIUS)
    angle = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
    turned = (pairs @ [1, 1j])[None] * np.exp(1j * angle)[:, None]
    return disc.astype(np.intp), np.rint(np.stack([turned.real, turned.imag], -1)).astype(np.intp)


_DISC, _PAIRS = _tables()


@dataclass(frozen=True)
class Features:
    """Corners of a picture; 44 bytes each."""

    points: Floats
    """float32 [n, 2]: x, y, pixels of the picture as given, both sides scaled alike."""
    angles: Floats
    """float32 [n], radians."""
    scales: Floats
    """float32 [n]: pixels of the picture as given per pixel of the corner's level."""
    bits: Pixels
    """uint8 [n, 32]: the tests, packed."""

    def signs(self) -> Floats:
        """The tests as -1 and 1, float32 [n, 256]: a dot product of two is 256 - 2 * Hamming."""
        return np.unpackbits(self.bits, axis=1).astype(np.float32) * 2 - 1


def features_of(pixels: Pixels) -> Features:
    """Corners and their descriptions.

    Args:
        pixels: uint8 RGB [h, w, 3].
    """
    picture = Image.fromarray(pixels).convert("L")
    reduction = max(picture.size) / SIDE
    found = []
    for level in range(_LEVELS):
        scale = reduction * _STEP**level
        size = (round(picture.width / scale), round(picture.height / scale))
        if min(size) < 2 * _BORDER + 8:
            break
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        found.append(_level(small, scale))
    if not found:
        none = np.zeros(0, np.float32)
        return Features(none.reshape(0, 2), none, none, np.zeros((0, TESTS // 8), np.uint8))
    return Features(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _level(picture: Image.Image, scale: float) -> tuple[Floats, Floats, Floats, Pixels]:
    smooth = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.6)), np.float32)
    y, x = _corners(smooth)
    flat, width = smooth.ravel(), smooth.shape[1]
    at = y * width + x
    around = flat.take(at[:, None] + (_DISC[:, 1] * width + _DISC[:, 0]))
    moments = around @ _DISC.astype(np.float32)
    angle = np.arctan2(moments[:, 1], moments[:, 0])
    turn = np.rint(angle * (_ANGLES / (2 * np.pi))).astype(np.intp) % _ANGLES
    values = flat.take(at[:, None] + (_PAIRS[..., 1] * width + _PAIRS[..., 0])[turn])
    bits = np.packbits(values[:, :TESTS] < values[:, TESTS:], axis=1)
    points = (np.stack([x, y], 1).astype(np.float32) + np.float32(0.5)) * np.float32(scale)
    return points, angle, np.full(len(x), scale, np.float32), bits


def _corners(smooth: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The strongest corners of a level, so many in each cell of it; y and x.

    A limit for each cell, so that print in a corner of the picture does not take all.
    """
    right = smooth[1:-1, 2:] - smooth[1:-1, :-2]
    down = smooth[2:, 1:-1] - smooth[:-2, 1:-1]
    inside = slice(_BORDER - 4, 4 - _BORDER)
    right, down = right[inside, inside], down[inside, inside]
    xx, yy, xy = (_sums_of_five(part) for part in (right * right, down * down, right * down))
    apart = xx - yy
    corner = (xx + yy - np.sqrt(apart * apart + 4 * xy * xy)) * np.float32(0.02)
    inner = corner[1:-1, 1:-1]
    high = np.maximum(np.maximum(corner[:-2], corner[1:-1]), corner[2:])
    high = np.maximum(np.maximum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    y, x = np.nonzero((inner == high) & (inner > _MIN_CORNER))
    strength = inner[y, x]
    cells = (y * _CELLS // inner.shape[0]) * _CELLS + x * _CELLS // inner.shape[1]
    order = np.lexsort((-strength, cells))
    sorted_cells = cells[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_cells, sorted_cells)
    keep = order[rank < _PER_CELL]
    keep = keep[np.argsort(-strength[keep], kind="stable")[:_PER_LEVEL]]
    return y[keep] + _BORDER, x[keep] + _BORDER


def _sums_of_five(values: Floats) -> Floats:
    """Sums of windows of five by five, where they fit."""
    two = values[:-1] + values[1:]
    rows = two[:-3] + two[2:-1] + values[4:]
    two = rows[:, :-1] + rows[:, 1:]
    return two[:, :-3] + two[:, 2:-1] + rows[:, 4:]
