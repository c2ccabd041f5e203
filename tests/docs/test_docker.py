"""The Dockerfile: linted, and its steps run; built as an image where there is a builder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shelflens.watch.systemd_unit import unreadable_reason
from tests.support.hosts import free_port
from tests.support.rendered_video import HELD, render_frames
from tests.support.server_process import PHOTO

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
TOKEN = "a-token-of-32-characters-or-more"
ACCOUNT = 10001

pytestmark = pytest.mark.install


@dataclass
class Stage:
    """What follows a FROM, by instruction."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.steps if name == instruction]


def stages() -> dict[str, Stage]:
    """The stages of the Dockerfile by their name."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8"))
    found: dict[str, Stage] = {}
    current = Stage("")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, value = line.partition(" ")
        if instruction == "FROM":
            base, _, name = value.partition(" AS ")
            current = found.setdefault(name, Stage(base))
        else:
            current.steps.append((instruction, value))
    return found


def exec_form(text: str) -> list[str]:
    """The words of CMD and ENTRYPOINT."""
    return re.findall(r'"([^"]*)"', text)


def run(*words: object, **options: Any) -> str:
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, **options
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stderr[-3000:]}"
    return str(done.stdout)


def test_the_dockerfile_is_clean() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    assert run(linter if linter.exists() else "hadolint", DOCKERFILE) == ""


def test_both_images_run_without_root_and_have_a_health_check() -> None:
    found = stages()
    for name in ("serve", "watch"):
        assert found[name].base == "base"
        (command,) = found[name].values("CMD")
        assert exec_form(command)[0] == name
    base = found["base"]
    assert base.values("USER") == [str(ACCOUNT)]
    assert "healthcheck.py" in base.values("HEALTHCHECK")[0]
    assert found["train"].base == "base"
    assert list(found)[-1] == "serve"  # what is built without --target


def has_builder() -> bool:
    """Whether images can be built here."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A folder that every account may read, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="shelflens-image-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def context(public: Path) -> Path:
    """What enters the build, by .dockerignore."""
    folder = public / "context"
    folder.mkdir()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (line[1:] for line in lines if line.startswith("!")):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def data(built: Path, public: Path) -> Path:
    """What /data holds: a catalog, and frames for a camera."""
    from PIL import Image

    folder = public / "data"
    folder.mkdir()
    shutil.copy(built, folder / "store.catalog")
    with (folder / "film.mjpeg").open("wb") as out:
        for pixels in render_frames(HELD, fps=10):
            Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return folder


def installed(context: Path, stage: str, root: Path) -> Path:
    """Run the steps of a stage in folders of this machine in place of an image; its bin folder."""
    found = stages()
    folders = {"/wheels": context.parent / "wheels", "/opt/shelflens": root}
    for name, cwd in (("wheel", context), (f"{stage}-install", context.parent)):
        (command,) = found[name].values("RUN")
        for inside, here in folders.items():
            command = command.replace(inside, str(here))
        python = Path(sys.executable).parent
        path = f"{python}:{os.environ['PATH']}"
        given = {**os.environ, "PATH": path, "JAX": "jax"}  # a build argument; no GPU here
        run("bash", "-euo", "pipefail", "-c", command, cwd=cwd, env=given)
    return root / "bin"


