"""Which of several look-alikes a photo shows, by what differs between their reference images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.quality.second_look.features import (
    Doubles,
    Features,
    Floats,
    Pixels,
    box,
    features_of,
    moved_by,
    register,
)

Mask = NDArray[np.bool_]

FRAME = 160
"""Side of the frame in which pictures are compared."""
_WINDOW, _SHIFT = 2, 2
"""Radius of the windows that are compared, and of the shifts that are tried, pixels."""
ALIKE = 22.0
"""Levels of 255 up to which a window shows the same."""
WHITE = 244.0
"""Levels of 255 from which a pixel of a reference is its ground."""

MIN_INLIERS, MAX_OUTSIDE = 12, 0.7
MIN_STRUCTURE, MIN_COLOUR, MIN_EXPLAINED = 0.2, 0.0, 0.5
"""When it is settled; see `Look.settled`."""


@dataclass
class Reference:
    """A candidate's picture, and what was made of it."""

    pixels: Pixels
    features: Features = field(init=False)

    def __post_init__(self) -> None:
        self.features = features_of(self.pixels)


def warped(
    pixels: Pixels, homography: Doubles, scale: float, size: tuple[int, int]
) -> tuple[Floats, Mask]:
    """A picture in the frame of another, and where it has pixels.

    Args:
        pixels: uint8 [h, w, 3].
        homography: From its pixels to the other's.
        scale: Pixels of the frame per pixel of the other.
        size: Width and height of the frame.
    """
    back = np.linalg.inv(np.diag([scale, scale, 1]) @ homography)
    back /= back[2, 2]
    picture = Image.fromarray(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
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
    values = np.asarray(moved.filter(ImageFilter.GaussianBlur(0.8)), np.float32)
    return values[..., :3], values[..., 3] > 250


def apart(first: Floats, second: Floats) -> Floats:
    """Mean absolute difference of windows, at the best of small shifts; float32 [h, w]."""
    smallest = np.full(first.shape[:2], np.inf, np.float32)
    for dy in range(-_SHIFT, _SHIFT + 1):
        for dx in range(-_SHIFT, _SHIFT + 1):
            moved = np.roll(second, (dy, dx), (0, 1))
            np.minimum(smallest, box(np.abs(first - moved).mean(axis=2), _WINDOW), out=smallest)
    return smallest


def lit_as(query: Floats, target: Floats, use: Mask) -> Floats:
    """The photo in the light of the reference: a gain of each channel where they are one."""
    gain = np.ones(3, np.float32)
    for channel in range(3):
        bright = use & (query[..., channel] > 25)
        if bright.sum() > 50:
            ratio = np.median(target[..., channel][bright] / query[..., channel][bright])
            gain[channel] = np.clip(ratio, 0.4, 2.5)
    return query * gain


def plain(picture: Floats) -> Floats:
    """Without colour and light: the grey less its surroundings', over their spread, times 40."""
    grey = picture.mean(axis=2)
    mean = box(grey, 8)
    spread = np.sqrt(np.maximum(box(grey * grey, 8) - mean * mean, 0)) + 12
    result: Floats = (40 * (grey - mean) / spread)[..., None]
    return result


def explained(query: Floats, known: Mask, frame: Floats, shown: Mask) -> float:
    """The share of a reference's product that the photo shows alike."""
    there = shown & known
    if there.sum() < 0.3 * shown.sum() or not shown.any():
        return 0.0
    lit = lit_as(query, frame, there)
    return float((apart(lit, frame)[there] < ALIKE).mean())


def compared(query: Floats, known: Mask, first: Floats, second: Floats) -> tuple[float, float]:
    """Whose differences the photo has, by colour and by structure.

    1 the first's, -1 the second's, about 0 neither's or no difference.
    """
    differ = apart(first, second)
    same = known & (differ < 8)
    use = same if same.sum() > 0.03 * same.size else known
    if use.sum() < 100:
        return 0.0, 0.0
    lit = lit_as(query, (first + second) * np.float32(0.5), use)
    colour = _leaning(lit, known, first, second, differ)
    plain_first, plain_second = plain(first), plain(second)
    return colour, _leaning(
        plain(lit), known, plain_first, plain_second, apart(plain_first, plain_second)
    )


def _leaning(query: Floats, known: Mask, first: Floats, second: Floats, differ: Floats) -> float:
    strength = np.minimum(differ, 80)
    weight = np.where(known & (differ > 12), strength, 0)
    if (weight > 0).sum() < 0.004 * known.sum():
        return 0.0
    gap = np.clip(apart(query, second) - apart(query, first), -80, 80)
    return float((weight * gap).sum() / (weight * strength).sum())


@dataclass(frozen=True)
class Look:
    """What was seen, and by how much."""

    best: str = ""
    """The candidate that fits best; none where the photo could not be laid on any."""
    inliers: int = 0
    """Points of the photo that agree with the candidate it was laid on."""
    outside: int = 0
    """The same, of the candidates that could not be laid on that one."""
    paired: bool = False
    """Whether it was compared with another candidate, point by point."""
    colour: float = 0.0
    structure: float = 0.0
    """The lowest of the comparisons with the candidates beside it; see `compared`."""
    explained: float = 0.0

    @property
    def settled(self) -> str | None:
        """The candidate, where that is clear."""
        if self.inliers < MIN_INLIERS or self.outside > MAX_OUTSIDE * self.inliers:
            return None
        if self.paired:
            clear = self.structure >= MIN_STRUCTURE and self.colour >= MIN_COLOUR
        else:
            clear = self.explained >= MIN_EXPLAINED
        return self.best if clear else None


def second_look(
    photo: Pixels, candidates: Sequence[str], references: Mapping[str, Reference]
) -> Look:
    """Which candidate a photo shows.

    Args:
        photo: uint8 [h, w, 3].
        candidates: Two or more products.
        references: Of each.
    """
    seen = features_of(photo)
    found = {name: register(seen, references[name].features) for name in candidates}
    anchor = max(candidates, key=lambda name: found[name][1])
    homography, inliers = found[anchor]
    if homography is None:
        return Look()
    base = references[anchor].pixels
    scale = FRAME / max(base.shape[:2])
    size = (round(base.shape[1] * scale), round(base.shape[0] * scale))
    query, known = warped(photo, homography, scale, size)
    frames = {anchor: warped(base, np.eye(3), scale, size)}
    for name in candidates:
        onto, count = register(references[name].features, references[anchor].features)
        if name != anchor and onto is not None and count >= MIN_INLIERS:
            frames[name] = warped(references[name].pixels, onto, scale, size)
    margins: dict[str, list[tuple[float, float]]] = {name: [] for name in frames}
    for first, second in combinations(frames, 2):
        (left, valid), (right, valid_too) = frames[first], frames[second]
        there = known & valid & valid_too & (product_of(left) | product_of(right))
        colour, structure = compared(query, there, left, right)
        margins[first].append((colour, structure))
        margins[second].append((-colour, -structure))
    lowest = {
        name: (min(part[0] for part in mine), min(part[1] for part in mine)) if mine else (0.0, 0.0)
        for name, mine in margins.items()
    }
    best = max(lowest, key=lambda name: sum(lowest[name]))
    outside = max((found[name][1] for name in candidates if name not in frames), default=0)
    picture, shown = frames[best]
    share = explained(query, known, picture, shown & product_of(picture))
    return Look(best, inliers, outside, len(frames) > 1, *lowest[best], share)


def product_of(picture: Floats) -> Mask:
    """Where a picture on white has the product."""
    there: Mask = picture.min(axis=2) < WHITE
    return there
