"""Clean virtual environments: the README's main job, the bare wheel, the oldest engine.

Marked `install`: they build the wheel, download packages, and take minutes. CI runs them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import shelflens
from tests.support.readme import block
from tests.support.skips import ALLOWED, skipped

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "runtime" / "shelflens" / "data" / "demo"

pytestmark = pytest.mark.install

SDIST_EVERY = int(os.environ.get("SHELFLENS_SDIST_EVERY", "5"))
"""CI runs every fifth test of the sdist (and imports all): the same tests ran before it."""
SAMPLE = f"""
import pytest
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[x for i, x in enumerate(items) if i % {SDIST_EVERY}])
    items[:] = items[::{SDIST_EVERY}]
"""

ENGINES_AGREE = 0.99
"""Least cosine similarity of one photo's int8 embedding between two engines."""


def run(*words: object, cwd: Path | None = None) -> str:
    """Run a command without our own paths; its output, or a failure that shows everything."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pythons() -> list[str]:
    """Every supported interpreter on this machine, this one first."""
    found = [sys.executable]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (10, 11, 12, 13):
        if minor == sys.version_info.minor:
            continue
        here = [
            *sorted(versions.glob(f"3.{minor}.*/bin/python3")),
            shutil.which(f"python3.{minor}"),
        ]
        for path in here:
            works = path and not subprocess.run([path, "-c", ""], check=False).returncode
            if works:
                found.append(str(path))
                break
    return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that users get, built from a copy without anything git ignores."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    run("git", "clone", "-q", ROOT, source)
    for name in run(
        "git", "ls-files", "--modified", "--others", "--exclude-standard", cwd=ROOT
    ).split("\n"):
        if name and (ROOT / name).is_file():  # a change that is not committed yet is tested too
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source)
    return next(folder.glob("*.whl"))


def environment(folder: Path, *packages: object, python: str = sys.executable) -> Path:
    """A virtual environment with these packages and nothing else; its bin folder."""
    run(python, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "-q", *packages)
    return folder / "bin"


def test_the_readme_of_the_wheel_needs_no_repository(wheel: Path) -> None:
    """A package index shows it alone: every link and image has an address."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    (source,) = re.findall(r"^Project-URL: Source, (https://\S+)$", text, re.M)
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) >= 15
    assert all(target.startswith(f"{source}/") for target in targets)
    assert f"]({source}/raw/HEAD/benchmarks/results/contact-sheet.jpg)" in text


def test_the_tests_of_an_unpacked_sdist_pass(tmp_path: Path, wheel: Path) -> None:
    """The runtime's tests need the extra [test] alone, and read nothing that the sdist has not."""
    run(sys.executable, "-m", "build", "--sdist", "-o", tmp_path, wheel.parent / "source")
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path)
    (root,) = tmp_path.glob("shelflens-*/")
    bin_ = environment(tmp_path / "env", f"{root}[test]")
    report = tmp_path / "report.xml"
    (root / "sample.py").write_text(SAMPLE)
    words = ["-q", "-p", "sample", "--junitxml", report, "tests/runtime", "tests/docs"]
    out = run(bin_ / "python", "-m", "pytest", *words, cwd=root)
    assert re.search(r"\d{3,} passed", out)
    # A benchmark of training imports Keras, which [test] does not have.
    names = {name for name in skipped(report) if not name.startswith("test_every_module_imports[")}
    assert names <= set(ALLOWED)


def test_the_sbom_names_what_the_wheel_brings(wheel: Path, tmp_path: Path) -> None:
    from docs.generate_sbom import main

    copy = Path(shutil.copy(wheel, tmp_path))
    assert main([str(copy)]) == 0
    (path,) = tmp_path.glob("shelflens-*.cdx.json")
    text = path.read_text(encoding="utf-8")
    assert "file:" not in text
    assert str(ROOT) not in text
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    root = document["metadata"]["component"]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (root["name"], root["version"]) == ("shelflens", shelflens.__version__)
    assert root["hashes"] == [{"alg": "SHA-256", "content": digest}]
    found = {component["name"].lower(): component for component in document["components"]}
    pinned = {"numpy", "pillow", "ai-edge-litert", "onnxruntime", "starlette", "cryptography"}
    assert pinned | {"@litertjs/core", "@litertjs/wasm-utils"} <= found.keys()
    assert not found.keys() & {"pip", "setuptools", "tensorflow", "pytest", "axe-core"}
    for name, component in found.items():
        if component["type"] == "library":
            assert re.fullmatch(r"pkg:(pypi|npm)/\S+@\S+", component["purl"]), name
            assert component["version"]
    for name, file in (("shelflens-products", "model"), ("shelflens-finder", "finder")):
        content = (ROOT / "runtime" / "shelflens" / "data" / f"{file}.tflite").read_bytes()
        assert found[name]["type"] == "machine-learning-model"
        assert found[name]["hashes"][0]["content"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).parts[-3])
