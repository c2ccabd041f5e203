"""Distillation from another network, or from the run's own start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Embedder
from shelflens.dataset import read_dataset

pytestmark = pytest.mark.train

ROUNDED = 0.98
"""Smallest cosine between the bundled int8 file and the network made of its weights."""


def unit_rows(seed: int, b: int = 7, d: int = 5) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(b, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def divergence(
    student: NDArray[np.float32], teacher: NDArray[np.float32], temperature: float
) -> float:
    """One pair of images at a time."""
    total = 0.0
    for i in range(len(student)):
        rest = [j for j in range(len(student)) if j != i]
        shares = []
        for rows in (teacher, student):
            weights = [np.exp(float(rows[i] @ rows[j]) / temperature) for j in rest]
            shares.append([weight / sum(weights) for weight in weights])
        total += sum(p * np.log(p / q) for p, q in zip(*shares, strict=True))
    return total / len(student)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_is_the_divergence_of_similarities(temperature: float) -> None:
    from shelflens_train.losses import similarity_distillation

    student, teacher = unit_rows(0), unit_rows(1, d=9)
    loss = float(similarity_distillation(student, teacher, temperature=temperature))
    assert loss == pytest.approx(divergence(student, teacher, temperature), rel=1e-4)
    assert loss > 0.01


def test_a_rotated_copy_of_the_teacher_has_nothing_to_learn() -> None:
    from shelflens_train.losses import similarity_distillation

    teacher = unit_rows(2)
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))
    rotated = (teacher @ rotation).astype(np.float32)
    assert float(similarity_distillation(rotated, teacher)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("teacher", "weights", "taught_by"),
    [("auto", "bundled", "start"), ("auto", "a/model.tflite", "start"), ("auto", "imagenet", ""),
     ("auto", "none", ""), ("auto", "weights.h5", ""), ("none", "bundled", ""),
     ("bundled", "imagenet", "bundled"), ("start", "imagenet", "start")],
)  # fmt: skip
def test_a_start_that_knows_products_teaches(teacher: str, weights: str, taught_by: str) -> None:
    from shelflens_train.distill import teacher_of

    assert teacher_of(teacher, weights) == taught_by


def test_distillation_joins_the_loss_at_every_prefix_and_leaves_the_teacher_alone() -> None:
    import keras

    from shelflens_train.distill import Distillation

    teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="teacher")
    teacher.trainable = False
    image = keras.Input((4,))
    own = keras.layers.UnitNormalization()(keras.layers.Dense(5)(image))
    taught = keras.layers.UnitNormalization()(teacher(image))
    model = keras.Model(image, Distillation((2, 5), 0.5)(own, taught))
    pixels = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    embeddings = np.asarray(model(pixels))
    theirs = np.asarray(keras.ops.normalize(teacher(pixels), axis=1))
    short = embeddings[:, :2] / np.linalg.norm(embeddings[:, :2], axis=1, keepdims=True)
    parts = [divergence(rows, theirs, 0.1) for rows in (short, embeddings)]
    assert float(model.losses[0]) == pytest.approx(0.5 * np.mean(parts), rel=1e-3)

    before = [np.array(weights) for weights in teacher.get_weights()]
    model.compile(keras.optimizers.Adam(1e-2), loss=lambda y, p: 0.0 * keras.ops.sum(p))
    history = model.fit(pixels, np.zeros(6), epochs=60, batch_size=6, shuffle=False, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    for a, b in zip(before, teacher.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_who_teaches(trained_run: Path) -> None:
    import keras

    from shelflens_train.distill import teacher_network
    from shelflens_train.spec import BackboneSpec

    assert teacher_network("", BackboneSpec()) is None
    embedder = Embedder.open()
    paths = read_dataset(trained_run.parent / "test.csv").paths[:6]
    # A small network may learn from a wide one, whatever its own backbone is.
    small = BackboneSpec("mobilenet_v3_small", alpha=0.75, trains_statistics=True)
    bundled = teacher_network("bundled", small)
    assert bundled is not None
    pixels = np.stack([embedder.load(path) for path in paths])
    ours = bundled.predict(pixels.astype(np.float32), verbose=0)
    theirs = np.stack([embedder.embed(path) for path in paths])
    assert np.einsum("nd,nd->n", ours, theirs).min() > ROUNDED

    run = teacher_network(str(trained_run), BackboneSpec(dim=32))
    assert run is not None
    model = keras.models.load_model(trained_run / "model.keras", compile=False)
    pixels = pixels[:, :128, :128].astype(np.float32)
    assert np.allclose(run.predict(pixels, verbose=0), model.predict(pixels, verbose=0), atol=1e-5)
    assert not run.trainable_weights
    with pytest.raises(FileNotFoundError, match="no run folder"):
        teacher_network(str(trained_run.parent), BackboneSpec())


def test_a_runs_own_start_teaches_it_and_is_kept_for_a_resume(
    trained_run: Path, tmp_path: Path
) -> None:
    import h5py

    words = ["train", trained_run.parent / "test.csv", "--out", tmp_path / "run"]
    words += ["--weights", trained_run, "--size", 64, "--dim", 64, "--batch", 8, "--epochs", 1]
    command = [sys.executable, "-m", "shelflens", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: no better than the bundled model
    assert (tmp_path / "run" / "metrics.json").exists(), done.stderr

    def heads(file: str) -> list[NDArray[np.float32]]:
        """The kernels of all embedding layers in a weights file."""
        found: list[NDArray[np.float32]] = []

        def look(name: str, node: Any) -> None:
            if name.startswith("layers/") and getattr(node, "shape", ()) == (1280, 64):
                found.append(node[()])

        with h5py.File(next((tmp_path / "run" / "state").glob(file))) as weights:
            weights.visititems(look)
        return found

    (start,) = heads("start*")
    same = [np.array_equal(head, start) for head in heads("last*")]
    assert sorted(same) == [False, True], "the network's own, and its teacher's"
