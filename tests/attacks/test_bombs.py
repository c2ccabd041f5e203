"""Bombs are refused in one line and little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.bombs import card_bomb, photo_bombs

MEMORY_LIMIT = 300 << 20

# Not getrusage: its figure is that of the process which started this one, where that was larger.
_PEAK = """
def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) << 10
"""
_PHOTOS = """
import json, sys
from shelflens import PhotoError, load_image
lines = {}
for path in sys.argv[1:]:
    try:
        load_image(path, size=224)
        lines[path] = "accepted"
    except PhotoError as error:
        lines[path] = str(error)
print(json.dumps([lines, peak()]))
"""
_CARD = """
import json, sys
from pathlib import Path
from shelflens.errors import ModelError
from shelflens.model.card import read_tflite_card
try:
    read_tflite_card(Path(sys.argv[1]))
    line = "accepted"
except ModelError as error:
    line = str(error)
print(json.dumps([line, peak()]))
"""


def child(code: str, *words: object) -> Any:
    """What a new process prints as JSON: its memory is its own."""
    command = [sys.executable, "-W", "ignore", "-c", _PEAK + code, *map(str, words)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_photo_bombs_are_refused_by_their_headers(tmp_path: Path) -> None:
    paths = []
    for index, (_, data) in enumerate(photo_bombs()):
        paths.append(tmp_path / f"{index}.img")
        paths[-1].write_bytes(data)
        assert len(data) < 2 << 20
    lines, memory = child(_PHOTOS, *paths)
    for line in lines.values():
        assert "make it smaller" in line or "cut it" in line, line
        assert "\n" not in line
    assert memory < MEMORY_LIMIT


def test_a_card_that_inflates_is_refused(tmp_path: Path) -> None:
    card_bomb(tmp_path / "model.tflite", 400 << 20)
    line, memory = child(_CARD, tmp_path / "model.tflite")
    assert "its model card has more than" in line
    assert memory < MEMORY_LIMIT


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_too_little_memory_is_one_line(
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    from shelflens.commands import lookup

    def fail(args: object) -> int:
        raise error

    monkeypatch.setattr(lookup, "run", fail)
    status, _, err = run("lookup", "photo.jpg", "--catalog", "store.catalog")
    assert status == 1
    assert err.count("\n") == 1
    assert "Traceback" not in err
