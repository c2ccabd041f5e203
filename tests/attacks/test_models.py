"""A damaged model file is refused before an engine sees it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from shelflens import Embedder, ModelError
from shelflens.commands.doctor import PROBES
from shelflens.model import content
from shelflens.model.embedder import BUNDLED_MODEL
from tests.attacks.damage import cut, flipped, mixed

PROBE = PROBES[".onnx"]


def test_every_damage_of_an_onnx_file_is_refused(tmp_path: Path) -> None:
    """Flipped bits at every byte, every length, and random damage."""
    whole, path, generator = PROBE.read_bytes(), tmp_path / "model.onnx", random.Random(0)
    damages = [
        *flipped(whole, iter(range(len(whole))), generator),
        *cut(whole, iter(range(len(whole)))),
        *mixed(whole, 400, generator),
    ]
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(ModelError) as caught:
            Embedder.open(path)
        assert "export it again" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_whole_file_runs(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(PROBE.read_bytes())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    wanted = pixels.reshape(2, -1) / np.linalg.norm(pixels.reshape(2, -1), axis=1, keepdims=True)
    np.testing.assert_allclose(Embedder.open(path).embed_pixels(pixels), wanted, atol=1e-6)


def test_an_onnx_file_without_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(PROBE.read_bytes()[: -len(content._TRAILER) - 8])
    with pytest.raises(ModelError, match="no ShelfLens checksum at its end"):
        Embedder.open(path)


def test_a_model_larger_than_any_of_ours_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "MAX_MODEL_BYTES", 1000)
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(1001))
    with pytest.raises(ModelError, match="more than 1,000 bytes"):
        Embedder.open(path)


def test_what_was_checked_is_what_runs(tmp_path: Path) -> None:
    """A file that is replaced after it was opened is not opened again for more threads."""
    path = tmp_path / "model.tflite"
    path.write_bytes(BUNDLED_MODEL.read_bytes())
    checked: list[bytes] = []
    embedder = Embedder.open(path, check=lambda _, data: checked.append(bytes(data)))
    path.write_bytes(b"another")
    assert len(embedder._engines(2)) == 2
    assert checked == [BUNDLED_MODEL.read_bytes()]
