"""Progress on a terminal, and in a log."""

from __future__ import annotations

import io
import sys

import pytest

from shelflens import progress
from shelflens.progress import Progress


class Screen(io.StringIO):
    """Standard error, as a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time: now[0] in seconds."""
    clock = [1000.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    return clock


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, columns: int = 80) -> Screen:
    screen = Screen(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_columns", lambda: columns)
    return screen


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    screen = shown(monkeypatch, terminal=False)
    with Progress("embedding", 600) as bar:
        for done in range(1, 601):  # two a second: five minutes
            now[0] += 0.5
            bar.update(done, "loss 1.5")
    lines = screen.getvalue().splitlines()
    assert lines[0] == "embedding: 30/600 photos, 2.0/s, 4:45 left, loss 1.5"
    assert 5 <= len(lines) <= 6
    assert "\r" not in screen.getvalue()


def test_a_short_step_leaves_a_log_alone(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    screen = shown(monkeypatch, terminal=False)
    with Progress("embedding", 10) as bar:
        bar.begin()
        for done in range(1, 11):
            now[0] += 1
            bar.update(done)
    assert screen.getvalue() == ""


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_keeps_one_line_of_its_width(
    monkeypatch: pytest.MonkeyPatch, now: list[float], columns: int
) -> None:
    screen = shown(monkeypatch, terminal=True, columns=columns)
    bar = Progress("epoch 3/12", 8800)
    bar.begin("loading")
    for done in (32, 64, 8800):
        now[0] += 1
        bar.update(done, "loss 5.629, 34:10 to the end")
    bar.close()
    bar.close()
    text = screen.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    lines = text.rstrip("\n").split("\r")[1:]
    assert all(len(line) == columns - 1 for line in lines)
    assert "loading" in lines[0] or columns == 40
    if columns >= 80:
        assert "to the end" in lines[1]


def test_nothing_is_drawn_of_nothing(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    screen = shown(monkeypatch, terminal=True)
    with Progress("embedding", 0):
        pass
    assert screen.getvalue() == ""
