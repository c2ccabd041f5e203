"""Corners of a picture, and the homography from one picture to another, in NumPy and Pillow alone.

Corners (Shi and Tomasi, "Good Features to Track", 1994) in a pyramid, described by rotated binary
tests (ORB: Rublee et al., 2011). Every match gives a similarity transform by its scales and angles;
the one that most matches agree with is refined to a homography by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SIDE = 320
"""Pixels of the longest side in which features are sought."""
_STEP, _LEVELS = 1.25, 7
_PER_LEVEL, _PER_CELL = 140, 17
_BORDER = 17
_TESTS = 256
_TOLERANCE = 8.0
"""Pixels of the second picture."""

_random = np.random.default_rng(7)
_PAIRS = np.clip(_random.normal(0, 5.5, (2, _TESTS, 2)), -12, 12).astype(np.float32)
_y, _x = np.mgrid[-12:13, -12:13]
_disc = np.hypot(_x, _y) <= 12
_DISC = np.stack([_x[_disc], _y[_disc]], 1)


@dataclass(frozen=True)
class Features:
    """Corners of a picture."""

    points: Floats
    """float32 [n, 2]: x, y, pixels of the picture as given, both sides scaled alike."""
    angles: Floats
    scales: Floats
    tests: Floats
    """float32 [n, 256] of -1 and 1."""


def features_of(pixels: Pixels) -> Features:
    """Corners and their descriptions; uint8 RGB [h, w, 3]."""
    picture = Image.fromarray(pixels).convert("L")
    reduction = max(picture.size) / SIDE
    found = []
    for level in range(_LEVELS):
        scale = reduction * _STEP**level
        size = (round(picture.width / scale), round(picture.height / scale))
        if min(size) < 2 * _BORDER + 8:
            break
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        found.append(_level(small, np.float32(scale)))
    if not found:
        none = np.zeros((0,), np.float32)
        return Features(np.zeros((0, 2), np.float32), none, none, np.zeros((0, _TESTS), np.float32))
    return Features(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _level(picture: Image.Image, scale: np.float32) -> tuple[Floats, Floats, Floats, Floats]:
    grey = np.asarray(picture, np.float32)
    smooth = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.6)), np.float32)
    right, down = np.zeros_like(grey), np.zeros_like(grey)
    right[:, 1:-1] = smooth[:, 2:] - smooth[:, :-2]
    down[1:-1] = smooth[2:] - smooth[:-2]
    xx, yy, xy = (box(part, 2) for part in (right * right, down * down, right * down))
    corner = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    inner = corner[_BORDER:-_BORDER, _BORDER:-_BORDER]
    high = inner.copy()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            rows = slice(_BORDER + dy, corner.shape[0] - _BORDER + dy)
            columns = slice(_BORDER + dx, corner.shape[1] - _BORDER + dx)
            np.maximum(high, corner[rows, columns], out=high)
    y, x = np.nonzero((inner == high) & (inner > 4.0))
    order = np.argsort(-inner[y, x], kind="stable")
    y, x = y[order] + _BORDER, x[order] + _BORDER
    # At most so many in a cell, so that print in one corner does not take all.
    cells = (y * 5 // grey.shape[0]) * 5 + x * 5 // grey.shape[1]
    rank = np.zeros(len(cells), np.int64)
    for cell in np.unique(cells):
        mine = np.flatnonzero(cells == cell)
        rank[mine] = np.arange(len(mine))
    keep = np.flatnonzero(rank < _PER_CELL)[:_PER_LEVEL]
    y, x = y[keep], x[keep]
    around = smooth[y[:, None] + _DISC[:, 1], x[:, None] + _DISC[:, 0]]
    angle = np.arctan2(
        around @ _DISC[:, 1].astype(np.float32), around @ _DISC[:, 0].astype(np.float32)
    )
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    values = []
    for pairs in _PAIRS:
        px = np.rint(cos * pairs[:, 0] - sin * pairs[:, 1]).astype(np.int64) + x[:, None]
        py = np.rint(sin * pairs[:, 0] + cos * pairs[:, 1]).astype(np.int64) + y[:, None]
        values.append(smooth[py, px])
    tests = np.where(values[0] < values[1], np.float32(1), np.float32(-1))
    points = (np.stack([x, y], 1).astype(np.float32) + 0.5) * scale
    return points, angle.astype(np.float32), np.full(len(x), scale, np.float32), tests


def box(values: Floats, radius: int) -> Floats:
    """Means of windows; the edge repeats."""
    side = 2 * radius + 1
    for axis in (0, 1):
        pad = [(radius + 1, radius) if part == axis else (0, 0) for part in (0, 1)]
        sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
        high, low = (
            np.take(sums, np.arange(values.shape[axis]) + start, axis) for start in (side, 0)
        )
        values = ((high - low) / side).astype(np.float32)
    return values


def register(first: Features, second: Features) -> tuple[Doubles | None, int]:
    """The homography from one picture to another, and how many separate points agree with it."""
    if min(len(first.points), len(second.points)) < 8:
        return None, 0
    alike = first.tests @ second.tests.T
    best = alike.argmax(axis=1)
    rows = np.arange(len(best))
    top = alike[rows, best]
    near = np.hypot(*(second.points[best][:, None] - second.points[None]).transpose(2, 0, 1))
    runner_up = np.where(near > 6 * second.scales[best][:, None], alike, -_TESTS).max(axis=1)
    distance, next_distance = (_TESTS - top) / 2, (_TESTS - runner_up) / 2
    good = (distance < 70) & (distance < 0.85 * next_distance)
    a, b = rows[good], best[good]
    if len(a) < 8:
        return None, 0
    start, end = first.points[a].astype(np.float64), second.points[b].astype(np.float64)
    scale = second.scales[b] / first.scales[a]
    turn = second.angles[b] - first.angles[a]
    matrix = scale[:, None, None] * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    ).transpose(2, 0, 1)
    moved = np.einsum("hij,nj->hni", matrix, start)
    moved += (end - np.einsum("hij,hj->hi", matrix, start))[:, None]
    reach = float(np.ptp(end, axis=0).max()) or 1.0
    inliers = np.hypot(*(moved - end).transpose(2, 0, 1)) < max(3 * _TOLERANCE, 0.08 * reach)
    chosen = inliers[inliers.sum(axis=1).argmax()]
    homography = None
    for degrees, tolerance in (
        (6, 2 * _TOLERANCE),
        (6, _TOLERANCE),
        (8, _TOLERANCE),
        (8, _TOLERANCE),
    ):
        if chosen.sum() < degrees:
            return None, 0
        homography = _fitted(start[chosen], end[chosen], projective=degrees == 8)
        if homography is None:
            return None, 0
        chosen = np.hypot(*(moved_by(homography, start) - end).T) < tolerance
    area = np.linalg.det(homography[:2, :2]) if homography is not None else 0.0
    if homography is None or not 0.03 < area < 30 or np.abs(homography[2, :2]).max() > 4e-3:
        return None, 0
    spots = {(round(x / 4), round(y / 4)) for x, y in end[chosen]}
    return homography, min(len(spots), len({tuple(point) for point in start[chosen]}))


def moved_by(homography: Doubles, points: Doubles) -> Doubles:
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: Doubles = moved[:, :2] / np.where(np.abs(moved[:, 2:]) < 1e-9, 1e-9, moved[:, 2:])
    return result


def _fitted(start: Doubles, end: Doubles, *, projective: bool) -> Doubles | None:
    """Least squares: 6 or 8 parameters, in coordinates of about 1."""
    (c, s), (d, t) = ((part.mean(axis=0), part.std() or 1.0) for part in (start, end))
    x, y = ((start - c) / s).T
    u, v = ((end - d) / t).T
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, ones, zeros, zeros, zeros, -u * x, -u * y], 1),
            np.stack([zeros, zeros, zeros, x, y, ones, -v * x, -v * y], 1),
        ]
    )
    rows = rows if projective else rows[:, :6]
    solution, *_ = np.linalg.lstsq(rows, np.concatenate([u, v]), rcond=None)
    values = np.append(solution, [1.0] if projective else [0.0, 0.0, 1.0]).reshape(3, 3)
    into = np.array([[1 / s, 0, -c[0] / s], [0, 1 / s, -c[1] / s], [0, 0, 1]])
    out = np.array([[t, 0, d[0]], [0, t, d[1]], [0, 0, 1]])
    result = out @ values @ into
    return result / result[2, 2] if abs(result[2, 2]) > 1e-12 else None
