"""What a shop has without a training: the model in the package, on the same photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens import Embedder
from shelflens.dataset import LabelledImage
from shelflens.model.quiet import without_greeting
from shelflens.progress import Progress


class BundledModel:
    """The bundled int8 model as a device runs it; each photo is embedded once."""

    def __init__(self) -> None:
        with without_greeting():
            self._embedder = Embedder.open()
        self._known: dict[Path, NDArray[np.float32]] = {}

    @property
    def embedder(self) -> Embedder:
        """The model itself."""
        return self._embedder

    @property
    def space(self) -> str:
        """Its embedding space."""
        return self._embedder.card.space

    def embed(self, items: Sequence[LabelledImage]) -> NDArray[np.float32]:
        """Embeddings of photos that can be read: float32 [n, d], rows of length 1.

        Raises:
            PhotoError, OSError: a photo that cannot be read any more.
        """
        new = list(dict.fromkeys(item.path for item in items if item.path not in self._known))
        with Progress("bundled model", len(new)) as bar:
            _, vectors = self._embedder.embed_many(new, on_done=bar.update)
        self._known.update(zip(new, vectors, strict=True))
        return np.stack([self._known[item.path] for item in items])
