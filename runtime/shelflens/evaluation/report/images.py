"""Pictures for the page: which file shows a product best, and small copies inside the page."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import PhotoError
from shelflens.evaluation.evaluate import Report
from shelflens.render.thumbnail import thumbnail

SIDE = 260
"""Longer side in pixels: twice the 130 it is shown at, for dense screens."""
QUALITY = 70


class Pictures:
    """Small copies of photos as data URLs; each file is read once."""

    def __init__(self, report: Report, shown: Callable[[str], Path | None] | None = None) -> None:
        """Prepare; nothing is read yet.

        Args:
            report: With the files of the catalog's rows where they are known.
            shown: From a product id to its picture, for a catalog whose rows are not known.
        """
        self._catalog, self._rows, self._shown = report.catalog, report.rows, shown
        self._numbers = {product: place for place, product in enumerate(report.catalog.ids)}
        self._made: dict[Path, str] = {}
        # A photo that was answered rightly and surely shows its product well enough.
        self._seen: dict[str, Path] = {}
        for look in sorted(report.looks, key=lambda look: -look.own):
            if look.right:
                self._seen.setdefault(look.item.product, look.path)

    def product(self, product: str, like: NDArray[np.float32] | None = None) -> str:
        """A product's picture as a data URL, or "" when there is none.

        Args:
            product: Its id.
            like: float32 [d]; the enrolled picture most like it is taken, which is the one that
                decided, else the first.
        """
        number = self._numbers.get(product)
        if number is None:
            return ""
        if self._rows:
            owned = self._catalog.rows_of(number)
            best = 0 if like is None else int(np.argmax(self._catalog.vectors_of(owned) @ like))
            return self.photo(self._rows[owned.start + best])
        path = self._shown(product) if self._shown else None
        return self.photo(path or self._seen.get(product))

    def photo(self, path: Path | None) -> str:
        """A photo as a data URL, "" for none or one that can no longer be read."""
        if path is None:
            return ""
        if path not in self._made:
            try:
                self._made[path] = data_url(path)
            except (PhotoError, OSError):
                self._made[path] = ""
        return self._made[path]


def data_url(path: Path) -> str:
    """A small JPEG copy of a photo.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    data = thumbnail(path, SIDE, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
