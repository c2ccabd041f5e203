"""`Embedder.embed_many`: all cores, the same vectors, in order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from shelflens import Embedder, PhotoError
from shelflens.model import embedder as module
from shelflens.model.engines import open_engine

PHOTOS = sorted((module.BUNDLED_MODEL.parent / "demo" / "photos").glob("*.jpg"))


@pytest.mark.parametrize("count", [3, 40])
def test_many_photos_are_embedded_as_one_is(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    embedder = Embedder.open()
    done: list[int] = []
    kept, vectors = embedder.embed_many(PHOTOS[:count], on_done=done.append)
    assert kept.tolist() == list(range(count))
    assert done == list(range(1, count + 1))
    for photo, vector in zip(PHOTOS, vectors, strict=False):
        assert np.array_equal(vector, embedder.embed(photo))


def test_networks_are_opened_only_for_many_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder.open()
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    opened: list[Path] = []

    def count(path: Path, **options: object) -> object:
        opened.append(path)
        assert options["threads"] == 1
        return open_engine(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "open_engine", count)
    embedder.embed_many(PHOTOS[:15])
    assert opened == []
    embedder.embed_many(PHOTOS[:16])
    assert opened == [module.BUNDLED_MODEL] * 2


def test_a_photo_that_cannot_be_read_is_named_by_its_index(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    photos = [*PHOTOS[:20], tmp_path / "bad.jpg", PHOTOS[20]]
    failed: list[int] = []
    kept, vectors = Embedder.open().embed_many(photos, on_error=lambda n, _: failed.append(n))
    assert failed == [20]
    assert kept.tolist() == [*range(20), 21]
    assert len(vectors) == 21
    with pytest.raises(PhotoError, match="not a picture"):
        Embedder.open().embed_many(photos)


def test_no_photos() -> None:
    kept, vectors = Embedder.open().embed_many([])
    assert (kept.shape, vectors.shape) == ((0,), (0, Embedder.open().card.dim))
