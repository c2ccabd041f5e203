"""The catalog that a shop would build with a network: adapted to its images where that helps."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import ModelCard, load_image
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.enrol import ViewEmbedder, adapted_rows
from shelflens.dataset import LabelledImage
from shelflens.model.image import Photo
from shelflens.progress import ProgressBars
from shelflens_train.devices import on_this_process
from shelflens_train.evaluate import in_blocks


class NetworkEmbedder:
    """A Keras network where an embedder is asked for.

    Args:
        network: float32 [n, size, size, 3] -> float32 [n, d], rows of length 1.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        size, dim = network.input_shape[1], network.output_shape[1]
        self.card = ModelCard("in training", "in training", size, dim)

    def load(self, photo: Photo) -> NDArray[np.uint8]:
        """Decode a photo to the network's input, uint8 [size, size, 3]."""
        return load_image(photo, size=self.card.size)

    def embed_many(self, photos: Sequence[Photo]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Indices [n] and embeddings float32 [n, d]."""
        with on_this_process():
            vectors = in_blocks(self._network, np.stack([self.load(photo) for photo in photos]))
        return np.arange(len(photos)), vectors


def enrolled(
    items: Sequence[LabelledImage], vectors: NDArray[np.float32], embedder: ViewEmbedder
) -> tuple[NDArray[np.float32], Adaptation]:
    """What `shelflens catalog build` enrols of images, and how it adapts the catalog.

    Args:
        items: n images that can be read.
        vectors: float32 [n, d], their embeddings.
        embedder: What made them.
    """
    with ProgressBars() as bars:
        rows, adaptation, _ = adapted_rows(
            [item.path for item in items],
            vectors,
            [item.product for item in items],
            embedder,
            on_step=bars.step,
        )
    return rows, adaptation
