"""`build_catalog`: what a dataset and a model's card become, for the library and every command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import (
    Calibration,
    Catalog,
    DataError,
    Dataset,
    Embedder,
    PhotoError,
    build_catalog,
    read_dataset,
)
from shelflens.catalog.build import in_row_order
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.default_calibration import default_calibration
from shelflens.commands import evaluate
from shelflens.dataset import LabelledImage
from shelflens.model.embedder import BUNDLED_MODEL

Run = Callable[..., tuple[int, str, str]]
STUDIO = BUNDLED_MODEL.parent / "demo" / "studio.csv"
IMAGES = [item.path for item in read_dataset(STUDIO).items[:3]]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open()


def check_card(catalog: Catalog, embedder: Embedder) -> None:
    """All that a card brings is in the catalog."""
    card = embedder.card
    axes = CategoryAxes.from_card(card.category_axes)
    assert axes, "a model without category axes would prove nothing"
    assert np.array_equal(catalog.category_axes.axes, axes.adapted(catalog.adaptation).axes)
    assert catalog.calibration == default_calibration(catalog, card.calibration) != Calibration()
    assert catalog.space == card.space


def test_every_command_that_builds_a_catalog_takes_all_of_the_card(
    run: Run, built: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_card(Catalog.open(built), embedder)

    assert run("demo", "--out", tmp_path / "demo")[0] == 0
    check_card(Catalog.open(tmp_path / "demo" / "demo.catalog"), embedder)

    measured: list[Catalog] = []

    def stop(catalog: Catalog, *_: Any, **__: Any) -> None:
        measured.append(catalog)
        raise DataError("enough")

    monkeypatch.setattr(evaluate, "evaluate", stop)
    words = ["--gallery", STUDIO, "--queries", STUDIO.with_name("photos.csv")]
    run("evaluate", *words, "--out", tmp_path / "report")
    check_card(measured[0], embedder)


def test_a_catalog_of_a_dataset(embedder: Embedder) -> None:
    images = [LabelledImage(path, name) for path, name in zip(IMAGES, "aba", strict=True)]
    dataset = Dataset(images, {"a": {"name": "Apple"}})
    done: list[tuple[str, int, int]] = []
    catalog = build_catalog(dataset, embedder, adapt="off", on_step=lambda *step: done.append(step))
    check_card(catalog, embedder)
    assert done == [("embedding", n, 3) for n in (1, 2, 3)]
    assert (catalog.ids, catalog.row_ids) == (["a", "b"], ["a", "a", "b"])
    assert catalog.attributes == {"a": {"name": "Apple"}, "b": {}}
    for row, image in enumerate(in_row_order(images)):
        assert catalog.vectors[row] @ embedder.embed(image.path) > 0.999


def test_an_image_that_cannot_be_read(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    bad = LabelledImage(tmp_path / "bad.jpg", "bad")
    shutil.copy(IMAGES[0], tmp_path / "good.jpg")
    dataset = Dataset([bad, LabelledImage(tmp_path / "good.jpg", "good")])
    with pytest.raises(PhotoError, match="not a picture"):
        build_catalog(dataset, embedder)
    failed: list[LabelledImage] = []
    catalog = build_catalog(dataset, embedder, on_error=lambda image, _: failed.append(image))
    assert (catalog.ids, failed) == (["good"], [bad])
    with pytest.raises(DataError, match="none of 1 photos could be read"):
        build_catalog(Dataset([bad]), embedder, on_error=lambda *_: None)
