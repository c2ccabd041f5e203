"""Decoded photos, by the device's own loader, kept in memory as far as a budget goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens import load_image


class PhotoBank:
    """Decoded photos by path.

    Args:
        size: Side of the square, pixels.
        budget: Bytes that may be kept.
        source: Another bank to shrink photos from, in place of their files.
    """

    def __init__(self, size: int, *, budget: int, source: PhotoBank | None = None) -> None:
        self._size, self._left, self._source = size, budget, source
        self._kept: dict[Path, NDArray[np.uint8]] = {}

    def get(self, path: Path) -> NDArray[np.uint8]:
        """One photo, uint8 [size, size, 3]."""
        if path in self._kept:
            return self._kept[path]
        photo = self._source.get(path) if self._source else path
        pixels = load_image(photo, size=self._size)
        if self._left >= pixels.nbytes:
            self._left -= pixels.nbytes
            self._kept[path] = pixels
        return pixels
