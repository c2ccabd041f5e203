"""Embeddings of Keras networks, for experiments that need no exported file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.quality.measuring import Vectors
from shelflens.dataset import LabelledImage


def network_of(run: Path) -> Any:
    """The Keras network of a run folder."""
    import keras

    return keras.models.load_model(run / "model.keras", compile=False)


def embeddings(network: Any, *parts: list[LabelledImage]) -> list[Vectors]:
    """Of each list of images, float32 [n, d]."""
    from shelflens_train.evaluate import embed
    from shelflens_train.photo_bank import PhotoBank

    bank = PhotoBank(int(network.input_shape[1]), budget=0)
    return [embed(network, items, bank) for items in parts]
