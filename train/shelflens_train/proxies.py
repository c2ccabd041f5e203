"""The network that is trained: embeddings, and their cosines with one proxy per class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


class Proxies(keras.layers.Layer):  # type: ignore[misc]
    """One direction per class, and every embedding's cosine with each.

    Of a Matryoshka embedding each prefix is an embedding too, and is compared with the same
    prefix of the proxies (Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022).
    """

    def __init__(self, classes: int, dims: tuple[int, ...], *, seed: int) -> None:
        super().__init__(dtype="float32", name="proxies")
        self._classes, self._dims, self._seed = classes, dims, seed

    def build(self, input_shape: Any) -> None:
        """Random directions, until they are set."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self._classes),
            initializer=keras.initializers.RandomNormal(stddev=0.06, seed=self._seed),
        )

    def call(self, embeddings: Any) -> Any:
        """float32 [b, d] -> float32 [b, p, c]: cosines, for each prefix and each class."""
        # A prefix' products and squares are those of the prefix before it and of what it adds: of
        # thousands of classes, each weight is read once.
        products = norms = lengths = 0.0
        cosines = []
        for start, stop in zip((0, *self._dims[:-1]), self._dims, strict=True):
            rows, proxies = embeddings[:, start:stop], self.kernel[start:stop]
            products = products + rows @ proxies
            norms = norms + ops.sum(proxies**2, axis=0)
            lengths = lengths + ops.sum(rows**2, axis=1, keepdims=True)
            cosines.append(products * _inverse_root(norms) * _inverse_root(lengths))
        return ops.stack(cosines, axis=1)


def _inverse_root(squares: Any) -> Any:
    return ops.rsqrt(ops.maximum(squares, 1e-24))


def classifier(
    embedder: keras.Model,
    classes: int,
    *,
    dims: tuple[int, ...],
    seed: int,
    outputs_embedding: bool = False,
    distillation: Callable[[Any, Any], Any] | None = None,
) -> keras.Model:
    """The network that is trained.

    Args:
        embedder: The embedding network, at any input size.
        classes: Proxies.
        dims: The prefixes of the embedding that are compared with them.
        seed: Of the proxies' random directions.
        outputs_embedding: Whether the embedding is an output too, for a loss over pairs.
        distillation: Sees images and embeddings, adds its loss, and gives the embeddings back.

    Returns:
        uint8 or float [n, s, s, 3] in 0..255 -> float32 [n, p, classes], cosines; the embedding
        too, float32 [n, d], where it is asked for.
    """
    image = keras.Input((None, None, 3), name="photo")
    embedding = embedder(image)
    if distillation:
        embedding = distillation(image, embedding)
    cosines = Proxies(classes, dims, seed=seed)(embedding)
    outputs = [cosines, embedding] if outputs_embedding else cosines
    return keras.Model(image, outputs, name="classifier")
