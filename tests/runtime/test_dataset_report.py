"""The summary of what was read, and a shop that has everything at once."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens import Catalog
from shelflens.ingest.duplicates import NEARLY_SAME, nearly_same_images
from shelflens.model.formats import can_read
from tests.conftest import ROOT
from tests.support.messy_shop import PRODUCTS, make

Run = Callable[..., tuple[int, str, str]]
DOCUMENT = ROOT / "docs" / "how-to" / "csv.md"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The messy shop; the current folder."""
    if can_read("HEIC"):
        pytest.skip("with pillow-heif the made-up HEIC file is a damaged one")
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("default::shelflens.errors.PhotoWarning")
def test_the_summary_of_a_messy_shop_is_the_one_in_the_documents(shop: Path, run: Run) -> None:
    words = ["catalog", "build", "products.csv", "--out", "s.catalog", "--report", "r.csv"]
    status, out, err = run(*words)
    assert status == 1
    assert "36 products, 38 images" in out
    summary = err[err.index("summary: ") :]
    assert summary in DOCUMENT.read_text(encoding="utf-8")
    assert "lines 3 and 45 do not agree: product '7610000000001' has name" in err
    catalog = Catalog.open("s.catalog")
    assert len(catalog) == 36
    assert {"牛乳\u30001L", "café\u00a0250\u00a0g", "نان\u200cلواش", "crème 007"} <= set(
        catalog.ids
    )
    assert catalog.attributes["7610000000035"] == {"name": "Pack 35", "Price": "35,90 €"}
    with Path("r.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert Counter(row["what"] for row in rows) == {
        "read": 38,
        "not read": 4,
        "without photo": 4,
        "note": 1,
        "the same photo": 1,
        "photos nearly alike": 2,
    }
    assert len({row["product"] for row in rows if row["product"]}) == PRODUCTS
    assert run(*words, "--force")[0] == 1  # over its own report
    Path("r.csv").write_text("mine")
    status, _, err = run(*words)
    assert (status, "exists, and ShelfLens did not write it" in err) == (1, True)


@pytest.mark.filterwarnings("default::shelflens.errors.PhotoWarning")
def test_strict_writes_nothing(shop: Path, run: Run) -> None:
    status, _, err = run("catalog", "build", "products.csv", "--out", "s.catalog", "--strict")
    assert (status, "--strict: " in err) == (1, True)
    assert not Path("s.catalog").exists()


def test_nothing_is_said_of_a_shop_in_order(shop: Path, run: Run) -> None:
    lines = Path("products.csv").read_text(encoding="utf-8-sig").splitlines()
    good = [line for line in lines[:7] if "sep=" not in line]
    Path("good.csv").write_text("\n".join(good), encoding="utf-8")
    assert run("catalog", "build", "good.csv", "--out", "s.catalog")[::2] == (0, "")


def test_many_unreadable_photos_are_counted_not_listed(tmp_path: Path, run: Run) -> None:
    Image.new("RGB", (9, 9), "teal").save(tmp_path / "0.jpg")
    text = "".join(f"{number}.jpg,p{number}\n" for number in range(60))
    (tmp_path / "a.csv").write_text("path,product\n" + text)
    status, _, err = run("catalog", "build", tmp_path / "a.csv", "--out", tmp_path / "s.catalog")
    assert status == 1
    assert len(err.splitlines()) < 30
    assert "  59 not read, no such file: 1.jpg, 2.jpg, 3.jpg and 56 more" in err
    assert re.search(r"without any photo: 59 products: p1, p2, .* and 39 more", err)


def test_nearly_the_same_images(unit: Callable[..., NDArray[np.float32]]) -> None:
    vectors = unit(2500, 64)
    near = vectors[7] + 0.02 * unit(1, 64, seed=1)[0]
    vectors[2400] = near / np.linalg.norm(near)
    vectors[8] = vectors[9]  # of one product: no pair
    products = [str(index) for index in range(2500)]
    products[8] = products[9]
    wanted = [
        (int(i), int(j))
        for i, j in np.argwhere(np.triu(vectors @ vectors.T >= NEARLY_SAME, 1))
        if products[i] != products[j]
    ]
    assert nearly_same_images(vectors, products) == wanted == [(7, 2400)]
