"""Inputs built after public bug reports (`cases` of the shared folder) and what must come."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shelflens import Catalog
from tests.conftest import SHARED

Run = Callable[..., tuple[int, str, str]]
CASES = SHARED / "cases"


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """case("filters") -> a copy of its inputs, which is the current folder."""

    def copy(name: str) -> Path:
        if not CASES.exists():
            pytest.skip(f"no cases at {CASES}; set SHELFLENS_SHARED")
        folder = tmp_path / name
        shutil.copytree(CASES / name / "in", folder)
        monkeypatch.chdir(folder)
        return folder

    return copy


def build(run: Run, data: str, *words: str) -> tuple[int, str]:
    """Build s.catalog; gives the exit status and standard error."""
    status, _, err = run("catalog", "build", data, "--out", "s.catalog", *words)
    return status, err


def test_csv_unclosed_quote(run: Run, case: Callable[[str], Path]) -> None:
    case("csv-unclosed-quote")
    for name, line in (("shop.csv", 3), ("shop2.csv", 2)):
        status, err = build(run, name)
        assert status == 1
        assert f"{name} line {line}: a cell begins with a quote" in err
        assert not Path("s.catalog").exists()


def test_excel_barcodes(run: Run, case: Callable[[str], Path]) -> None:
    folder = case("excel-barcodes")
    status, err = build(run, "shop.csv")
    assert status == 1
    assert (
        "line 2: product '7.61E+12': a spreadsheet changed this barcode; format the column" in err
    )
    text = (folder / "shop.csv").read_text().replace("7.61E+12", "761000")
    (folder / "same.csv").write_text(text)
    status, err = build(run, "same.csv")
    assert status == 0
    assert "lines 2 and 3 do not agree: product '761000' has name 'Tea' and 'Soap'" in err


@pytest.mark.parametrize(
    "name",
    ["semicolon-bom", "tab-utf16", "sep-hint", "blank-rows", "caps", "blank-in-head"],
)
def test_excel_european(run: Run, case: Callable[[str], Path], name: str) -> None:
    case("excel-european")
    assert build(run, f"{name}.csv") == (0, "")
    catalog = Catalog.open("s.catalog")
    assert catalog.ids == ["0012", "0013"]
    assert catalog.attributes["0012"] == {"name": "Käse jung", "price": "1,20"}


@pytest.mark.parametrize("name", ["semicolon-cp1252", "comma-cp1252"])
def test_excel_european_in_an_old_encoding(
    run: Run, case: Callable[[str], Path], name: str
) -> None:
    case("excel-european")
    status, err = build(run, f"{name}.csv")
    assert status == 1
    assert len(err.splitlines()) == 1
    assert "line 2 is not UTF-8" in err
    assert "CSV UTF-8 (Comma delimited)" in err


def test_unread_formats_in_folder(run: Run, case: Callable[[str], Path]) -> None:
    folder = case("unread-formats-in-folder")
    for name in ("old.jpe", "stereo.mpo"):
        shutil.copy(folder / "shop" / "salt" / "photo.jfif", folder / "shop" / "salt" / name)
    (folder / "shop" / "tea" / "IMG_0002.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    status, err = build(run, "shop")
    assert status == 1
    assert Catalog.open("s.catalog").row_count >= 4
    assert {"jam", "milk", "salt"} <= set(Catalog.open("s.catalog").ids)
    lost = err.splitlines()[-1]
    assert lost.startswith("without any photo: ")
    assert "tea" in lost.rpartition(": ")[2].split(", ")
    assert "HEIC" in err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8:strict"])
def test_output_encoding(run: Run, case: Callable[[str], Path], encoding: str) -> None:
    case("output-encoding")
    assert build(run, "wide.csv")[0] == 0
    latin = os.fsdecode(b"J\xe4ger.jpg")
    shutil.copy("p2.jpg", latin)
    for words in (["lookup", "p1.jpg", latin, "--catalog", "s.catalog"], ["catalog", "info"]):
        command = [sys.executable, "-m", "shelflens", *words]
        command += ["s.catalog"] if words[-1] == "info" else []
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr


def test_filters(run: Run, case: Callable[[str], Path]) -> None:
    case("filters")
    assert build(run, "shop.csv")[0] == 0

    def ids(where: str) -> list[str]:
        status, out, err = run("similar", "s.catalog", "f", "-k", 9, "--where", where)
        return sorted(line.split()[1] for line in out.splitlines()[1:]) if not status else [err]

    assert ids("price<5") == ["a", "c", "d"]
    assert ids("brand=NAN") == ["a", "c"]
    assert ids("brand!=NAN") == ["b", "d", "e"]
    assert ids("code=007") == ["a"]
    assert ids("code=7") == ["b", "c"]
    assert "'fifty' is not a number" in ids("price<fifty")[0]
    assert "brand is not a number in 6 of 6 products" in ids("brand<5")[0]


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("japanese", "牛乳\u30001L"),
        ("nbsp", "café\u00a0250\u00a0g"),
        ("persian", "نان\u200cلواش"),
        ("trailing", "milk"),
    ],
)
def test_ids_of_other_scripts(
    run: Run, case: Callable[[str], Path], name: str, product: str
) -> None:
    case("ids-of-other-scripts")
    assert build(run, f"{name}.csv") == (0, "")
    assert Catalog.open("s.catalog").ids == [product, "tea"]


def test_nas_thumbnails(run: Run, case: Callable[[str], Path]) -> None:
    case("nas-thumbnails")
    assert build(run, "shop")[0] == 0
    assert Catalog.open("s.catalog").ids == ["milk", "tea"]


def test_small_words(run: Run, case: Callable[[str], Path]) -> None:
    folder = case("small-words")
    status, _, err = run("catalog", "build", "a.csv", "--out", ".")
    assert (status, ".tmp" in err) == (1, False)
    assert ".: is a folder; give a file to write, such as store.catalog" in err
    (folder / "long.csv").write_text("path,product,notes\np1.jpg,a," + "x" * 140_000 + "\n")
    assert build(run, "long.csv")[0] == 0
    status, err = build(run, "p1.jpg")
    assert (status, "is a picture (JPEG)" in err) == (1, True)
    status, err = build(run, "same.csv")
    assert "p1.jpg of 'a' and p1.jpg of 'b' are the same photo" in err
    status, _, err = run("lookup", "IMG_0001.HEIC", "--catalog", "s.catalog")
    assert status == 1
    assert "HEIC (iPhone photo)" in err or "damaged or cut short" in err


def test_out_over_input(run: Run, case: Callable[[str], Path]) -> None:
    folder = case("out-over-input")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for out in ("shop.csv", "p2.jpg", "keep.csv"):
        assert run("catalog", "build", "shop.csv", "--out", out)[0] == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert build(run, "shop.csv")[0] == 0
    assert run("catalog", "confirm", "s.catalog", "p4.jpg", "a")[0] == 0
    status, err = build(run, "shop.csv")
    assert (status, "1 confirmed photos" in err) == (1, True)
    (folder / "docs").mkdir()
    (folder / "docs" / "report.html").write_text("mine")
    words = ["--catalog", "s.catalog", "--queries", "shop.csv", "--out", "docs"]
    assert run("evaluate", *words)[0] == 1
    assert (folder / "docs" / "report.html").read_text() == "mine"


@pytest.mark.parametrize("product", ["carton", "shirt", "bottle"])
def test_watch_smooth_goods(run: Run, case: Callable[[str], Path], product: str) -> None:
    folder = case("watch-smooth-goods")
    assert build(run, "a.csv")[0] == 0
    (folder / "f").mkdir()
    for number in range(101, 151):
        shutil.copy(folder / f"{product}.jpg", folder / "f" / f"{number}.jpg")
    status, out, err = run("watch", "f", "--fps", 10, "--catalog", "s.catalog", "--max-fps", 0)
    assert status == 0
    assert len(out.splitlines()) == 1
    assert f"match: {product}" in out.lower()
    assert "1 answers (1 match" in err.splitlines()[-1]
