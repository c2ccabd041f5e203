"""Smooth noise, for creases, grain and clouds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def noise(rng: np.random.Generator, width: int, height: int, across: int, down: int) -> Floats:
    """Returns smooth noise [height, width], about -1..1, with ``across`` by ``down`` bumps."""
    seed = rng.standard_normal((max(2, down), max(2, across))).astype(np.float32)
    image = Image.fromarray(seed).resize((width, height), Image.Resampling.BICUBIC)
    half: Floats = np.asarray(image, np.float32) * np.float32(0.5)
    return half
