"""`shelflens bench`: its figures, its choice, its plots."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import load_image
from shelflens.bench import measure, samples, timing
from shelflens.bench.choose import choose
from shelflens.bench.device import describe
from shelflens.commands import bench
from shelflens.render import charts as svg

Run = Callable[..., tuple[int, str, str]]


def test_times_of_known_numbers() -> None:
    times = timing.Times.of([float(n) for n in range(1, 102)])
    assert (times.runs, times.low, times.p50, times.p90, times.p99) == (101, 1, 51, 91, 100)
    assert times.spread == pytest.approx((91 - 11) / 51)


def test_acts_take_turns_and_the_warm_up_is_not_counted() -> None:
    said: list[str] = []
    found = timing.interleaved({"a": lambda: said.append("a"), "b": lambda: said.append("b")}, 0)
    warm = timing.WARM_UP
    assert said[: 2 * warm] == ["a"] * warm + ["b"] * warm
    rounds = ["".join(said[at : at + 2]) for at in range(2 * warm, len(said), 2)]
    assert len(rounds) == timing.LEAST_RUNS
    assert set(rounds) == {"ab", "ba"}, "each once a round, in changing order"
    assert found["a"].runs == timing.LEAST_RUNS


def row(model: str, engine: str, threads: int, p90: float, accuracy: float | None) -> Any:
    return {
        "model": model,
        "engine": engine,
        "threads": threads,
        "accuracy": accuracy,
        "embed_ms": {"p90": p90},
    }


def test_the_choice() -> None:
    rows = [row("a", "x", 1, 10.3, 0.8), row("a", "x", 4, 10.0, 0.8), row("a", "y", 4, 9.99, 0.8)]
    assert choose(rows)["threads"] == 1, "as good as the fastest, with fewer threads"
    faster = [*rows, row("b", "x", 2, 3, 0.7)]
    assert choose(faster)["model"] == "a", "0.1 of recall is not given away"
    assert choose([*rows, row("b", "x", 2, 3, 0.795)])["model"] == "b"
    assert choose([*rows, row("c", "x", 2, 3, None)])["model"] == "a", "nobody knows how good c is"
    assert choose([row("c", "x", 2, 3, None)])["model"] == "c"


def test_the_drawn_photo_is_a_photo_of_its_size() -> None:
    data = samples.draw(640, 480)
    assert data == samples.draw(640, 480)
    assert load_image(data).shape == (480, 640, 3)
    assert len(data) > 640 * 480 / 8, "grain: not a picture that decodes in no time"


def test_the_device_is_described() -> None:
    found = describe()
    assert found["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__


def test_bench_in_small(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SIZES", (500, 3000, 10**12))
    monkeypatch.setattr(bench, "PRODUCTS", 400)
    monkeypatch.setattr(measure, "PHOTOS", {"small": (200, 150)})
    monkeypatch.setattr(measure, "ONE_BY_ONE", 1)
    status, out, _ = run("bench", "--quick", "--json", "--out", tmp_path / "out")
    assert status == 0
    report = json.loads(out)
    assert report == json.loads((tmp_path / "out" / "bench.json").read_text())
    assert report["schema"] == bench.SCHEMA
    assert list(report)[1] == "not_measured"
    assert [one["products"] for one in report["scan"]] == [500, 3000]
    assert report["recommended"]["engine"] in {one["engine"] for one in report["engines"]}
    photo = report["photos"][0]
    steps = sum(photo[f"{step}_ms"]["low"] for step in ("decode", "embed", "match"))
    assert steps < photo["total_ms"]["p99"] * 1.5
    assert 20 < report["cold"]["peak_mib"] < 400
    for path in (tmp_path / "out").glob("*.svg"):
        ElementTree.parse(path)
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_bench_says_first_what_it_does_not_measure(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = {"examine": None}
    monkeypatch.setattr(bench, "examine", lambda *_, **__: report)
    monkeypatch.setattr(bench, "text", lambda _: "THE TABLE")
    status, out, _ = run("bench")
    assert status == 0
    assert out.startswith("Not measured: accuracy")
    assert out.rstrip().endswith("THE TABLE")


def test_bench_refuses_what_it_cannot_use(run: Run, tmp_path: Path) -> None:
    status, _, err = run("bench", "--model", tmp_path / "none.tflite", "--quick")
    assert (status, err.count("\n")) == (1, 1)
    (tmp_path / "file").touch()
    status, _, err = run("bench", "--out", tmp_path / "file")
    assert status == 1
    assert "is a file; give a folder" in err


def test_plots_are_valid_whatever_the_numbers() -> None:
    drawn = [
        svg.lines({"one <&>": [(1000, 0.01)]}, title="a < b", x="x", y="y"),
        svg.lines({"a": [(1, 1), (2, 5)], "b": [(1, 3)]}, title="", x="", y="", log=False),
        svg.dots({"a": (3.0, 0.8)}, title="t", x="x", y="y"),
        svg.stacks({"a": {"p": 0.0, "q": 1.5}, "b": {"q": 300}}, title="t", x="ms"),
    ]
    for text in drawn:
        root = ElementTree.fromstring(text)
        for one in root.iter():
            for key in ("x", "y", "cx", "cy"):
                assert 0 <= float(one.get(key, 1)) <= svg.WIDTH
