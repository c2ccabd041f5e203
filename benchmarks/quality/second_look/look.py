"""Which of several look-alikes a photo shows, by what differs between their reference images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from benchmarks.quality.second_look.compare import (
    ALIKE,
    FRAME,
    Mask,
    apart,
    leaning,
    lit_as,
    plain,
    product_of,
    residual,
    warped,
)
from benchmarks.quality.second_look.features import Features, Floats, Pixels, features_of
from benchmarks.quality.second_look.register import register

MIN_INLIERS = 12
MIN_STRUCTURE, MIN_COLOUR, MIN_EXPLAINED, MIN_SEEN = 0.2, 0.0, 0.5, 0.3
"""When it is settled; see `Look.settled`."""


@dataclass(eq=False)
class Reference:
    """A candidate's picture, and its corners."""

    pixels: Pixels
    features: Features = field(init=False)

    def __post_init__(self) -> None:
        self.features = features_of(self.pixels)


@dataclass(frozen=True)
class Look:
    """What was seen, and by how much."""

    best: str = ""
    """The candidate that fits best; none where the photo could not be laid on any."""
    inliers: int = 0
    """Points of the photo that agree with the candidate that it was laid on."""
    paired: bool = False
    """Whether the best was compared with another candidate, window by window."""
    colour: float = 0.0
    structure: float = 0.0
    """The lowest of the comparisons with the candidates beside it; see `compare.leaning`."""
    explained: float = 0.0
    """The share of what the photo shows of the product that has the structure of its reference."""
    seen: float = 0.0
    """The share of the reference's product that lies in the photo."""
    residual: float = 0.0
    """How far the photo is from the best where it differs from another; see `compare.residual`."""

    @property
    def settled(self) -> str | None:
        """The candidate, where that is clear."""
        clear = (
            self.inliers >= MIN_INLIERS
            and self.seen >= MIN_SEEN
            and self.explained >= MIN_EXPLAINED
            and (not self.paired or self.structure >= MIN_STRUCTURE)
            and (not self.paired or self.colour >= MIN_COLOUR)
        )
        return self.best if clear else None


@dataclass
class _Frame:
    """A candidate in the common frame, and the photo's distance from it, float32 [h, w]."""

    picture: Floats
    known: Mask
    grey: Floats
    colour_gap: Floats
    structure_gap: Floats


def second_look(
    photo: Pixels, candidates: Sequence[str], references: Mapping[str, Reference]
) -> Look:
    """Which candidate a photo shows.

    Args:
        photo: uint8 [h, w, 3].
        candidates: Two or more products.
        references: Of each.
    """
    corners = features_of(photo)
    found = {name: register(corners, references[name].features) for name in candidates}
    anchor = max(candidates, key=lambda name: found[name][1])
    homography, inliers = found[anchor]
    if homography is None or inliers < MIN_INLIERS:
        return Look(inliers=inliers)
    base = references[anchor]
    scale = FRAME / max(base.pixels.shape[:2])
    size = (
        max(1, round(base.pixels.shape[1] * scale)),
        max(1, round(base.pixels.shape[0] * scale)),
    )
    query, known = warped(photo, homography, scale, size)
    pictures = {anchor: warped(base.pixels, np.eye(3), scale, size)}
    for name in candidates:
        if name != anchor:
            onto, count = register(references[name].features, base.features)
            if onto is not None and count >= MIN_INLIERS:
                pictures[name] = warped(references[name].pixels, onto, scale, size)
    differ = {
        pair: apart(pictures[pair[0]][0], pictures[pair[1]][0])
        for pair in combinations(pictures, 2)
    }
    lit = _lit(query, known, list(pictures.values()), list(differ.values()))
    grey = plain(lit)
    frames = {}
    for name, (picture, valid) in pictures.items():
        own = plain(picture)
        frames[name] = _Frame(picture, valid, own, apart(lit, picture), apart(grey, own))
    return _judged(inliers, known, frames, differ)


def _lit(
    query: Floats, known: Mask, pictures: Sequence[tuple[Floats, Mask]], differ: Sequence[Floats]
) -> Floats:
    """The photo in the light of the references, fitted where they are alike."""
    shown = known & np.any([product_of(picture) for picture, _ in pictures], axis=0)
    shown &= np.all([valid for _, valid in pictures], axis=0)
    same = shown & np.all([gap < 8 for gap in differ], axis=0) if differ else shown
    use = same if same.sum() > 0.03 * same.size else shown
    target: Floats = np.stack([picture for picture, _ in pictures]).mean(axis=0)
    return lit_as(query, target, use)


def _judged(
    inliers: int,
    known: Mask,
    frames: Mapping[str, _Frame],
    differ: Mapping[tuple[str, str], Floats],
) -> Look:
    colours: dict[str, list[float]] = {name: [] for name in frames}
    structures: dict[str, list[float]] = {name: [] for name in frames}
    residuals: dict[str, list[float]] = {name: [] for name in frames}
    for (first, second), gap in differ.items():
        left, right = frames[first], frames[second]
        there = known & left.known & right.known
        there &= product_of(left.picture) | product_of(right.picture)
        shape = apart(left.grey, right.grey)
        colour = leaning(left.colour_gap, right.colour_gap, there, gap)
        structure = leaning(left.structure_gap, right.structure_gap, there, shape)
        for name, sign in ((first, 1), (second, -1)):
            colours[name].append(sign * colour)
            structures[name].append(sign * structure)
            residuals[name].append(residual(frames[name].structure_gap, there, shape))
    lowest = {
        name: (min(colours[name], default=0.0), min(structures[name], default=0.0))
        for name in frames
    }
    best = max(lowest, key=lambda name: sum(lowest[name]))
    frame = frames[best]
    product = frame.known & product_of(frame.picture)
    there = product & known
    return Look(
        best,
        inliers,
        len(frames) > 1,
        *lowest[best],
        explained=float((frame.structure_gap[there] < ALIKE).mean()) if there.any() else 0.0,
        seen=float(there.sum() / max(1, product.sum())),
        residual=max(residuals[best], default=0.0),
    )
