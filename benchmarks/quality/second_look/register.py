"""The homography from one picture to another, by their corners.

Every pair of corners gives a similarity transform by its scales and angles, so no samples are
drawn; the one that most pairs agree with is refined to a homography by least squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.second_look.features import TESTS, Features

Doubles = NDArray[np.float64]

_MAX_DISTANCE, _MAX_RATIO = 70, 0.85
"""Tests of 256 that may differ, also as a share of those of the next corner elsewhere."""
_TOLERANCE = 8.0
"""Pixels of the second picture."""
_MIN_PAIRS = 8


def register(first: Features, second: Features) -> tuple[Doubles | None, int]:
    """The homography from one picture to another.

    Returns:
        float64 [3, 3], or None where the pictures do not show the same, and the number of separate
        points that agree with it.
    """
    if min(len(first.points), len(second.points)) < _MIN_PAIRS:
        return None, 0
    a, b = _pairs(first, second)
    if len(a) < _MIN_PAIRS:
        return None, 0
    start, end = first.points[a].astype(np.float64), second.points[b].astype(np.float64)
    z, w = start @ [1, 1j], end @ [1, 1j]
    turn = np.exp(1j * (second.angles[b] - first.angles[a])) * (second.scales[b] / first.scales[a])
    errors = np.abs(turn[:, None] * (z[None] - z[:, None]) + w[:, None] - w[None])
    reach = float(np.ptp(end, axis=0).max()) or 1.0
    inliers = errors < max(3 * _TOLERANCE, 0.08 * reach)
    chosen = inliers[inliers.sum(axis=1).argmax()]
    homography = None
    for degrees, factor in ((6, 2), (6, 1), (8, 1), (8, 1)):
        homography = _fitted(start[chosen], end[chosen], degrees)
        if homography is None:
            return None, 0
        chosen = np.hypot(*(moved_by(homography, start) - end).T) < factor * _TOLERANCE
    if homography is None or not 0.03 < np.linalg.det(homography[:2, :2]) < 30:
        return None, 0
    if np.abs(homography[2, :2]).max() > 4e-3:
        return None, 0
    spots = {tuple(spot) for spot in np.rint(end[chosen] / 4).astype(int).tolist()}
    starts = {tuple(point) for point in start[chosen].tolist()}
    return homography, min(len(spots), len(starts))


def _pairs(first: Features, second: Features) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Corners of both that are described alike, and much more alike than the next elsewhere."""
    alike = first.signs() @ second.signs().T
    best = alike.argmax(axis=1)
    rows = np.arange(len(best))
    top = alike[rows, best]
    rows = rows[top > TESTS - 2 * _MAX_DISTANCE]
    best, top, alike = best[rows], top[rows], alike[rows]
    x, y = second.points.T
    reach = 6 * second.scales[best]
    apart = (x[best][:, None] - x) ** 2 + (y[best][:, None] - y) ** 2 > (reach * reach)[:, None]
    next_best = np.where(apart, alike, -TESTS).max(axis=1)
    good = TESTS - top < _MAX_RATIO * (TESTS - next_best)
    return rows[good], best[good]


def moved_by(homography: Doubles, points: Doubles) -> Doubles:
    """Points, float64 [n, 2], where a homography puts them."""
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: Doubles = moved[:, :2] / np.where(np.abs(moved[:, 2:]) < 1e-9, 1e-9, moved[:, 2:])
    return result


def _fitted(start: Doubles, end: Doubles, degrees: int) -> Doubles | None:
    """Least squares, of 6 parameters (affine) or 8, in coordinates of about 1."""
    if len(start) < degrees:
        return None
    (c, s), (d, t) = ((part.mean(axis=0), float(part.std()) or 1.0) for part in (start, end))
    x, y = ((start - c) / s).T
    u, v = ((end - d) / t).T
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, ones, zeros, zeros, zeros, -u * x, -u * y], 1),
            np.stack([zeros, zeros, zeros, x, y, ones, -v * x, -v * y], 1),
        ]
    )[:, :degrees]
    # Normal equations: of 8 unknowns in coordinates of about 1, ten times as fast as lstsq.
    try:
        solution = np.linalg.solve(rows.T @ rows, rows.T @ np.concatenate([u, v]))
    except np.linalg.LinAlgError:
        return None
    values = np.append(solution, [1.0] if degrees == 8 else [0.0, 0.0, 1.0]).reshape(3, 3)
    into = np.array([[1 / s, 0, -c[0] / s], [0, 1 / s, -c[1] / s], [0, 0, 1]])
    out = np.array([[t, 0, d[0]], [0, t, d[1]], [0, 0, 1]])
    result: Doubles = out @ values @ into
    return result / result[2, 2] if abs(result[2, 2]) > 1e-12 else None
