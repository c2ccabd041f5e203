"""An exported int8 file, such as the bundled model, as the start of a fine-tune."""

from __future__ import annotations

import numpy as np
import pytest

from shelflens import Embedder
from shelflens.dataset import read_dataset
from shelflens.errors import ModelError

pytestmark = pytest.mark.train

ROUNDED = 0.98
"""Least cosine between the int8 file and the network made of its weights: the file rounds its
activations, the network does not."""


def test_the_network_gives_the_files_embeddings() -> None:
    from shelflens_train.config import TrainConfig
    from shelflens_train.from_tflite import BUNDLED
    from shelflens_train.model import brings_head, starting_model

    embedder = Embedder.open()
    config = TrainConfig(data=("x",), weights="bundled", size=embedder.card.size)
    network = starting_model(config)
    photos = read_dataset(BUNDLED.parent / "demo" / "photos.csv").paths[::10]
    pixels = np.stack([embedder.load(photo) for photo in photos])
    theirs = np.stack([embedder.embed_pixels(one[np.newaxis])[0] for one in pixels])
    ours = network.predict(pixels.astype(np.float32), verbose=0)
    assert np.einsum("nd,nd->n", ours, theirs).min() > ROUNDED
    assert brings_head(config)

    size = embedder.card.size
    short = starting_model(TrainConfig(data=("x",), weights=str(BUNDLED), size=size, dim=64))
    prefix = ours[:, :64] / np.linalg.norm(ours[:, :64], axis=1, keepdims=True)
    np.testing.assert_allclose(
        short.predict(pixels.astype(np.float32), verbose=0), prefix, atol=1e-5
    )


def test_what_does_not_fit_is_told() -> None:
    from shelflens_train.config import TrainConfig
    from shelflens_train.model import starting_model

    with pytest.raises(ModelError, match=r"backbone mobilenet_v2 1, asked for mobilenet_v2 0\.5"):
        starting_model(TrainConfig(data=("x",), weights="bundled", alpha=0.5))
    with pytest.raises(ModelError, match="embeddings of 256 numbers, asked for 512"):
        starting_model(TrainConfig(data=("x",), weights="bundled", dim=512))
    with pytest.raises(FileNotFoundError):
        starting_model(TrainConfig(data=("x",), weights="nowhere.tflite"))
