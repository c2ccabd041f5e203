"""The mean of fine-tunes of one start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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
        assert done.returncode in (0, 1), done.stderr  # 1: no better than the bundled model
        assert (made[-1] / "metrics.json").exists(), done.stderr
    return made


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_the_mean_of_runs_is_a_run(runs: list[Path], trained_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "together"
    done = shelflens("average", *runs, "--out", out, "--start-share", 0.25)
    verdict = json.loads((out / "metrics.json").read_text())["comparison"]["verdict"]
    assert done.returncode == (verdict != "better"), done.stderr
    assert "seed 1: recall@1" in done.stdout
    import keras

    from shelflens_train.average_runs import average
    from shelflens_train.backbones import embedding_network
    from shelflens_train.config import saved_config
    from shelflens_train.evaluate import embed
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.split import split_photos
    from shelflens_train.whitening import discriminative_rotation, partial_whitening, transform

    # The same, made by hand; only the head differs, transformed as for a single run.
    network = embedding_network(saved_config(runs[0]).spec, side=64)
    files = [next((run / "state").glob("best*")) for run in runs]
    files.append(runs[0] / "state" / "start.weights.h5")
    parts = []
    for file in files:
        network.load_weights(file)
        parts.append(network.get_weights())
    assert not np.array_equal(parts[0][0], parts[1][0])
    network.set_weights([0.25 * s + 0.75 * (a + b) / 2 for a, b, s in zip(*parts, strict=True)])
    model = keras.models.load_model(out / "model.keras", compile=False)
    *ours, kernel, bias = network.get_weights()
    *found, head, shifted = model.get_weights()
    for a, b in zip(ours, found, strict=True):
        assert np.allclose(a, b, atol=1e-6)
    axes, left, *_ = np.linalg.lstsq(kernel, head)
    assert np.sum(left) < 1e-6 * np.sum(head**2)
    assert np.allclose(bias @ axes, shifted, atol=1e-4)
    photos = split_photos(saved_config(out).data, workers=1).train
    vectors = embed(network, photos, PhotoBank(64, budget=0))
    whitening = partial_whitening(vectors)
    after = transform(vectors, whitening)
    rest = np.linalg.solve(whitening, axes)
    square = rest.T @ rest
    assert np.allclose(square, np.diag(np.diag(square)), atol=1e-3)
    assert np.diag(square).max() <= 1 + 1e-3
    wanted = whitening @ discriminative_rotation(after, [item.product for item in photos])
    assert np.allclose(axes @ axes.T, wanted @ wanted.T, atol=1e-2 * np.abs(wanted).max() ** 2)
    card = ModelCard.from_json((out / "card.json").read_text(), where="card.json")
    assert card.training["seed"] == [1, 2]
    assert card.space.startswith("together-")
    metrics = json.loads((out / "metrics.json").read_text())
    assert [part["seed"] for part in metrics["averaged"]] == [1, 2]
    seconds = [json.loads((run / "metrics.json").read_text())["seconds"] for run in runs]
    assert metrics["seconds"] == pytest.approx(sum(seconds), abs=0.2)
    with pytest.raises(DataError, match="no weights in its state/"):
        average([out, *runs], tmp_path / "again")
    average(runs, tmp_path / "larger", size=96)
    larger = ModelCard.from_json((tmp_path / "larger" / "card.json").read_text(), where="card.json")
    assert (larger.size, larger.dim) == (96, 64)
    again = shelflens("average", *runs, "--out", out)
    assert again.returncode == 1
    assert "holds a run already" in again.stderr


def test_runs_whose_mean_means_nothing(runs: list[Path], trained_run: Path, tmp_path: Path) -> None:
    from shelflens_train.average_runs import average

    out = tmp_path / "out"
    with pytest.raises(DataError, match="expected at least 2"):
        average(runs[:1], out)
    with pytest.raises(FileNotFoundError, match="no finished run"):
        average([runs[0], tmp_path], out)
    with pytest.raises(DataError, match=r"trained with size 128, .* with 64"):
        average([runs[0], trained_run], out)

    changed = tmp_path / "changed"
    shutil.copytree(runs[1], changed)
    photos = (changed / "photos.csv").read_text().splitlines(keepends=True)
    (changed / "photos.csv").write_text("".join(photos[:-1]))
    with pytest.raises(DataError, match="trained on other photos"):
        average([runs[0], changed], out)
    shutil.copy(runs[1] / "photos.csv", changed)
    start = changed / "state" / "start.weights.h5"
    shutil.copy(next((changed / "state").glob("best-*")), start)
    with pytest.raises(DataError, match="started from other weights"):
        average([runs[0], changed], out)
    assert not out.exists()
