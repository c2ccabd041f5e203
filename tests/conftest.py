"""Pictures, catalogs and models that the tests share."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens.cli import main
from shelflens.model.embedder import BUNDLED_MODEL

if TYPE_CHECKING:  # only the browser tests have it
    from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).parent.parent
# A test's first example loads what it needs, and machines are shared: seconds prove nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
SHARED = Path(os.environ.get("SHELFLENS_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """run("lookup", ...) -> exit status, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture(scope="session")
def picture() -> NDArray[np.uint8]:
    """A picture without symmetry, uint8 [90, 120, 3]: each corner has a colour of its own."""
    y, x = np.mgrid[0:90, 0:120]
    pixels = np.stack([x * 2, y * 2, 255 - x - y], -1).astype(np.uint8)
    pixels[:30, :30] = (220, 20, 20)
    pixels[-20:, :40] = (20, 200, 40)
    return pixels


@pytest.fixture
def photo(tmp_path: Path, picture: NDArray[np.uint8]) -> Path:
    """That picture as a JPEG file."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(picture).save(path, quality=95, subsampling=0)
    return path


@pytest.fixture
def unit() -> Callable[..., NDArray[np.float32]]:
    """Random unit rows: unit(n, d, seed=0) -> float32 [n, d]."""

    def make(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
        rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    return make


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of the package's demo store; copy it to change it."""
    path = tmp_path_factory.mktemp("built") / "store.catalog"
    studio = BUNDLED_MODEL.parent / "demo" / "studio.csv"
    assert main(["catalog", "build", str(studio), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def grocery() -> Path:
    """The Grocery Store Dataset; `.ci/run` fails if a test is skipped for want of it."""
    root = SHARED / "data" / "grocery"
    if not root.exists():
        pytest.skip(f"no photos at {root}; set SHELFLENS_SHARED")
    return root


@pytest.fixture(scope="session")
def small_grocery(tmp_path_factory: pytest.TempPathFactory, grocery: Path) -> Path:
    """Eight real products: train.csv with 12 photos each, test.csv with 5 each."""
    root = tmp_path_factory.mktemp("small-grocery")
    products: list[str] = []
    for split, limit in (("train", 12), ("test", 5)):
        rows: dict[str, list[Path]] = {}
        for line in (grocery / f"{split}.txt").read_text().splitlines():
            path = grocery / line.split(",")[0].strip()
            rows.setdefault(path.parent.name, []).append(path)
        # Every tenth product, so that packs and fruit are both among them.
        products = products or sorted(rows)[::10][:8]
        with (root / f"{split}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "product", "name"])
            for product in products:
                name = product.replace("-", " ")
                writer.writerows([path, product, name] for path in rows[product][:limit])
    return root


@pytest.fixture(scope="session")
def trained_run(small_grocery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder: MobileNetV2 from its ImageNet weights, really trained for a few steps.

    The workers of pytest-xdist share it: the first trains, the others wait and copy.
    """
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    with (session / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (session / "trained").exists():
            _train(small_grocery / "train.csv", session / "training" / "small")
            (session / "training").rename(session / "trained")
    return Path(shutil.copytree(session / "trained" / "small", small_grocery / "small"))


def _train(photos: Path, out: Path) -> None:
    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    words = ["train", photos, "--out", out, "--weights", weights]
    # Few photos and few steps: a high rate or strong augmentation would only undo the start.
    sizes = ["--size", 128, "--dim", 64, "--batch", 16, "--epochs", 5]
    sizes += ["--learning-rate", 1e-4, "--augment", 0.3]
    command = [sys.executable, "-m", "shelflens", *map(str, [*words, *sizes])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # 1 also says that the bundled model finds these few products as well.
    assert done.returncode in (0, 1), done.stderr
    assert (out / "metrics.json").exists(), done.stderr


def pytest_configure(config: pytest.Config) -> None:
    """Let `--dist loadfile` keep the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On several workers (`pytest -n`), the files that take minutes begin first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("train") is None)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, running; it waits as long for what must appear as it does for a click."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chrome(playwright: Playwright, camera: Path) -> Iterator[Browser]:
    """A headless Chromium whose fake camera shows the file that the module's `camera` names."""
    from tests.support.browser_host import browser

    with browser(playwright, camera) as running:
        yield running
