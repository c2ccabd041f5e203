"""The mean of fine-tunes of one start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import ModelCard
from shelflens.errors import DataError

pytestmark = pytest.mark.train


def shelflens(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shelflens", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two fine-tunes of one start, with other seeds."""
    root = tmp_path_factory.mktemp("seeds")
    made = []
    for seed in (1, 2):
        made.append(root / f"seed-{seed}")
        words = ["train", trained_run.parent / "test.csv", "--out", made[-1], "--seed", seed]
        words += ["--weights", trained_run, "--size", 64, "--dim", 64, "--batch", 8, "--epochs", 1]
        done = shelflens(*words)
        assert done.returncode == 0, done.stderr
    return made


def weights(run: Path) -> list[NDArray[np.float32]]:
    import keras

    model = keras.models.load_model(run / "model.keras", compile=False)
    return [np.asarray(one) for one in model.get_weights()]


def test_the_mean_of_runs_is_a_run(runs: list[Path], trained_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "together"
    done = shelflens("average", *runs, "--out", out, "--keep", 0.25)
    assert done.returncode == 0, done.stderr
    assert "seed 1: recall@1" in done.stdout
    one, two, start, mean = map(weights, (*runs, trained_run, out))
    assert any(not np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    for a, b, s, m in zip(one, two, start, mean, strict=True):
        assert np.allclose(m, 0.25 * s + 0.75 * (a + b) / 2, atol=1e-6)
    card = ModelCard.from_json((out / "card.json").read_text(), where="card.json")
    assert card.training["seed"] == [1, 2]
    assert card.space.startswith("together-")
    metrics = json.loads((out / "metrics.json").read_text())
    assert [part["seed"] for part in metrics["averaged"]] == [1, 2]
    parts = [json.loads((run / "metrics.json").read_text()) for run in runs]
    assert metrics["seconds"] == pytest.approx(sum(part["seconds"] for part in parts), abs=0.2)
    # It is a start for others, and its own start is kept.
    assert (out / "state" / "start.weights.h5").exists()
    again = shelflens("average", *runs, "--out", out)
    assert again.returncode == 1
    assert "holds a run already" in again.stderr


def test_runs_whose_mean_means_nothing(runs: list[Path], trained_run: Path, tmp_path: Path) -> None:
    from shelflens_train.average import average

    out = tmp_path / "out"
    with pytest.raises(DataError, match="expected at least 2"):
        average(runs[:1], out)
    with pytest.raises(FileNotFoundError, match="no finished run"):
        average([runs[0], tmp_path], out)
    with pytest.raises(DataError, match=r"trained with size 128, .* with 64"):
        average([runs[0], trained_run], out)

    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    photos = (other / "photos.csv").read_text().splitlines(keepends=True)
    (other / "photos.csv").write_text("".join(photos[:-1]))
    with pytest.raises(DataError, match="trained on other photos"):
        average([runs[0], other], out)
    shutil.copy(runs[1] / "photos.csv", other)
    start = other / "state" / "start.weights.h5"
    shutil.copy(next((other / "state").glob("best-*")), start)
    with pytest.raises(DataError, match="started from other weights"):
        average([runs[0], other], out)
    assert not out.exists()
