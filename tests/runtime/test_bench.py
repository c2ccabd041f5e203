"""`shelflens bench`: its figures, its choice, its charts."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import load_image
from shelflens.bench import examine, measure, samples, timing
from shelflens.bench.choose import choose
from shelflens.bench.device import describe
from shelflens.commands import bench
from shelflens.render import charts
from shelflens.render.axis import category_axis, linear_axis, log_axis

Run = Callable[..., tuple[int, str, str]]


def test_percentiles_of_known_times() -> None:
    times = timing.Times.of([float(n) for n in range(1, 102)])
    assert (times.runs, times.low, times.p50, times.p90, times.p99) == (101, 1, 51, 91, 100)
    assert times.spread == pytest.approx((91 - 11) / 51)


def test_acts_take_turns_and_the_warm_up_is_not_counted() -> None:
    said: list[str] = []
    found = timing.interleaved({"a": lambda: said.append("a"), "b": lambda: said.append("b")}, 0)
    warm = timing.WARM_UP
    assert said[: 2 * warm] == ["a"] * warm + ["b"] * warm
    rounds = ["".join(said[at : at + 2]) for at in range(2 * warm, len(said), 2)]
    assert len(rounds) == timing.MIN_RUNS
    assert set(rounds) == {"ab", "ba"}, "each once a round, in changing order"
    assert found["a"].runs == timing.MIN_RUNS


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


def test_the_synthetic_photo_is_a_photo_of_its_size() -> None:
    data = samples.synthetic_photo(640, 480)
    assert data == samples.synthetic_photo(640, 480)
    assert load_image(data).shape == (480, 640, 3)
    assert len(data) > 640 * 480 / 8, "grain: not an image that decodes in no time"


def test_the_device_is_described() -> None:
    found = describe()
    assert found["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__


def test_bench_in_small(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "SIZES", (500, 3000, 10**12))
    monkeypatch.setattr(examine, "PRODUCTS", 400)
    monkeypatch.setattr(measure, "PHOTOS", {"small": (200, 150)})
    monkeypatch.setattr(measure, "QUICK_STARTS", 1)
    status, out, _ = run("bench", "--quick", "--json", "--out", tmp_path / "out")
    assert status == 0
    report = json.loads(out)
    assert report == json.loads((tmp_path / "out" / "bench.json").read_text())
    assert report["schema"] == examine.SCHEMA
    assert list(report)[1] == "not_measured"
    assert [row["products"] for row in report["scan"]] == [500, 3000]
    assert report["recommended"]["engine"] in {row["engine"] for row in report["engines"]}
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


def test_charts_are_valid_whatever_the_values() -> None:
    texts = [
        charts.line_chart({"<&>": [(1000, 0.01)]}, title="a < b", x="x", y="y"),
        charts.line_chart({"a": [(1, 1), (2, 5)], "b": [(1, 3)]}, title="", x="", y=""),
        charts.dot_chart({"a": (3.0, 0.8)}, title="t", x="x", y="y"),
        charts.dot_chart({f"{n}, a name of more than one line": (0, 0) for n in range(9)},
                         title="t", x="x", y="y"),
        charts.bar_chart({"a": {"p": 0.0, "q": 1.5}, "b": {"q": 300}}, title="t", x="ms"),
    ]  # fmt: skip
    for text in texts:
        for element in ElementTree.fromstring(text).iter():
            for key in ("x", "y", "cx", "cy"):
                assert 0 <= float(element.get(key, 1)) <= charts.FILE.width


def test_ticks_are_round_and_hold_the_values() -> None:
    axis = linear_axis("", [0.812, 0.871])
    assert [text for _, text in axis.ticks] == ["0.8", "0.82", "0.84", "0.86", "0.88"]
    assert (axis.share(0.8), axis.share(0.88)) == (0, 1)
    axis = log_axis("", [30, 20_000])
    assert [text for _, text in axis.ticks] == ["10", "100", "1k", "10k", "100k"]
    assert axis.share(1000) == pytest.approx(0.5)
    axis = category_axis("", ["first", "second"], downward=True)
    assert axis.share(0) > axis.share(1), "the first is on top"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.sampled_from([0.0, 0.1]))
def test_a_linear_axis_holds_any_values(values: list[float], pad: float) -> None:
    axis = linear_axis("", values, pad=pad)
    assert 2 <= len(axis.ticks) <= 12
    assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in values)