def test_the_bare_wheel_answers_a_lookup(wheel: Path, tmp_path: Path, python: str) -> None:
    bin_ = environment(tmp_path / "env", wheel, python=python)
    installed = json.loads(run(bin_ / "python", "-m", "pip", "list", "--format=json"))
    names = {package["name"].lower() for package in installed}
    assert not names & {"tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "scipy"}
    assert json.loads(run(bin_ / "shelflens", "selftest", "--json", cwd=tmp_path))["ok"]
    store = tmp_path / "store.catalog"
    run(bin_ / "shelflens", "catalog", "build", DEMO / "studio.csv", "--out", store)
    photo = sorted((DEMO / "photos").glob("*.jpg"))[0]
    answer = json.loads(run(bin_ / "shelflens", "lookup", photo, "--catalog", store, "--json"))
    assert len(answer["matches"]) == 5
    done = subprocess.run(
        [bin_ / "shelflens", "train", "x", "--out", "y"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'shelflens[train]'" in done.stderr
    run(bin_ / "python", "-m", "pip", "check")


def test_tflite_runtime_gives_the_same_answers(wheel: Path, tmp_path: Path) -> None:
    old = [path for path in pythons() if _minor(path) in (10, 11)]
    assert old, "tflite-runtime 2.14 needs Python 3.10 or 3.11"
    engine = environment(
        tmp_path / "old", "tflite-runtime>=2.14", "numpy<2", "pillow", python=old[0]
    )
    run(engine / "python", "-m", "pip", "install", "-q", "--no-deps", wheel)
    litert = environment(tmp_path / "new", wheel)
    photos = sorted((DEMO / "photos").glob("*.jpg"))[:12]
    vectors, answers = [], []
    for index, bin_ in enumerate((engine, litert)):
        out = tmp_path / f"{index}.npy"
        run(bin_ / "shelflens", "embed", *photos, "--out", out)
        vectors.append(np.load(out))
        store = tmp_path / f"{index}.catalog"
        run(bin_ / "shelflens", "catalog", "build", DEMO / "studio.csv", "--out", store)
        text = run(bin_ / "shelflens", "lookup", *photos, "--catalog", store, "--json")
        answers.append([json.loads(line)["matches"][0]["id"] for line in text.splitlines()])
    report = json.loads(run(engine / "shelflens", "doctor", "--json"))
    works = {engine["name"]: engine["works"] for engine in report["engines"]}
    assert works == {"litert": False, "tflite-runtime": True, "onnxruntime": False}
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > ENGINES_AGREE
    assert answers[0] == answers[1]


def test_numpy_2_breaks_tflite_runtime_and_doctor_says_so(wheel: Path, tmp_path: Path) -> None:
    """The import works and the interpreter fails: what a probe that only imports gets wrong."""
    old = next(path for path in pythons() if _minor(path) in (10, 11))
    bin_ = environment(tmp_path / "env", "tflite-runtime>=2.14", "numpy>=2", "pillow", python=old)
    run(bin_ / "python", "-m", "pip", "install", "-q", "--no-deps", wheel)
    done = subprocess.run(
        [bin_ / "shelflens", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    report = json.loads(done.stdout)
    engine = next(row for row in report["engines"] if row["name"] == "tflite-runtime")
    assert not engine["works"]
    assert engine["why"]
    assert "numpy<2" in engine["install"]


def test_the_readme_main_job_runs_as_printed(tmp_path: Path, wheel: Path) -> None:
    clone = tmp_path / "shelflens"
    shutil.copytree(wheel.parent / "source", clone)
    out = run("bash", "-euo", "pipefail", "-c", block("demo"), cwd=clone)
    assert "recall@1" in out
    assert (clone / "shelflens-demo" / "contact-sheet.png").stat().st_size > 100_000


def _minor(python: str) -> int:
    return int(run(python, "-c", "import sys; print(sys.version_info.minor)"))
