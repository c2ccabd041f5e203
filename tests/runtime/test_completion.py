"""What the Tab key completes, asked of bash itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelflens import Catalog

shtab = pytest.importorskip("shtab")
BASH = shutil.which("bash")
Complete = Callable[..., list[str]]


@pytest.fixture(scope="module")
def complete(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Complete:
    """complete("lookup", "--ca") -> what bash offers for the last word."""
    if BASH is None:
        pytest.skip("no bash here")
    folder = tmp_path_factory.mktemp("bash")
    shutil.copy(built, folder / "shop.catalog")
    for name in ("photo.jpg", "other.txt"):
        (folder / name).write_bytes(b"")
    program = folder / "bin" / "shelflens"
    program.parent.mkdir()
    program.write_text(f'#!{BASH}\nexec "{sys.executable}" -m shelflens "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    environment.pop("SHELFLENS_CATALOG", None)
    script = subprocess.run(
        [program, "completion", "bash"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    (folder / "complete.sh").write_text(
        f'{script}\nCOMP_WORDS=(shelflens "$@")\nCOMP_CWORD=$#\n'
        '_shtab_shelflens\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )

    def ask(*words: str, **variables: str) -> list[str]:
        done = subprocess.run(
            [BASH, "complete.sh", *words], cwd=folder, env={**environment, **variables},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return sorted(line for line in done.stdout.splitlines() if line)

    return ask


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lo"], ["lookup"]),
        (["catalog", "ca"], ["calibrate"]),
        (["lookup", "--cat"], ["--catalog"]),
        (["lookup", "x", "--engine", ""], ["auto", "litert", "onnxruntime", "tflite-runtime"]),
        (["lookup", "ph"], ["photo.jpg"]),
        (["lookup", "--catalog", "sh"], ["shop.catalog"]),
        (["catalog", "info", "sh"], ["shop.catalog"]),
        (["similar", "sh"], ["shop.catalog"]),
        (["watch", "0", "--only", "m"], ["match"]),
        (["nonsense", "x"], []),
    ],
)
def test_commands_options_choices_and_files(
    complete: Complete, words: list[str], expected: list[str]
) -> None:
    assert [word for word in complete(*words) if word != "bin"] == expected


def test_product_ids_of_the_catalog_on_the_line_or_in_the_variable(
    complete: Complete, built: Path
) -> None:
    ids = sorted(name for name in Catalog.open(built).ids if name.startswith("chick"))
    assert len(ids) > 1
    assert complete("similar", "shop.catalog", "chick") == ids
    assert complete("catalog", "remove", "shop.catalog", "chick") == ids
    assert complete("profile", "log", "me", "--like", "chick", SHELFLENS_CATALOG=str(built)) == ids
    assert complete("profile", "log", "me", "--like", "chick") == [], "no catalog"


def test_ids_that_a_shell_would_run_are_not_offered(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    ids = ["tea", "$(touch owned)", "a`b`", "x;y", "two words", "-rf", "café", "milk/oat-1l", "a*"]
    rows = np.eye(len(ids), dtype=np.float32)
    Catalog(ids, rows, space="s").save(tmp_path / "odd.catalog")
    status, out, err = run("completion", "ids", tmp_path / "odd.catalog")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["tea", "café", "milk/oat-1l"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_script_for_each_shell(run: Callable[..., tuple[int, str, str]], shell: str) -> None:
    status, out, err = run("completion", shell)
    assert (status, err) == (0, "")
    for word in ("lookup", "calibrate", "shelflens completion ids"):
        assert word in out
    program = shutil.which(shell)
    if program and shell != "tcsh":
        subprocess.run([program, "-n"], input=out, text=True, check=True)


def test_without_shtab_it_says_what_to_install(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    status, _, err = run("completion", "bash")
    assert (status, "pip install 'shelflens[completion]'" in err) == (1, True)
