"""Images of the report: which file shows a product best, and small copies inside the HTML."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import PhotoError
from shelflens.evaluation.result import Evaluation
from shelflens.render.thumbnail import thumbnail

SIDE = 260
"""Longer side in pixels: twice the 130 it is shown at, for dense screens."""
QUALITY = 70


class ReportImages:
    """Small copies of images as data URLs; each file is read once."""

    def __init__(
        self, evaluation: Evaluation, product_image: Callable[[str], Path | None] | None = None
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            evaluation: With the files of the catalog's rows where they are known.
            product_image: From a product id to its image, for a catalog whose files are not known.
        """
        self._catalog, self._row_paths = evaluation.catalog, evaluation.row_paths
        self._product_image = product_image
        self._index_of = {product: index for index, product in enumerate(self._catalog.ids)}
        self._urls: dict[Path, str] = {}
        # A query with a high score that was answered right shows its product well enough.
        self._good_query: dict[str, Path] = {}
        for result in sorted(evaluation.results, key=lambda result: -result.own_score):
            if result.right:
                self._good_query.setdefault(result.item.product, result.path)

    def product(self, product: str, query: NDArray[np.float32] | None = None) -> str:
        """A product's image as a data URL, or "" when there is none.

        Args:
            product: Its id.
            query: float32 [d]; the enrolled image nearest to it is taken, which is the one that
                decided, else the first.
        """
        index = self._index_of.get(product)
        if index is None:
            return ""
        if self._row_paths:
            rows = self._catalog.rows_of(index)
            best = 0
            if query is not None:
                scores = self._catalog.vectors_of(rows) @ self._catalog.queries([query])[0]
                best = int(scores.argmax())
            return self.photo(self._row_paths[rows.start + best])
        path = self._product_image(product) if self._product_image else None
        return self.photo(path or self._good_query.get(product))

    def photo(self, path: Path | None) -> str:
        """A photo as a data URL, "" for none or one that can no longer be read."""
        if path is None:
            return ""
        if path not in self._urls:
            try:
                self._urls[path] = data_url(path)
            except (PhotoError, OSError):
                self._urls[path] = ""
        return self._urls[path]


def data_url(path: Path) -> str:
    """A small JPEG copy of a photo.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    data = thumbnail(path, SIDE, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
