"""`catalog build --ray` with Ray itself, in an environment of its own: workers are killed, and the
catalog is the one that one machine builds.

Marked `install`: it downloads packages (extra [ray]). CI runs it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.docs.test_install import ROOT, environment, run

pytestmark = [
    pytest.mark.install,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers are found in /proc"),
]

PHOTOS = 240


@pytest.fixture(scope="module")
def shelflens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, where Ray is."""
    return environment(tmp_path_factory.mktemp("ray") / "env", f"{ROOT}[ray]") / "shelflens"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Photos of as many products, one of which cannot be read."""
    folder, generator = tmp_path / "shop", np.random.default_rng(0)
    folder.mkdir()
    for index in range(PHOTOS - 1):
        soft = Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        soft.resize((640, 640), Image.Resampling.BICUBIC).save(folder / f"{index:03}.jpg")
    (folder / "bad.jpg").write_text("no picture")
    return folder


def busy_workers() -> set[int]:
    """Process ids of workers that embed a batch: Ray names a process after what it does."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Worker.embed"):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def built_while_killing(words: list[str], folder: Path) -> tuple[int, str, str, int]:
    """Run a build and kill the first two workers that embed: status, output, errors, killed."""
    before, killed = busy_workers(), set[int]()
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as build:
        while build.poll() is None:
            for worker in busy_workers() - before - killed:
                if len(killed) < 2:
                    os.kill(worker, signal.SIGKILL)
                    killed.add(worker)
            time.sleep(0.02)
        assert build.stdout is not None
        assert build.stderr is not None
        return build.returncode, build.stdout.read(), build.stderr.read(), len(killed)


def test_killed_workers_lose_nothing_and_double_nothing(
    tmp_path: Path, shelflens: Path, shop: Path
) -> None:
    words = [str(shelflens), "catalog", "build", shop.name, "--flat", "--adapt", "off", "--out"]
    subprocess.run([*words, "plain.catalog"], cwd=tmp_path, check=False, capture_output=True)
    for _ in range(3):  # on a busy machine Ray gives up starting after half a minute
        spread = [*words, "ray.catalog", "--ray", "local"]
        status, out, errors, killed = built_while_killing(spread, tmp_path)
        if "Ray does not start" not in errors:
            break
    assert killed == 2, errors
    assert status == 1, errors  # a product has no photo, as on one machine
    assert f"{PHOTOS - 1} products, {PHOTOS - 1} images" in out
    assert "skipped: shop/bad.jpg: not a picture" in errors
    plain, ray = (tmp_path / f"{name}.catalog" for name in ("plain", "ray"))
    assert ray.read_bytes() == plain.read_bytes()


def test_no_cluster_is_said_in_one_line(tmp_path: Path, shelflens: Path, shop: Path) -> None:
    words = [str(shelflens), "catalog", "build", str(shop), "--flat"]
    words += ["--out", str(tmp_path / "store.catalog")]
    done = subprocess.run(
        [*words, "--ray", "127.0.0.1:9"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "shelflens catalog: --ray: no Ray cluster answers at 127.0.0.1:9; expected HOST:PORT"
    )
    assert not (tmp_path / "store.catalog").exists()


def test_the_environment_has_ray(shelflens: Path) -> None:
    out = run(shelflens.with_name("python"), "-c", "import ray; print(ray.__version__)")
    assert out.strip()
