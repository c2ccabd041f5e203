"""Which photos are trained on and which are held out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens.errors import DataError
from shelflens_train.split import split_photos, split_table


def dataset(root: Path, **counts: int) -> Path:
    """A CSV of so many photos per product, with a category; and a broken photo."""
    root.mkdir()
    rows = []
    for index, (product, count) in enumerate(counts.items()):
        for number in range(count):
            name = f"{product}-{number}.png"
            Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)).save(root / name)
            rows.append([name, product, ("fruit", "pack")[index % 2]])
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    rows.append(["broken.jpg", rows[0][1], "fruit"])
    with (root / "data.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "product", "category"], *rows])
    return root / "data.csv"


def test_a_share_of_each_product_is_held_out_and_single_photos_are_not(tmp_path: Path) -> None:
    data = dataset(tmp_path / "store", a=10, b=4, single=1)
    split = split_photos([str(data)], val_share=0.2, workers=2)
    held_out = [item.product for item in split.val]
    assert held_out == ["a", "a", "b"]
    assert (split.products, len(split.train)) == (["a", "b", "single"], 12)
    assert len(split.skipped) == 1
    assert "broken.jpg" in split.skipped[0]
    again = split_photos([str(data)], val_share=0.2, workers=1)
    assert split_table(again, tmp_path) == split_table(split, tmp_path)
    rows = list(csv.DictReader(split_table(split, tmp_path).splitlines()))
    assert [row["split"] for row in rows] == ["train"] * 12 + ["val"] * 3


def test_auxiliary_images_are_each_a_class(tmp_path: Path) -> None:
    data = dataset(tmp_path / "store", a=4, b=4)
    things = dataset(tmp_path / "things", x=2, y=1)
    split = split_photos([str(data)], auxiliary=[str(things)], workers=2)
    assert split.classes == ["a", "b", "auxiliary/0", "auxiliary/1", "auxiliary/2"]
    assert split_table(split, tmp_path).count(",auxiliary\n") == 3


def test_photos_to_validate_on_must_show_products_that_are_trained_on(tmp_path: Path) -> None:
    data = dataset(tmp_path / "store", a=3, b=3)
    val = dataset(tmp_path / "val", b=2, c=1)
    split = split_photos([str(data)], val=str(val), workers=2)
    assert [item.product for item in split.val] == ["b", "b"]
    assert len(split.train) == 6
    assert any("product 'c' has no training photo" in line for line in split.skipped)


def test_a_column_of_categories_must_be_there(tmp_path: Path) -> None:
    data = dataset(tmp_path / "store", a=3, b=3)
    split = split_photos([str(data)], category="category", workers=2)
    assert split.categories == ["fruit", "pack"]
    assert set(split.train_categories) == {"fruit", "pack"}
    with pytest.raises(DataError, match="--category aisle: expected a column with at least 2"):
        split_photos([str(data)], category="aisle", workers=2)


def test_what_cannot_be_trained_on(tmp_path: Path) -> None:
    one_product = dataset(tmp_path / "one", a=4)
    with pytest.raises(DataError, match="1 products with readable photos; expected at least 2"):
        split_photos([str(one_product)], workers=2)
    data = dataset(tmp_path / "store", a=3, b=3)
    val = dataset(tmp_path / "val", c=1)
    with pytest.raises(DataError, match=r"--val .*: nothing to validate on"):
        split_photos([str(data)], val=str(val), workers=2)
