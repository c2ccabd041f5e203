"""Decoded photos, by the device's own loader, kept in memory as far as a budget goes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from shelflens import load_image

_AHEAD = 2
"""Blocks that are decoded before they are asked for."""


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
        self._lock = Lock()

    def get(self, path: Path) -> NDArray[np.uint8]:
        """One photo, uint8 [size, size, 3]; several threads may ask at once."""
        if path in self._kept:
            return self._kept[path]
        photo = self._source.get(path) if self._source else path
        pixels = load_image(photo, size=self._size)
        with self._lock:
            if self._left >= pixels.nbytes and path not in self._kept:
                self._left -= pixels.nbytes
                self._kept[path] = pixels
        return pixels

    def too_small_for(self, photos: int) -> str:
        """A line that says so, when not all of so many photos can be kept; else ""."""
        each = 3 * self._size**2
        if self._left >= photos * each:
            return ""
        return (
            f"cache: {self._left // each} of {photos} photos fit into {self._left / 1e9:.1f} GB, "
            "the others are decoded in each epoch; "
            f"--cache-gb {photos * each / 1e9 + 0.05:.1f} keeps all"
        )

    def blocks(self, paths: Sequence[Path], length: int) -> Iterator[NDArray[np.uint8]]:
        """So many photos at a time, uint8 [length, size, size, 3], decoded ahead on all cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting: deque[list[Future[NDArray[np.uint8]]]] = deque()
            for start in range(0, len(paths), length):
                part = paths[start : start + length]
                waiting.append([pool.submit(self.get, path) for path in part])
                if len(waiting) > _AHEAD:
                    yield np.stack([photo.result() for photo in waiting.popleft()])
            while waiting:
                yield np.stack([photo.result() for photo in waiting.popleft()])
