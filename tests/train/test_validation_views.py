"""Synthetic views to validate on, where products have one image."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens.dataset import LabelledImage
from shelflens_train.split import Split, split_photos, split_table
from shelflens_train.validation_views import products_without, with_views


def shop(root: Path, counts: list[int]) -> Split:
    """A split of products with so many images each."""
    root.mkdir()
    random = np.random.default_rng(0)
    with (root / "data.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "product"])
        for product, count in enumerate(counts):
            for number in range(count):
                name = f"{product}-{number}.png"
                pixels = random.integers(0, 255, (12, 12, 3), np.uint8)
                Image.fromarray(pixels).resize((48, 48)).save(root / name)
                writer.writerow([name, f"p{product}"])
    return split_photos([str(root / "data.csv")], workers=1)


def test_each_product_with_one_image_gets_views_of_it(tmp_path: Path) -> None:
    split = shop(tmp_path / "shop", [1] * 10)
    assert not split.val
    seen = with_views(split, tmp_path / "run", side=96)
    assert seen.train == split.train, "its own images are trained on as before"
    assert seen.views == len(seen.val) == 50
    assert {item.product for item in seen.val} == set(split.products)
    with Image.open(seen.val[0].path) as view:
        assert view.size == (256, 256)
    contents = [item.path.read_bytes() for item in seen.val]
    assert len(set(contents)) == len(contents)
    again = with_views(split, tmp_path / "other", side=96)
    assert [item.path.read_bytes() for item in again.val] == contents
    # Two runs on the same photos say so, wherever they lie.
    assert split_table(seen, tmp_path / "run") == split_table(again, tmp_path / "other")
    assert "\nviews/00000-0.jpg,p0,val\n" in split_table(seen, tmp_path / "run")


def test_photos_are_used_where_most_products_have_some(tmp_path: Path) -> None:
    split = shop(tmp_path / "shop", [3, 3, 1])
    assert with_views(split, tmp_path / "run", side=96) is split
    assert not (tmp_path / "run").exists()


def test_a_few_photos_are_joined_by_views_of_the_rest(tmp_path: Path) -> None:
    split = shop(tmp_path / "shop", [1, 1, 1, 2])
    assert len(split.val) == 1
    assert products_without(split) == ["p0", "p1", "p2"]
    seen = with_views(split, tmp_path / "run", side=96)
    assert seen.val[:1] == split.val
    assert seen.views == 15
    assert {item.product for item in seen.val[1:]} == {"p0", "p1", "p2"}


@pytest.mark.parametrize("products", [700, 3000])
def test_many_products_get_so_many_views_that_an_epoch_stays_short(
    tmp_path: Path, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.png"
    Image.new("RGB", (8, 8), "red").save(image)
    items = [LabelledImage(image, f"p{index}") for index in range(products)]
    blank = np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr("shelflens_train.validation_views.augmented", lambda *_, **__: blank)
    seen = with_views(Split(items, [], [], []), tmp_path / "run", side=96)
    assert seen.views == min(products, 1000)
    assert len({item.product for item in seen.val}) == seen.views
