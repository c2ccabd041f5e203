"""Training for real, small: two dozen photos, a narrow network, a few steps."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import ModelCard
from shelflens.catalog.posterior import Posterior
from shelflens.errors import ModelError

pytestmark = pytest.mark.train

# The images grow from 64 to 96 pixels half way.
SMALL = (
    "--alpha",
    "0.35",
    "--size",
    "96",
    "--train-size",
    "96",
    "--dim",
    "32",
    "--batch",
    "8",
    "--weights",
    "none",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, grocery: Path) -> Path:
    """Six real products with eight photos each, one with a single photo, one broken photo."""
    root = tmp_path_factory.mktemp("photos")
    with (root / "data.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "product"])
        counts: dict[str, int] = {}
        for line in (grocery / "train.txt").read_text().splitlines():
            name = line.split(",")[0].strip()
            product = Path(name).parent.name
            if counts.get(product, 0) < 8 and (product in counts or len(counts) < 6):
                counts[product] = counts.get(product, 0) + 1
                writer.writerow([grocery / name, product])
        writer.writerow([grocery / name, "single"])
        (root / "broken.jpg").write_bytes((grocery / name).read_bytes()[:3000])
        writer.writerow(["broken.jpg", "single"])
    return root / "data.csv"


def command(data: Path, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "shelflens", "train", str(data), "--out", str(out)]
    return [*words, *SMALL, *more]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    done = run(*command(photos, out, "--head-epochs", "1", "--epochs", "3"))
    # From nothing, a few steps: the bundled model is better, and a script must see that.
    assert done.returncode == 1, done.stderr
    *progress, warning = done.stderr.splitlines()
    assert all(re.match(r"[a-z0-9/ ]+: \d+/\d+ ", line) for line in progress), done.stderr
    assert re.match(r"warning: (no better|worse) than the bundled model: of 6 held", warning)
    assert "bundled model: recall@1 " in done.stdout.partition("epoch 1 (")[0]
    assert " so far, about 0:" in done.stdout
    assert "7 products, 43 photos to train on, 6 to validate on, 1 skipped" in done.stdout
    assert "broken.jpg: damaged or cut short" in done.stdout
    return out


def test_the_run_folder_holds_what_it_should(finished: Path) -> None:
    card = ModelCard.from_json((finished / "card.json").read_text(), where="card.json")
    assert (card.size, card.dim, card.backbone) == (96, 32, "mobilenet_v2 0.35")
    assert card.space.startswith("whole-")
    assert set(card.calibration) == {"threshold", "posterior"}
    metrics = json.loads((finished / "metrics.json").read_text())
    assert [entry["phase"] for entry in metrics["history"]] == ["head", "all", "all", "all"]
    losses = [entry["loss"] for entry in metrics["history"]]
    assert losses[-1] < losses[0]
    assert 0 <= metrics["val_recall_at_1"] <= 1
    bundled = metrics["comparison"]["bundled"]
    assert metrics["comparison"]["verdict"] != "better"
    assert bundled["val_recall_at_1"] >= metrics["val_recall_at_1"]
    assert f"| {bundled['val_recall_at_1']:.3f} |" in (finished / "report.md").read_text()
    with Image.open(finished / "plots" / "curves.png") as plot:
        assert plot.width > 600
    assert list((finished / "log").rglob("events*"))
    rows = list(csv.DictReader((finished / "photos.csv").read_text().splitlines()))
    assert {row["split"] for row in rows} == {"train", "val"}
    assert len(rows) == 49


def test_the_model_gives_unit_vectors_of_raw_pixels(finished: Path) -> None:
    import keras

    model = keras.models.load_model(finished / "model.keras", compile=False)
    pixels = np.random.default_rng(0).integers(0, 255, (3, 96, 96, 3)).astype(np.float32)
    vectors = np.asarray(model(pixels))
    assert vectors.shape == (3, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    finished: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "whole"
    words = command(photos, out, "--head-epochs", "1", "--epochs", "3", "--resume")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    state = out / "state" / "state.json"
    until = time.monotonic() + 500
    while time.monotonic() < until and process.poll() is None:
        if state.exists() and json.loads(state.read_text())["epoch"] >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert json.loads(state.read_text())["epoch"] in (2, 3)
    assert not (out / "model.keras").exists()
    done = run(*words)
    assert done.returncode == 1, done.stderr
    assert "bundled model: recall" not in done.stdout, "it is measured once"
    assert "epoch 1 (" not in done.stdout, "it goes on, it does not start again"
    before, after = (
        json.loads((run_folder / "metrics.json").read_text())["history"]
        for run_folder in (finished, out)
    )
    assert [entry["epoch"] for entry in after] == [1, 2, 3, 4]
    # Threads add up floats in another order: the same kind of result, not the same bits.
    assert after[-1]["loss"] == pytest.approx(before[-1]["loss"], rel=0.2)


def test_the_epoch_that_is_kept_is_the_last_good_one(finished: Path) -> None:
    from shelflens_train.epoch_monitor import standard_error
    from shelflens_train.state import StateFolder

    state = StateFolder(finished).read()
    assert state
    queries = json.loads((finished / "metrics.json").read_text())["val_queries"]
    best, kept = -1.0, 0
    for entry in state.history:
        if entry["val_recall_at_1"] >= best - standard_error(best, queries):
            kept = entry["epoch"]
        best = max(best, entry["val_recall_at_1"])
    assert state.best == best
    assert state.best_weights == f"best-{kept:03d}.weights.h5"
    assert state.kept == kept


def test_a_taken_folder_is_not_overwritten(finished: Path, photos: Path) -> None:
    before = (finished / "model.keras").read_bytes()
    done = run(*command(photos, finished))
    assert done.returncode == 1
    assert "holds a run already; --resume" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (finished / "model.keras").read_bytes() == before


def test_an_earlier_run_is_a_start(finished: Path, photos: Path, tmp_path: Path) -> None:
    from shelflens_train.spec import BackboneSpec
    from shelflens_train.start_weights import starting_network

    spec = BackboneSpec(alpha=0.35, size=96, dim=32)
    model = starting_network(spec, str(finished))
    import keras

    old = keras.models.load_model(finished / "model.keras", compile=False)
    for before, now in zip(old.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(before, now)
    with pytest.raises(ModelError, match=r"alpha 0\.35, asked for 0\.5"):
        starting_network(replace(spec, alpha=0.5), str(finished))


def test_what_cannot_be_trained_on_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run(*command(tmp_path / "empty", tmp_path / "a"))
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "no photos in product folders" in done.stderr
    assert not (tmp_path / "a" / "model.keras").exists()


def offline(tmp_path: Path) -> dict[str, str]:
    """An environment without ImageNet weights, and without a network to fetch them."""
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "keras"), "no_proxy": ""}
    return environment | dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")


def test_without_a_network_and_with_one_image_per_product(tmp_path: Path, photos: Path) -> None:
    """A first try: no option but the size, no network, no second photo of anything."""
    rows = list(csv.reader(photos.read_text().splitlines()))
    first = {row[1]: row for row in reversed(rows[1:]) if row[0] != "broken.jpg"}
    with (tmp_path / "single.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([rows[0], *first.values()])
    out = tmp_path / "run"
    words = command(tmp_path / "single.csv", out)[:7]
    words += ["--size", "64", "--batch", "4", "--epochs", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=offline(tmp_path))
    assert done.returncode in (0, 1), done.stderr
    assert "0 to validate on" in done.stdout
    assert "35 synthetic views of their images are looked up" in done.stdout
    assert "note: synthetic views" in done.stdout
    assert json.loads((out / "config.json").read_text())["weights"] == "bundled"
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["val_queries"] == metrics["val_views"] == 35
    # What one image cannot tell is not fitted.
    card = ModelCard.from_json((out / "card.json").read_text(), where="card.json")
    assert card.calibration["posterior"] == asdict(Posterior())
    from shelflens_export.run_folder import read_run

    held_out = read_run(out).held_out
    assert len(held_out) == 35
    assert all(photo.path.exists() for photo in held_out)


def test_without_a_network_imagenet_says_what_to_do(tmp_path: Path, photos: Path) -> None:
    """Keras downloads the weights on a machine with a network; here it must say `--weights`."""
    words = command(photos, tmp_path / "run")
    words[words.index("none")] = "imagenet"
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=offline(tmp_path))
    assert done.returncode == 1, done.stdout
    assert "without a network give --weights FILE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists(), "the folder is free for the next try"
