"""The main job on real photos: train a few steps, export, build a catalog, find the product."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shelflens import Catalog, Embedder
from shelflens.cli import main

pytestmark = pytest.mark.train

LEARNT = 0.6
"""Smallest recall@1 over eight products after a minute of training; guessing gives 0.125."""


@pytest.fixture(scope="module")
def exported(trained_run: Path) -> Path:
    """The int8 files of the small run."""
    out = trained_run.parent / "export"
    formats = ["--formats", "int8", "onnx-int8"]
    # Seven photos of validation: one that changes its mind is a drop of 0.14.
    loose = ["--max-recall-drop", "0.2", "--min-cosine", "0.9"]
    assert main(["export", str(trained_run), "--out", str(out), *formats, *loose]) == 0
    beside = json.loads((out / "export.json").read_text())["bundled"]
    assert beside["file"] == "int8.tflite"
    assert 0.125 < beside["bundled"] <= 1
    return out


@pytest.fixture(scope="module")
def store(small_grocery: Path, exported: Path) -> Path:
    """A catalog built with the int8 TFLite file."""
    path = small_grocery / "store.catalog"
    words = ["catalog", "build", small_grocery / "train.csv", "--model", exported / "int8.tflite"]
    assert main([str(word) for word in [*words, "--out", path]]) == 0
    return path


@pytest.mark.parametrize("file", ["int8.tflite", "int8.onnx"])
def test_photos_never_seen_find_their_product(
    small_grocery: Path,
    exported: Path,
    store: Path,
    file: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = list(csv.DictReader((small_grocery / "test.csv").read_text().splitlines()))
    photos = [row["path"] for row in rows]
    words = ["lookup", *photos, "--catalog", store, "--model", exported / file, "--json"]
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == len(rows) >= 30
    first = [answer["matches"][0] for answer in answers]
    right = [match["id"] == row["product"] for match, row in zip(first, rows, strict=True)]
    assert sum(right) / len(right) >= LEARNT
    assert first[0]["name"] == first[0]["id"].replace("-", " ")


def test_all_files_of_a_run_share_its_space(trained_run: Path, exported: Path, store: Path) -> None:
    card = json.loads((trained_run / "card.json").read_text())
    assert Catalog.open(store).space == card["space"]
    for file in ("int8.tflite", "int8.onnx"):
        assert Embedder.open(exported / file).card.space == card["space"]
    with pytest.raises(Exception, match="embedding space"):
        Catalog.open(store).require(Embedder.open().card.space)


def test_the_library_says_the_same(
    small_grocery: Path, exported: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = next(csv.DictReader((small_grocery / "test.csv").read_text().splitlines()))["path"]
    embedder = Embedder.open(exported / "int8.tflite", threads=1)
    matches = Catalog.open(store).match(embedder.embed(photo), k=3)
    words = ["lookup", photo, "--catalog", store, "--model", exported / "int8.tflite", "-k", 3]
    capsys.readouterr()
    main([str(word) for word in [*words, "--json"]])
    got = json.loads(capsys.readouterr().out)["matches"]
    assert [match["id"] for match in got] == [match.id for match in matches]


def test_a_second_model_cannot_touch_the_catalog(
    store: Path, unit: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = store.read_bytes()
    capsys.readouterr()
    assert main(["catalog", "add", str(store), str(store.parent / "train.csv")]) == 1
    assert "embedding space" in capsys.readouterr().err
    assert store.read_bytes() == before
