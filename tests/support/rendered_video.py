"""Frames of a camera above a counter, rendered from the package's synthetic demo photos.

A video is a list of `Shot`s; each gives uint8 RGB frames [240, 320, 3] with sensor noise and the
tremble of a hand. The product is a demo photo scaled to cover the frame, slid over a background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.model.embedder import BUNDLED_MODEL

DEMO = BUNDLED_MODEL.parent / "demo"
WIDTH, HEIGHT = 320, 240
EMPTY = "empty"
"""In place of a photo: the counter with nothing on it."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """Some frames of one thing."""

    photo: str
    """Name of a file in `demo/photos` or `demo/unknown`, or `COUNTER`."""
    seconds: float
    enter: float = 0.0
    """Seconds of sliding in from the right, over what was shown before."""
    tremble: float = 0.5
    """Standard deviation of the hand's position, in pixels of 320."""
    blur: float = 0.0
    """Motion blur in pixels of 320, while held."""


HELD = (Shot("chickpeas-no-salt-tinlo-1.jpg", 3.0),)
"""One product, held."""


def render_frames(shots: Sequence[Shot], *, fps: float = 30.0, seed: int = 0) -> Iterator[Pixels]:
    """Render the shots one after the other."""
    generator = np.random.default_rng(seed)
    before = photo_frame(EMPTY)
    for shot in shots:
        product = photo_frame(shot.photo)
        entering = round(shot.enter * fps)
        for index in range(entering):
            part = (index + 1) / (entering + 1)
            step = WIDTH / (entering + 1)
            moved = _beside(before, product, part)
            yield _sensed(_smeared(moved, step / 2), generator)  # the shutter is open half the time
        for _ in range(round(shot.seconds * fps)):
            tremble = 0.0 if shot.photo == EMPTY else shot.tremble
            held = _shifted(product, generator.normal(0, tremble, 2))
            yield _sensed(_smeared(held, shot.blur), generator)
        before = product


@cache
def photo_frame(name: str) -> NDArray[np.float32]:
    """A demo photo covering the frame, or the empty counter: float32 [240, 320, 3]."""
    if name == EMPTY:
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        wood = 120 + 30 * y / HEIGHT + 8 * np.sin(x / 3 + 2 * np.sin(y / 40))
        return np.stack([wood, wood * 0.85, wood * 0.65], -1).astype(np.float32)
    path = next(
        candidate
        for candidate in (DEMO / "photos" / name, DEMO / "unknown" / name)
        if candidate.exists()
    )
    with Image.open(path) as opened:
        whole = opened.convert("RGB")
    scale = max(WIDTH / whole.width, HEIGHT / whole.height)
    size = (round(whole.width * scale), round(whole.height * scale))
    wide: NDArray[np.float32] = np.asarray(
        whole.resize(size, Image.Resampling.BILINEAR), np.float32
    )
    top, left = (size[1] - HEIGHT) // 2, (size[0] - WIDTH) // 2
    return wide[top : top + HEIGHT, left : left + WIDTH]


def photo_names(folder: str = "photos") -> list[str]:
    """The files of `demo/photos` or `demo/unknown` that lie as the frame does, in order."""
    found = []
    for path in sorted((DEMO / folder).glob("*.jpg")):
        with Image.open(path) as opened:
            if opened.width > opened.height:
                found.append(path.name)
    return found


def product_of(name: str) -> str:
    """The product id of a demo photo."""
    return Path(name).stem.rpartition("-")[0]


def _beside(old: NDArray[np.float32], new: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    edge = round(WIDTH * (1 - part))
    return np.concatenate([old[:, :edge], new[:, : WIDTH - edge]], 1)


def _shifted(pixels: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    """Shifted by parts of a pixel, edges repeated."""
    for axis in (0, 1):
        whole = int(np.floor(by[axis]))
        part = np.float32(by[axis] - whole)
        first, second = _rolled(pixels, whole, axis), _rolled(pixels, whole + 1, axis)
        pixels = first * (1 - part) + second * part
    return pixels


def _rolled(pixels: NDArray[np.float32], by: int, axis: int) -> NDArray[np.float32]:
    indices = np.clip(np.arange(pixels.shape[axis]) - by, 0, pixels.shape[axis] - 1)
    rolled: NDArray[np.float32] = np.take(pixels, indices, axis)
    return rolled


def _smeared(pixels: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """Mean along the line of a movement to the left of so many pixels."""
    steps = round(length)
    if steps < 2:
        return pixels
    padded = np.pad(pixels, ((0, 0), (0, steps), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0), (0, 0))), 1, dtype=np.float64)
    means = (sums[:, steps:] - sums[:, :-steps])[:, :WIDTH] / steps
    smeared: NDArray[np.float32] = means.astype(np.float32)
    return smeared


def _sensed(pixels: NDArray[np.float32], generator: np.random.Generator) -> Pixels:
    noise = generator.normal(0, 3, pixels.shape[:2]).astype(np.float32)[..., np.newaxis]
    sensed: Pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return sensed
