"""What is measured on: synthetic photos, and catalogs of random directions."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens import Calibration, Catalog, ModelCard
from shelflens.catalog.rows import quantize_rows

PHOTOS = {"12 MP": (4032, 3024), "2 MP": (1632, 1224), "small": (348, 348)}
"""A phone's photo, a web camera's, and one of the Grocery Store Dataset's size."""

QUALITY = 90
"""With the grain below a 12 MP photo becomes about 3.5 MB, as a phone's is."""


def synthetic_photo(width: int, height: int, seed: int = 0) -> bytes:
    """A JPEG with soft shapes and camera grain; the same bytes for the same arguments.

    A flat image would decode too fast: the time of a JPEG is that of its coefficients.
    """
    generator = np.random.default_rng(seed)
    soft = generator.integers(30, 225, (24, 32, 3), dtype=np.uint8)
    pixels = np.asarray(
        Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC)
    ).astype(np.int16)
    tile = generator.normal(0, 6.5, (256, 256, 1)).astype(np.int16)
    grain = np.tile(tile, (-(-height // 256), -(-width // 256), 1))[:height, :width]
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=QUALITY
    )
    return buffer.getvalue()


def random_rows(n: int, dim: int, seed: int = 0) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Stored rows in random directions: int8 [n, dim] and their scales, float32 [n]."""
    generator = np.random.default_rng(seed)
    rows, scales = np.empty((n, dim), np.int8), np.empty(n, np.float32)
    for start in range(0, n, 50_000):
        part = slice(start, min(start + 50_000, n))
        block = generator.standard_normal((part.stop - start, dim), dtype=np.float32)
        rows[part], scales[part] = quantize_rows(block)
    return rows, scales


def random_queries(n: int, dim: int, seed: int = 1) -> NDArray[np.float32]:
    """Random queries, float32 [n, dim], rows of length 1."""
    rows = np.random.default_rng(seed).standard_normal((n, dim), dtype=np.float32)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def write_catalog(path: Path, n: int, card: ModelCard) -> Path:
    """A catalog file of n products, one random row each, in the space of this model."""
    ids = [f"product {index:07}" for index in range(n)]
    vectors = np.random.default_rng(0).standard_normal((n, card.dim), dtype=np.float32)
    calibration = Calibration.from_dict(card.calibration)
    Catalog(ids, vectors, space=card.space, calibration=calibration).save(path)
    return path
