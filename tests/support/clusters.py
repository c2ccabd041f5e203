"""Catalogs and queries of embeddings that lie around random directions, one per product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens import Calibration, Catalog
from shelflens.dataset import LabelledImage
from shelflens.evaluation.measure.query_results import EmbeddedImages

CALIBRATION = Calibration()

Floats = NDArray[np.float32]


def clusters(
    products: int, rows: int, *, spread: float, seed: int = 0, dim: int = 32
) -> tuple[list[str], Floats]:
    """So many rows per product: labels p00, p01 ... and float32 [n, dim], rows of length 1.

    The directions are the same for every seed; rows scatter more with `spread`.
    """
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(products, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.repeat(centres, rows, axis=0)
    vectors = vectors + spread / np.sqrt(dim) * generator.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [f"p{index:02d}" for index in range(products) for _ in range(rows)]
    return labels, vectors.astype(np.float32)


def embedded(labels: list[str], vectors: Floats, stem: str = "q") -> EmbeddedImages:
    """Embeddings with labels, and with names of files that do not exist."""
    images = [LabelledImage(Path(f"{stem}{n}.jpg"), label) for n, label in enumerate(labels)]
    return EmbeddedImages(images, vectors)


def store(products: int = 20, rows: int = 6, spread: float = 0.9) -> Catalog:
    """A catalog."""
    return Catalog(*clusters(products, rows, spread=spread), space="test", calibration=CALIBRATION)


def queries(
    products: int = 20, rows: int = 6, spread: float = 0.9, seed: int = 1
) -> EmbeddedImages:
    """Queries of its products."""
    return embedded(*clusters(products, rows, spread=spread, seed=seed))
