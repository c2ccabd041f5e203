"""The small model of docs/models: how it opens, what it finds, what it must not be mixed with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shelflens import Embedder
from shelflens.catalog.build import build_catalog
from shelflens.dataset import read_dataset
from shelflens.errors import SpaceError
from shelflens.model.embedder import BUNDLED_MODEL

SMALL = Path(__file__).parents[2] / "docs" / "models" / "small.tflite"
LARGEST = 1_500_000
"""Bytes."""
FOUND = 0.8
"""Least share of the demo's photos whose product comes first; a frozen network finds half."""


def test_it_is_small_and_finds_the_products_of_the_demo() -> None:
    demo = BUNDLED_MODEL.parent / "demo"
    embedder = Embedder.open(SMALL)
    assert SMALL.stat().st_size < LARGEST
    assert embedder.card.variant == "int8"
    catalog = build_catalog(read_dataset(demo / "studio.csv"), embedder)
    known = set(catalog.ids)
    photos = [item for item in read_dataset(demo / "photos.csv").items if item.product in known]
    vectors = embedder.embed_many([item.path for item in photos])[1]
    right = [
        catalog.match(vector, k=1)[0].id == item.product
        for vector, item in zip(vectors, photos, strict=True)
    ]
    assert np.mean(right) > FOUND


def test_a_catalog_of_the_bundled_model_is_refused() -> None:
    bundled = Embedder.open()
    small = Embedder.open(SMALL)
    assert small.card.space != bundled.card.space
    studio = read_dataset(BUNDLED_MODEL.parent / "demo" / "studio.csv")
    catalog = build_catalog(studio, bundled)
    with pytest.raises(SpaceError, match=small.card.space):
        catalog.require(small.card.space)
