"""Datasets: folders and CSVs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelflens import DataError, read_dataset
from shelflens.dataset import merge


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_per_product_nested_as_deep_as_one_likes(tmp_path: Path) -> None:
    touch(tmp_path, "milk/oat/1.jpg", "milk/oat/2.PNG", "milk/soy/1.webp", "tea/x.bmp", "tea/y.txt")
    touch(tmp_path, ".hidden/1.jpg", "tea/.thumb.jpg", "loose.jpg")
    dataset = read_dataset(tmp_path)
    assert dataset.labels == ["milk/oat", "milk/oat", "milk/soy", "tea"]
    assert [path.name for path in dataset.paths] == ["1.jpg", "2.PNG", "1.webp", "x.bmp"]


def test_csv_columns_become_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "\ufeffpath,product,name,price\n"
        'photos/1.jpg,p1,"Milk, 1 l",1.20\n'
        "/abs/2.jpg,p1,ignored,\n"
        "3.jpg,p2,,2.50\n",
        encoding="utf-8",
    )
    dataset = read_dataset(path)
    assert dataset.paths == [tmp_path / "photos/1.jpg", Path("/abs/2.jpg"), tmp_path / "3.jpg"]
    assert dataset.attributes == {
        "p1": {"name": "Milk, 1 l", "price": "1.20"},
        "p2": {"price": "2.50"},
    }


def test_merge_joins_products_of_one_id(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,product,name\n1.jpg,p,First\n")
    (tmp_path / "b.csv").write_text("path,product,price\n2.jpg,p,3\n")
    both = merge([read_dataset(tmp_path / "a.csv"), read_dataset(tmp_path / "b.csv")])
    assert both.labels == ["p", "p"]
    assert both.attributes == {"p": {"name": "First", "price": "3"}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column 'path'"),
        ("photo,product\n1,2\n", "no column 'path'; expected path,product and any others"),
        ("path,label\n1,2\n", "no column 'product'"),
        ("path,product\n", "no rows"),
        ("path,product\n1.jpg,\n", "line 2: expected a path and a product"),
        ("path,product\n1.jpg\n", "line 2: expected a path and a product"),
        ('path,product\n1.jpg,"a\nb"\n', "line breaks"),
        ("path,product\n1.jpg," + "x" * 10_000 + "\n", "10,000 characters"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_not_text_empty_folder_and_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a CSV in UTF-8"):
        read_dataset(tmp_path / "a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photos in product folders"):
        read_dataset(tmp_path / "empty")
    touch(tmp_path, "empty/loose.jpg")
    with pytest.raises(DataError, match=r"1 lie in the folder itself"):
        read_dataset(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "none")
