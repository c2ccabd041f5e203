"""The README: the demo at the top, Python that runs, and no more than 900 words.

Its commands, links and figures are tested with those of docs/.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.readme import README, block

TEXT = README.read_text(encoding="utf-8")
MAX_WORDS = 900


def test_the_readme_is_short() -> None:
    """As `wc -w` counts, code included."""
    assert len(TEXT.split()) <= MAX_WORDS


def test_the_demo_command_stands_at_the_top() -> None:
    command = next(line for line in block("demo").splitlines() if "shelflens demo" in line)
    assert TEXT.splitlines().index(command) < 10


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelflens.cli import main

    demo = BUNDLED_MODEL.parent / "demo"
    monkeypatch.chdir(tmp_path)
    assert main(["catalog", "build", str(demo / "studio.csv"), "--out", "store.catalog"]) == 0
    (tmp_path / "photo.jpg").write_bytes(sorted((demo / "photos").glob("*.jpg"))[0].read_bytes())
    exec(compile(block("", language="python"), str(README), "exec"), {})
