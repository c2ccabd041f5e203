"""One training on several devices and in several processes, really run on CPUs, with JAX."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens.errors import DataError, UsageError
from tests.support.hosts import free_port

pytestmark = pytest.mark.train

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "clusters.md"
OPTIONS = (
    *("--backbone", "mobilenet_v3_small", "--alpha", "0.75", "--size", "32", "--dim", "32"),
    *("--batch", "8", "--early", "0", "--epochs", "2"),
)
LOSS = 1e-3
"""Relative difference of a loss that the order of float32 sums explains, after a few steps."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patterns, seven noisy photos of each."""
    root = tmp_path_factory.mktemp("patterns")
    random = np.random.default_rng(0)
    for product in range(6):
        (root / f"p{product}").mkdir()
        pattern = random.integers(0, 255, (8, 8, 3)).repeat(10, axis=0).repeat(10, axis=1)
        for number in range(7):
            noisy = np.clip(pattern + random.integers(-30, 30, pattern.shape), 0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(root / f"p{product}" / f"{number}.png")
    return root


def command(photos: Path, out: Path, grocery: Path) -> list[str]:
    start = grocery.parent.parent / "weights" / "mobilenet_v3_small_0.75_224_no_top_folded.h5"
    words = [sys.executable, "-m", "shelflens", "train", str(photos), "--out", str(out)]
    return [*words, "--weights", str(start), *OPTIONS, "--resume"]


def environment(devices: int) -> dict[str, str]:
    """JAX on so many devices of the CPU."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags}


def run_on(devices: int, photos: Path, out: Path, grocery: Path) -> Path:
    """Train in one process."""
    words = command(photos, out, grocery)
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env=environment(devices)
    )
    assert done.returncode in (0, 1), done.stderr  # 1: no better than the bundled model
    return out


@pytest.fixture(scope="module")
def alone(photos: Path, grocery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one device."""
    return run_on(1, photos, tmp_path_factory.mktemp("runs") / "alone", grocery)


def assert_alike(run: Path, alone: Path) -> None:
    """The same losses, the same recall@1, the same files."""
    ours, theirs = (
        json.loads((folder / "metrics.json").read_text())["history"] for folder in (run, alone)
    )
    assert [entry["epoch"] for entry in ours] == [1, 2]
    for expected, entry in zip(theirs, ours, strict=True):
        assert entry["loss"] == pytest.approx(expected["loss"], rel=LOSS)
        assert entry["val_recall_at_1"] == expected["val_recall_at_1"]
    files, files_alone = (sorted(path.name for path in x.iterdir()) for x in (run, alone))
    assert files == files_alone
    assert len(list((run / "state").glob("last-*.h5"))) == 1


def test_four_devices_learn_what_one_does(
    photos: Path, alone: Path, grocery: Path, tmp_path: Path
) -> None:
    assert_alike(run_on(4, photos, tmp_path / "four", grocery), alone)


def test_two_processes_learn_what_one_does_and_outlive_a_kill(
    photos: Path, alone: Path, grocery: Path, tmp_path: Path
) -> None:
    script = tmp_path / "launch.sh"
    found = re.search(r"```bash title=\"launch.sh\"\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, "the page shows the script that starts the processes"
    script.write_text(found.group(1))
    out = tmp_path / "together"
    # One device each: with more, Gloo on CPUs may wait for itself until a limit of 30 seconds.
    launched = subprocess.Popen(
        ["bash", str(script), "2", *command(photos, out, grocery)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(1) | {"PORT": str(free_port())},
    )
    state = out / "state" / "state.json"
    until = time.monotonic() + 500
    while not state.exists() and time.monotonic() < until and launched.poll() is None:
        time.sleep(0.05)
    os.kill(worker_of(launched.pid), signal.SIGKILL)
    said, errors = launched.communicate(timeout=900)
    assert launched.returncode in (0, 1), errors
    assert "another process of this training ended" in errors
    assert "Traceback" not in errors
    assert said.count("epoch 1 (") == 1, "the chief alone prints, and a resumed run goes on"
    assert said.count("epoch 2 (") == 1
    assert_alike(out, alone)


def worker_of(launcher: int) -> int:
    """The process with index 1 among the children of a process."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    for child in children:
        if b"KERAS_DISTRIBUTION_PROCESS_ID=1" in Path(f"/proc/{child}/environ").read_bytes():
            return int(child)
    raise LookupError(f"no worker among {children}")


def test_processes_share_each_batch(photos: Path) -> None:
    from shelflens_train.batches import Batches
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.split import split_photos

    split = split_photos([str(photos)], workers=2)
    bank = PhotoBank(48, budget=10**7)

    def batch(part: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        from functools import partial

        from shelflens_train.augment import augmented

        view = partial(augmented, strength=1.0, flip=True)
        made = Batches(split, bank, epoch=1, seed=3, side=32, batch=8, view=view, part=part)
        pixels, labels = made[2]
        return pixels, labels

    pixels, labels = batch((0, 1))
    parts = [batch((index, 2)) for index in range(2)]
    assert np.array_equal(pixels, np.concatenate([part[0] for part in parts]))
    assert np.array_equal(labels, np.concatenate([part[1] for part in parts]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TF_CONFIG": "{}"}, "TF_CONFIG: Keras trains on several machines with JAX only"),
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}, "with JAX only, got tensorflow"),
    ],
)
def test_tensorflow_is_refused_on_several_machines(
    given: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelflens_train.devices import join_processes

    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        join_processes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected KERAS_DISTRIBUTION_PROCESS_ID beside it"),
        ({"PROCESS_ID": "2", "JOB_ADDRESSES": "a:1"}, "expected 0 to .*, got 2 of 2"),
        ({"PROCESS_ID": "0", "JOB_ADDRESSES": "a:1,b:1,c:1"}, "num_processes is 2"),
    ],
)
def test_variables_that_do_not_fit_together_are_named(
    given: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from shelflens_train import devices

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    for name, value in given.items():
        monkeypatch.setenv(f"KERAS_DISTRIBUTION_{name}", value)

    def initialize() -> None:
        from keras.src.backend.jax import distribution_lib

        addresses = os.environ["KERAS_DISTRIBUTION_JOB_ADDRESSES"]
        distribution_lib.initialize(addresses, 2, 0)

    monkeypatch.setattr(keras.distribution, "initialize", initialize)
    with pytest.raises(UsageError, match=message):
        devices.join_processes()


def test_a_batch_must_divide(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from shelflens_train.devices import data_parallel

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "cpu:1", "cpu:2"])
    with pytest.raises(DataError, match="--batch 32: expected a multiple of the 3 devices"):
        data_parallel(32)
