"""The line that `catalog build` prints about its goods: only what left-out images prove."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog
from shelflens.catalog.goods import goods_line
from shelflens.catalog.neighbours import product_neighbours
from shelflens.evaluation.measure.share import Share

Run = Callable[..., tuple[int, str, str]]

APART = Catalog(["a", "b", "c", "d"], np.eye(4, 16, dtype=np.float32), space="s")


def said_of(catalog: Catalog, left_out: int, asked: int) -> str:
    return goods_line(product_neighbours(catalog), left_out, asked, products=len(catalog))


@pytest.mark.parametrize(
    ("found", "asked", "says"),
    [
        (0, 0, ""),
        (10, 10, ""),
        (40, 40, "the model knows such goods: 40 of 40 images"),
        (36, 40, ""),
        (30, 40, ""),
        (10, 40, "the model does not know such goods well: 10 of 40 images"),
    ],
)
def test_it_says_only_what_is_beyond_noise(found: int, asked: int, says: str) -> None:
    line = said_of(APART, found, asked)
    assert line.strip().startswith(says)
    assert bool(line) == bool(says)
    low, high = Share(found, asked).interval
    assert ("knows" in line) == (low >= 0.85)
    assert ("train" in line) == (high < 0.7)


def test_look_alikes_are_named_and_others_are_not() -> None:
    rows = np.eye(4, 16, dtype=np.float32)
    assert said_of(APART, 0, 0) == ""
    assert said_of(Catalog(["a"], rows[:1], space="s"), 0, 0) == ""
    near = rows.copy()
    near[1] = near[0] + 0.5 * near[1]
    alike = Catalog(["a", "b", "c", "d"], near, space="s")
    assert said_of(alike, 0, 0).startswith("  2 products look alike (")
    assert said_of(alike, 40, 40).startswith("  2 products look alike (")
    assert "does not know" in said_of(alike, 4, 40)
    near[1] = near[0]
    same = Catalog(["a", "b", "c", "d"], near, space="s")
    assert said_of(same, 4, 40).startswith("  2 products have the picture of another (")


@pytest.mark.parametrize("adapt", ["auto", "off"])
def test_build_says_it(
    run: Run, tmp_path: Path, adapt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of noise show nothing that tells two products apart; copies prove nothing."""
    generator = np.random.default_rng(0)
    for product in range(12):
        folder = tmp_path / "noise" / f"p{product}"
        folder.mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((64, 64)).save(folder / f"{number}.png")
    words = ["catalog", "build", tmp_path / "noise", "--adapt", adapt]
    lookups: list[int] = []
    match_many = Catalog.match_many

    def counted(self: Catalog, queries: Any, k: int = 5) -> Any:
        lookups.append(k)
        return match_many(self, queries, k)

    monkeypatch.setattr(Catalog, "match_many", counted)
    status, said, _ = run(*words, "--out", tmp_path / "a.catalog")
    assert (status, lookups) == (0, [2]), "each product's nearest product is looked up once"
    assert "does not know such goods" in said
    for product in range(12):
        folder = tmp_path / "noise" / f"p{product}"
        for number in range(1, 4):
            (folder / f"{number}.png").write_bytes((folder / "0.png").read_bytes())
    status, said, _ = run(*words, "--out", tmp_path / "b.catalog")
    assert status == 0
    assert "such goods" not in said
