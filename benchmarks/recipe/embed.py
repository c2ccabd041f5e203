"""Embeddings of a bank's images, unvaried."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens.progress import Progress
from shelflens_train.general.bank import Bank
from shelflens_train.general.views import plain_view


def embed_images(
    network: keras.Model, bank: Bank, chosen: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32]:
    """What a network gives for unvaried images, float32 [n, d]."""
    parts = []
    with Progress("features", len(chosen)) as bar:
        for start in range(0, len(chosen), 32):
            images = [plain_view(bank.pixels[index]) for index in chosen[start : start + 32]]
            batch = np.stack(images).astype(np.float32)
            parts.append(np.asarray(network(batch, training=False)))
            bar.update(start + len(images))
    return np.concatenate(parts)
