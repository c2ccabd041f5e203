"""What a phone's camera does to a scene: light, colour, blur, noise, JPEG blocks."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter


def as_photographed(image: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A scene with a camera's light and damage, uint8 [s, s, 3]; nothing moves."""
    bright = float(rng.uniform(0.3, 0.65) if rng.random() < 0.1 else rng.uniform(0.65, 1.3))
    contrast, warmth = float(rng.uniform(0.7, 1.25)), float(rng.uniform(-0.12, 0.12))
    middle = float(np.asarray(image).mean()) * bright * (1 - contrast)
    factors = bright * contrast * np.array([1 + warmth, 1.0, 1 - warmth])
    matrix = np.column_stack([np.diag(factors), np.full(3, middle)])
    image = image.convert("RGB", tuple(matrix.ravel().tolist()))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.6))))
    if rng.random() < 0.2:
        noise = rng.standard_normal((image.height, image.width, 1)) * rng.uniform(2, 12)
        noisy = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
        image = Image.fromarray(noisy)
    if rng.random() < 0.3:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(20, 80)))
        return np.array(Image.open(stream).convert("RGB"))
    return np.array(image)
