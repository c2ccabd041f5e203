"""The same image, or nearly the same, under two products: both would be answered `ambiguous`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import PhotoError
from shelflens.model.photo_file import open_photo, size_of

NEARLY_SAME = 0.9
"""Cosine from which two images are copies of each other, or will be confused. Of 130,294 pairs of
different products in seven shops 16 reach it, and 95 % (JPEG of quality 40) to 99 % (cropped) of
copies (benchmarks/experiments/2026-11-27-dataset-reading)."""

MAX_COMPARED = 20_000
"""Images that are compared with each other; the work grows with their square."""

_BLOCK = 1024


def nearly_same_images(
    vectors: NDArray[np.float32], products: Sequence[str]
) -> list[tuple[int, int]]:
    """Pairs of images of different products whose embeddings are nearly the same.

    Args:
        vectors: float32 [m, d], rows of length 1; of more than `MAX_COMPARED` the first.
        products: The product of each.

    Returns:
        Indices of the images, the smaller first.
    """
    names = {product: index for index, product in enumerate(dict.fromkeys(products))}
    owners = np.array([names[product] for product in products[:MAX_COMPARED]], np.int64)
    vectors = vectors[:MAX_COMPARED]
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        close = vectors[block] @ vectors[start:].T >= NEARLY_SAME
        close &= owners[block, np.newaxis] != owners[np.newaxis, start:]
        pairs += [(start + i, start + j) for i, j in np.argwhere(close).tolist() if i < j]
    return pairs


def same_images(images: Iterable[tuple[Path, str]]) -> list[tuple[Path, str, Path, str]]:
    """Pairs of files with the same bytes that belong to different products.

    Only files of equal size are read.

    Args:
        images: Files and their products.

    Returns:
        File and product of the first, and of the second of each pair.
    """
    by_size: dict[int, list[tuple[Path, str]]] = {}
    for path, product in images:
        try:
            by_size.setdefault(size_of(path), []).append((path, product))
        except (OSError, PhotoError):  # missing: who embeds it says so
            continue
    pairs = []
    for group in by_size.values():
        if len({product for _, product in group}) < 2:
            continue
        first: dict[bytes, tuple[Path, str]] = {}
        for path, product in group:
            try:
                with open_photo(path) as stream:
                    digest = hashlib.sha256(stream.read()).digest()
            except (OSError, PhotoError):
                continue
            earlier = first.setdefault(digest, (path, product))
            if earlier[1] != product:
                pairs.append((*earlier, path, product))
    return pairs
