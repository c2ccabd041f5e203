"""An exported int8 file, such as the bundled model, as the start of a fine-tune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shelflens import Embedder
from shelflens.dataset import read_dataset
from shelflens.errors import ModelError
from shelflens.model.embedder import BUNDLED_MODEL

pytestmark = pytest.mark.train

ROUNDED = 0.98
"""Smallest cosine between the int8 file and the network made of its weights: the file rounds its
activations, the network does not."""
SMALL = Path(__file__).parents[2] / "docs" / "models" / "small.tflite"


@pytest.mark.parametrize("file", [BUNDLED_MODEL, SMALL], ids=["bundled", "small"])
def test_the_network_gives_the_files_embeddings(file: Path) -> None:
    from shelflens_train.spec import BackboneSpec
    from shelflens_train.start_weights import brings_head, starting_network

    embedder = Embedder.open(file)
    spec = BackboneSpec.from_card(embedder.card)
    network = starting_network(spec, str(file))
    photos = read_dataset(BUNDLED_MODEL.parent / "demo" / "photos.csv").paths[::10]
    pixels = np.stack([embedder.load(photo) for photo in photos])
    theirs = np.stack([embedder.embed_pixels(photo[np.newaxis])[0] for photo in pixels])
    ours = network.predict(pixels.astype(np.float32), verbose=0)
    assert np.einsum("nd,nd->n", ours, theirs).min() > ROUNDED
    assert brings_head("bundled")
    assert brings_head(str(file))

    short = starting_network(replace(spec, dim=64), str(file))
    prefix = ours[:, :64] / np.linalg.norm(ours[:, :64], axis=1, keepdims=True)
    np.testing.assert_allclose(
        short.predict(pixels.astype(np.float32), verbose=0), prefix, atol=1e-5
    )


def test_what_does_not_fit_is_said() -> None:
    from shelflens_train.spec import BackboneSpec
    from shelflens_train.start_weights import starting_network

    with pytest.raises(ModelError, match=r"backbone mobilenet_v2 1, asked for mobilenet_v2 0\.5"):
        starting_network(BackboneSpec(alpha=0.5), "bundled")
    with pytest.raises(ModelError, match="embeddings of 256 dimensions, asked for 512"):
        starting_network(BackboneSpec(dim=512), "bundled")
    with pytest.raises(ModelError, match="mobilenet_v2_pruned has no ImageNet weights"):
        starting_network(BackboneSpec("mobilenet_v2_pruned"), "imagenet")
    with pytest.raises(FileNotFoundError):
        starting_network(BackboneSpec(), "nowhere.tflite")
