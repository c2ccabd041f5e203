"""The README is true: its commands exist, its Python runs, its figures are the measured ones."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

from shelflens.cli import RUNTIME
from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.readme import README, block

TEXT = README.read_text(encoding="utf-8")
WORKSHOP = {
    "train": "shelflens_train.command",
    "average": "shelflens_train.average_command",
    "draw": "shelflens_train.draw_command",
    "export": "shelflens_export.command",
}


def commands() -> list[str]:
    """Every `shelflens ...` line of the README's shell blocks."""
    lines = []
    for body in re.findall(r"^```(?:sh|console).*?\n(.*?)^```$", TEXT, re.M | re.S):
        for line in body.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\$ )?(?:\S*/)?shelflens (.+)", line.strip())
            if found:
                lines.append(found[1].partition(" #")[0].partition(" | ")[0])
    return lines


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line: str) -> None:
    word, *rest = shlex.split(line)
    name = WORKSHOP.get(word) or f"shelflens.commands.{word}"
    assert word in RUNTIME or word in WORKSHOP
    command = importlib.import_module(name)
    parser = argparse.ArgumentParser(prog=word)
    command.add_arguments(parser)
    parser.parse_args(rest)  # exits on a flag that is not there


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelflens.cli import main

    demo = BUNDLED_MODEL.parent / "demo"
    monkeypatch.chdir(tmp_path)
    assert main(["catalog", "build", str(demo / "studio.csv"), "--out", "store.catalog"]) == 0
    (tmp_path / "photo.jpg").write_bytes(sorted((demo / "photos").glob("*.jpg"))[0].read_bytes())
    exec(compile(block("", language="python"), str(README), "exec"), {})


def test_no_workplace_and_no_index_is_named() -> None:
    for word in ("/work/", "/tmp/", "/root", "index-url", "files.pythonhosted"):
        assert word not in TEXT


def test_the_figures_are_the_measured_ones() -> None:
    """Each number of the bundled row in the README's table stands in the committed JSON."""
    results = README.parent / "benchmarks" / "quality" / "results" / "official.json"
    whole = [row for row in json.loads(results.read_text())["rows"] if row["dim"] == 256]
    rows = {row["model"]: row for row in whole}
    for model in ("int8.tflite", "int8.onnx"):
        row = rows[model]
        line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{model}`"))
        for key in ("fine", "coarse", "iconic"):
            assert f"{row[key]:.3f}" in line, f"{model} {key}: README does not say {row[key]:.3f}"