@contextmanager
def container(bin_: Path, words: list[str], data: Path, **more: str) -> Iterator[int]:
    """Start what the image starts; gives the port.

    As the image's account, which may write nowhere, where it may read the interpreter of the tests.
    """
    port = free_port()
    address = {"SHELFLENS_HEALTH": f"http://127.0.0.1:{port}/healthz", "HOME": "/nonexistent"}
    command = [word.replace("/data/", f"{data}/") for word in words]
    command = [re.sub(r"^(0\.0\.0\.0:)?8080$", rf"\g<1>{port}", word) for word in command]
    command = [word.replace("/dev/video0", f"{data}/film.mjpeg") for word in command]
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", **address, **more}
    as_account: dict[str, Any] = {}
    if os.geteuid() == 0 and not unreadable_reason(Path(sys.executable).resolve()):
        as_account = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []}
    process = subprocess.Popen(
        [bin_ / "shelflens", *command], cwd=data, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, **as_account,
    )  # fmt: skip
    check = [sys.executable, str(ROOT / "docker" / "healthcheck.py")]
    try:
        for _ in range(120):
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            health = subprocess.run(check, env=environment, capture_output=True, text=True)
            if health.returncode == 0:
                break
            time.sleep(0.5)
        else:
            raise AssertionError(health.stderr)
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        gone = subprocess.run(check, env=environment, capture_output=True, text=True)
        assert gone.returncode == 1
        assert len(gone.stderr.splitlines()) == 1
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(has_builder(), reason="a builder is here, and the images are built")
def test_the_steps_make_a_server_that_writes_nothing(
    context: Path, data: Path, public: Path
) -> None:
    root = public / "serve"
    bin_ = installed(context, "serve", root)
    (command,) = stages()["serve"].values("CMD")
    before = sorted(data.iterdir())
    with container(bin_, exec_form(command), data, SHELFLENS_TOKEN=TOKEN) as port:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", "/lookup", PHOTO.read_bytes(), headers)
        response = connection.getresponse()
        assert response.status == 200
        assert PHOTO.stem.rpartition("-")[0].encode() in response.read()
        connection.close()
    assert sorted(data.iterdir()) == before
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())
    assert size < 400 * 2**20


@pytest.mark.skipif(has_builder(), reason="a builder is here, and the images are built")
def test_the_steps_make_a_camera_loop_that_writes_nothing(
    context: Path, data: Path, public: Path
) -> None:
    root = public / "watch"
    bin_ = installed(context, "watch", root)
    (command,) = stages()["watch"].values("CMD")
    # The camera is a recording here, which ends, and is not waited for.
    words = [word for word in exec_form(command) if word != "--retry"]
    with container(bin_, [*words, "--loop", "--fps", "10"], data) as port:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/status.json")
        assert connection.getresponse().status == 200
        connection.close()


def test_the_steps_make_a_trainer(context: Path, public: Path) -> None:
    bin_ = installed(context, "train", public / "train")
    (setting,) = stages()["train"].values("ENV")
    name, _, value = setting.partition("=")
    code = "import keras, jax, shelflens_export; print(keras.backend.backend())"
    assert run(bin_ / "python", "-c", code, env={**os.environ, name: value}).split() == ["jax"]
    assert "--resume" in run(bin_ / "shelflens", *exec_form(stages()["train"].values("CMD")[0]))


@pytest.mark.skipif(not has_builder(), reason="no builder of images here; the steps are run")
@pytest.mark.parametrize("name", ["serve", "watch"])
def test_the_image_is_built_and_healthy(name: str, data: Path) -> None:
    tag = f"shelflens-test-{name}"
    run("docker", "build", "-q", "-t", tag, "--target", name, ROOT)
    limits = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp"]
    words = ["-e", f"SHELFLENS_TOKEN={TOKEN}", "-v", f"{data}:/data:ro"]
    more = ["watch", "/data/film.mjpeg", "--catalog", "/data/store.catalog", "--loop"]
    more = [*more, "--http", "0.0.0.0:8080"] if name == "watch" else []
    started = run("docker", "run", "-d", "--rm", *limits, *words, tag, *more).strip()
    try:
        for _ in range(60):
            state = run("docker", "inspect", "-f", "{{.State.Health.Status}}", started).strip()
            if state == "healthy":
                break
            time.sleep(2)
        assert state == "healthy"
        assert run("docker", "exec", started, "id", "-u").strip() == str(ACCOUNT)
    finally:
        subprocess.run(["docker", "kill", started], capture_output=True, check=False)
