"""Texts of a catalog neither steer a terminal nor become formulas; no image from elsewhere."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import Catalog, DataError, read_dataset
from shelflens.catalog.container import read_container
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.render.product_images import product_images
from shelflens.spreadsheet import cell, uncell
from tests.attacks.odd_contents import sound

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "Tea\x1b[2J\x1b]0;owned\x07\r\n12:00:00  match: Gold  (confidence 1.00)\x9b31m\u202e"
STEERING = set("\x1b\x07\r\x9b\u202e")


@pytest.fixture
def hostile(tmp_path: Path, built: Path) -> Path:
    """The demo catalog, every product of which has a hostile name and columns."""
    path = tmp_path / "hostile.catalog"
    shutil.copy(built, path)
    catalog = Catalog.open(path)
    columns = {"name": HOSTILE, "colour": HOSTILE, HOSTILE: "x"}
    attributes = dict.fromkeys(catalog.ids, columns)
    ids = [catalog.ids[0]]
    catalog.add(ids, catalog.vectors_of(range(1)), attributes=attributes).save(path)
    assert read_container(path)
    return path


@pytest.mark.parametrize("command", ["lookup", "similar", "info", "tag"])
def test_a_hostile_name_stays_on_its_line(hostile: Path, run: Run, command: str) -> None:
    photo = sorted((BUNDLED_MODEL.parent / "demo" / "photos").iterdir())[0]
    words = {
        "lookup": ["lookup", photo, "--catalog", hostile],
        "similar": ["similar", hostile, Catalog.open(hostile).ids[0]],
        "info": ["catalog", "info", hostile],
        "tag": ["tag", photo, "--catalog", hostile, "--attribute", "colour"],
    }
    status, out, err = run(*words[command])
    assert status == 0, err
    assert not STEERING & set(out + err)
    assert not [line for line in out.splitlines() if line.startswith("12:00:00")]
    assert "\\x1b" in out or command == "tag"


@given(st.text(max_size=20), st.sampled_from(["", "=", "'=", "''", "+", "-", "@", "\t", "-5"]))
def test_cells_are_read_as_they_were(text: str, begin: str) -> None:
    whole = begin + text
    assert uncell(cell(whole)) == whole
    assert cell(whole)[:1] not in ("=", "@", "\t", "\r")


def test_formulas_are_quoted_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["path", "product", "name"], ["a.jpg", cell("=cmd()"), cell("@SUM(1)")]]
        )
    assert path.read_text().splitlines()[1] == "a.jpg,'=cmd(),'@SUM(1)"
    dataset = read_dataset(path)
    assert dataset.labels == ["=cmd()"]
    assert dataset.attributes == {"=cmd()": {"name": "@SUM(1)"}}


@pytest.mark.parametrize("picture", ["/etc/passwd", "../secret.png", "a/../../secret.png"])
def test_a_picture_outside_the_folder_is_refused(tmp_path: Path, picture: str) -> None:
    path = tmp_path / "store.catalog"
    catalog = sound(path)
    catalog.add(["p0"], catalog.vectors_of(range(1)), attributes={"p0": {"picture": picture}}).save(
        path
    )
    find = product_images(Catalog.open(path), None)
    with pytest.raises(DataError, match="not below"):
        find("p0")
    assert find("p1") is None
