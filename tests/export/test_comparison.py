"""The exported model beside the bundled one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import Catalog, Embedder
from shelflens.dataset import read_dataset
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens_export.comparison import Comparison, compare
from shelflens_export.quality_gate import GateResult, QualityGate

pytestmark = pytest.mark.train

DEMO = BUNDLED_MODEL.parent / "demo"


def result(name: str, *, recall: float, passed: bool = True) -> GateResult:
    return GateResult(
        format=name,
        file=f"{name}.tflite",
        bytes=1,
        cosine_mean=1.0,
        cosine_p5=1.0,
        cosine_min=1.0,
        recall_float=1.0,
        recall=recall,
        recall_mixed=1.0,
        latency_p50_ms=1.0,
        latency_p90_ms=1.0,
        engine="litert",
        threads=1,
        passed=passed,
    )


def gate(held_out: str = "held-out photos") -> QualityGate:
    """The demo store: studio images, and photos that are looked up."""
    studio, photos = (read_dataset(DEMO / f"{part}.csv").items for part in ("studio", "photos"))
    both = [*studio, *photos]
    nothing: Any = np.zeros((len(both), 1), np.float32)
    catalog = Catalog([item.product for item in studio], np.eye(len(studio), dtype=np.float32),
                      space="x")  # fmt: skip
    return QualityGate(
        pixels=nothing,
        photos=both,
        labels=[item.product for item in both],
        gallery=len(studio),
        vectors=nothing,
        catalog=catalog,
        recall=1.0,
        protocol="",
        held_out=held_out,
    )


def test_the_bundled_model_is_asked_for_the_same_photos() -> None:
    found = compare(gate(), [result("float32", recall=0.5), result("int8", recall=0.25)])
    assert found is not None
    assert (found.file, found.recall) == ("int8.tflite", 0.25), "what devices get"
    embedder = Embedder.open()
    studio, photos = (read_dataset(DEMO / f"{part}.csv").items for part in ("studio", "photos"))
    rows = np.stack([embedder.embed(item.path) for item in studio])
    catalog = Catalog([item.product for item in studio], rows, space="x")
    right = [catalog.match(embedder.embed(item.path), k=1)[0].id == item.product for item in photos]
    assert found.bundled == pytest.approx(np.mean(right))
    assert str(found).startswith(f"warning: of {len(photos)} held-out photos int8.tflite finds 0.2")


def test_it_says_which_is_better() -> None:
    better = Comparison("int8.tflite", 0.75, 0.5, "8 held-out photos")
    assert str(better) == "of 8 held-out photos int8.tflite finds 0.750, the bundled model 0.500"
    same = Comparison("int8.tflite", 0.5, 0.5, "8 held-out photos")
    assert not same.better
    assert str(same).endswith("no better than what needs no export")


def test_without_a_file_or_held_out_photos_nothing_is_compared() -> None:
    assert compare(gate(), [result("int8", recall=0.5, passed=False)]) is None
    assert compare(gate(held_out=""), [result("int8", recall=0.5)]) is None
    found = compare(gate(), [result("int8", recall=0.5, passed=False), result("onnx", recall=1)])
    assert found is not None
    assert found.file == "onnx.tflite"


def test_views_in_the_run_folder_are_called_so(tmp_path: Path) -> None:
    from shelflens_export.gate_photos import _split
    from shelflens_export.run_folder import read_run

    (tmp_path / "model.keras").touch()
    (tmp_path / "config.json").write_text("{}")
    card = {"format": 1, "name": "x", "space": "x-0", "size": 96, "dim": 8}
    (tmp_path / "card.json").write_text(json.dumps(card))
    rows = [[str(tmp_path / "a.jpg"), "a", "train"], ["views/0.jpg", "a", "val"]]
    with (tmp_path / "photos.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "product", "split"], *rows])
    _, queries, words = _split(read_run(tmp_path), 100, 0)
    assert words == "synthetic views"
    assert queries[0].path == tmp_path / "views" / "0.jpg"
