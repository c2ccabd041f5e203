"""A replaced catalog or model that does not work is never put to use."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.catalog.reload import Reloader
from tests.attacks.odd_contents import DIM, odd_contents, sound


def embedder(dim: int = DIM) -> Any:
    card = SimpleNamespace(space="s", dim=dim, size=8, name="model")
    return SimpleNamespace(card=card, embed_pixels=lambda pixels: np.ones((1, dim), np.float32))


def test_odd_contents_never_replace_the_catalog_in_use(tmp_path: Path) -> None:
    path, odd = tmp_path / "store.catalog", tmp_path / "odd.catalog"
    sound(path)
    reloader = Reloader(path, embedder)
    used, count = reloader.catalog, 0
    for name in odd_contents(odd):
        os.replace(odd, path)  # noqa: PTH105
        new, lines = reloader.refresh()
        assert (new, len(lines)) == (False, 1), (name, lines)
        assert "going on with the one before" in lines[0]
        assert "\n" not in lines[0]
        assert reloader.catalog is used
        count += 1
    assert count > 80
    sound(odd).remove(["p1"]).save(path)
    assert reloader.refresh()[0]
    assert len(reloader.catalog) == 4


def test_a_catalog_of_another_length_of_embedding_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    sound(path)
    reloader = Reloader(path, embedder)
    used = reloader.catalog
    Catalog(["a"], np.ones((1, DIM + 1), np.float32), space="s").save(path)
    new, lines = reloader.refresh()
    assert not new
    assert "going on with the one before" in lines[0]
    assert reloader.catalog is used


@pytest.mark.parametrize("error", [MemoryError, RecursionError, RuntimeError, KeyError])
def test_a_model_that_raises_anything_is_not_used(tmp_path: Path, error: type[Exception]) -> None:
    path, model = tmp_path / "store.catalog", tmp_path / "model.tflite"
    sound(path)
    model.write_bytes(b"1")
    opened = [embedder()]

    def open_embedder() -> Any:
        if opened:
            return opened.pop()
        raise error("broken")

    reloader = Reloader(path, open_embedder, model)
    used = reloader.embedder
    model.write_bytes(b"22")
    new, lines = reloader.refresh()
    assert not new
    assert "going on with the one before" in lines[0]
    assert reloader.embedder is used
