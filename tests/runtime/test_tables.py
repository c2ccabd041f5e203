"""Workbooks, feeds and zip files, and the CSV reader beside pandas."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shelflens import Catalog, DataError, PhotoError, load_image, read_dataset
from shelflens.dataset import read_unlabelled
from shelflens.ingest.duplicates import same_images
from shelflens.ingest.workbook import cell_text
from shelflens.model import archive

Run = Callable[..., tuple[int, str, str]]


def workbook(path: Path, *rows: list[Any], formats: dict[str, str] | None = None) -> Path:
    """Write an .xlsx of one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    book.save(path)
    return path


def test_a_workbook_is_read_as_its_csv_would_be(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "shop.xlsx",
        ["Path ", "PRODUCT", "name", "price", "organic", "since"],
        ["1.jpg", 7610000000012, "Käse, jung", 1.2, True, date(2026, 5, 1)],
        [],
        ["2.jpg", 12, "Tee", 0.1 + 0.2, None, None],
        ["3.jpg", "007", "Öl", 2],
        formats={"B2": "0.00E+00", "B4": "0000"},
    )
    dataset = read_dataset(path)
    assert dataset.labels == ["7610000000012", "0012", "007"]
    assert dataset.paths[0] == tmp_path / "1.jpg"
    assert dataset.attributes["7610000000012"] == {
        "name": "Käse, jung",
        "price": "1.2",
        "organic": "TRUE",
        "since": "2026-05-01",
    }
    assert dataset.attributes["0012"]["price"] == "0.3"
    assert "column 'since': 1 cells hold a date" in dataset.reading.notes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["2.jpg", date(2026, 1, 5)], "line 3: '2026-01-05' is a date that the spreadsheet made"),
        (["2.jpg", "=A1"], "line 3: a formula without a result; open the workbook"),
        (["2.jpg", "7.61E+12"], "line 3: product .* a spreadsheet changed this barcode"),
        (["2.jpg", "#N/A"], "line 3: product '#N/A' is what a spreadsheet shows"),
        (["2.jpg", None], "line 3: expected a path and a product"),
        (
            ["2.jpg", "b", "x", "extra"],
            "line 3: .* stands in column 4, which has no name|4 cells, the header has 3",
        ),
        (["https://x.example/2.jpg", "b"], "line 3: .* is an address"),
    ],
)
def test_what_a_workbook_cannot_hold(tmp_path: Path, row: list[Any], message: str) -> None:
    path = workbook(tmp_path / "a.xlsx", ["path", "product", "name"], ["1.jpg", "a", "A"], row)
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(path)
    assert "\n" not in str(caught.value)


def test_the_sheet_with_the_columns_is_read_and_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Notes of the shop"])
    products = book.create_sheet("Products")
    products.append(["path", "product"])
    products.append(["1.jpg", "a"])
    book.save(tmp_path / "a.xlsx")
    dataset = read_dataset(tmp_path / "a.xlsx")
    assert dataset.labels == ["a"]
    assert "sheet 'Products' of 2 is read" in dataset.reading.notes[0]


def test_without_openpyxl_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", ["path", "product"], ["1.jpg", "a"])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"pip install 'shelflens\[xlsx\]'"):
        read_dataset(path)


def test_damaged_and_hostile_workbooks(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["path", "product"], ["1.jpg", "a"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut short"):
        read_dataset(path)
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    for inserted, message in (
        (entity, "declares a document type"),
        ("<broken", "damaged workbook"),
    ):
        with (
            zipfile.ZipFile(io.BytesIO(whole)) as old,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for name in old.namelist():
                text = old.read(name)
                if name == "xl/worksheets/sheet1.xml":
                    text = inserted.encode() + text
                new.writestr(name, text)
        with pytest.raises(DataError, match=message):
            read_dataset(path)
    for member, what in (("mimetype", "OpenDocument"), ("Index/Document.iwa", "Numbers")):
        with zipfile.ZipFile(tmp_path / "b.ods", "w") as file:
            file.writestr(member, "x")
        with pytest.raises(DataError, match=what):
            read_dataset(tmp_path / "b.ods")


@given(
    number=st.one_of(
        st.integers(0, 10**15 - 1), st.floats(-1e9, 1e9, allow_nan=False, allow_infinity=False)
    )
)
def test_numbers_of_cells_lose_nothing_that_a_spreadsheet_shows(number: float) -> None:
    assert float(cell_text(number)) == pytest.approx(number, rel=1e-14)
    if isinstance(number, int):
        assert cell_text(float(number)) == cell_text(number) == str(number)


FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>a1</g:id><title>plain</title><g:title>Tea &amp; more</g:title>
 <g:image_link>tea.jpg</g:image_link><g:additional_image_link>tea 2.jpg</g:additional_image_link>
 <g:additional_image_link>tea3.jpg</g:additional_image_link><g:price>2.50 EUR</g:price>
 <g:shipping><g:price>9 EUR</g:price></g:shipping></item>
<item><g:id>a2</g:id><g:title><![CDATA[Soap <b>]]></g:title><g:image_link>soap.jpg</g:image_link>
</item></channel></rss>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_google_merchant_feed(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "feed.xml"
    text = FEED.replace("UTF-8", encoding).replace("Soap", "Säpe")
    path.write_bytes(text.encode(encoding))
    dataset = read_dataset(path)
    assert dataset.labels == ["a1", "a1", "a1", "a2"]
    assert [file.name for file in dataset.paths[:3]] == ["tea.jpg", "tea 2.jpg", "tea3.jpg"]
    assert dataset.attributes["a1"] == {"name": "Tea & more", "price": "2.50 EUR"}
    assert dataset.attributes["a2"] == {"name": "Säpe <b>"}
    assert "Google Merchant feed" in dataset.reading.notes[0]
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
        "<entry><id>tag:x</id><g:id>b</g:id><title>T</title><g:image_link>1.jpg</g:image_link>"
        "</entry></feed>"
    )
    path.write_text(atom)
    assert read_dataset(path).labels == ["b"]


def test_a_feed_with_addresses_takes_a_column_of_files(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    text = FEED.replace("tea.jpg<", "https://x.example/tea.jpg<")
    path.write_text(text)
    with pytest.raises(DataError, match=r"line 3: .* is an address.*--columns path=COLUMN"):
        read_dataset(path)
    path.write_text(text.replace("</item>", "<file>1.jpg</file></item>"))
    dataset = read_dataset(path, columns={"path": "file"})
    assert dataset.labels == ["a1", "a2"]
    assert dataset.attributes["a1"]["name"] == "Tea & more"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>', "line 1: declares a document"),
        ('<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>', "a CSV|document type"),
        ('<?xml version="1.0"?><rss><channel>', "line 1: no well-formed XML"),
        ('<?xml version="1.0"?><html/>', "XML without products"),
        ("<?xml version='1.0'?>" + "<a>" * 200, "nested more than 100 deep"),
        ("<?xml version='1.0' encoding='x-unknown'?><a/>", "XML"),
    ],
)
def test_feeds_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(tmp_path / "a.xml")
    assert "\n" not in str(caught.value)


def zipped(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


@pytest.fixture
def jpeg() -> Callable[[int], bytes]:
    """jpeg(3) -> the bytes of a small photo."""

    def make(seed: int) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).resize((64, 64)).save(stream, "JPEG")
        return stream.getvalue()

    return make


def test_a_zip_file_of_photos_is_a_dataset(
    tmp_path: Path, jpeg: Callable[[int], bytes], run: Run
) -> None:
    path = zipped(
        tmp_path / "shop.zip",
        {
            "shop/milk/10.jpg": jpeg(1),
            "shop/milk/9.jpg": jpeg(2),
            "shop/käse/1.jpg": jpeg(3),
            "shop/tea/1.heic": b"\0\0\0\x18ftypheic" + bytes(50),
            "__MACOSX/shop/milk/._9.jpg": b"x",
            "shop/milk/@eaDir/9.jpg": jpeg(4),
            "shop/milk/9.xmp": b"x",
        },
    )
    dataset = read_dataset(path)
    assert dataset.labels == ["käse", "milk", "milk"]
    assert [file.name for file in dataset.paths] == ["1.jpg", "9.jpg", "10.jpg"]
    assert "all lies in the folder 'shop'" in dataset.reading.notes[0]
    assert np.array_equal(load_image(dataset.paths[1]), load_image(jpeg(2)))
    catalog = tmp_path / "s.catalog"
    status, _, err = run("catalog", "build", path, "--out", catalog)
    assert Catalog.open(catalog).ids == ["käse", "milk"]
    assert (status, "without any photo: 1 products: tea" in err) == (1, True)
    status, out, _ = run("lookup", path / "shop" / "milk" / "9.jpg", "--catalog", catalog, "-k", 1)
    assert (status, "milk" in out) == (0, True)
    words = ["similar", catalog, "milk", "--images", path, "--contact-sheet", tmp_path / "x.png"]
    assert run(*words)[0] == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.catalog", "shop.zip", "x.png"]
    assert run("catalog", "build", path, "--out", path)[0] == 1
    with pytest.raises(FileNotFoundError):
        load_image(path / "none.jpg")


def test_a_flat_zip_file_and_a_csv_that_names_its_members(
    tmp_path: Path, jpeg: Callable[[int], bytes]
) -> None:
    path = zipped(tmp_path / "p.zip", {"tea.jpg": jpeg(1), "milk.jpg": jpeg(1)})
    assert read_unlabelled(path).labels == ["milk", "tea"]
    with pytest.raises(DataError, match="2 lie in the folder itself"):
        read_dataset(path)
    (tmp_path / "a.csv").write_text("path,product\np.zip/tea.jpg,t\np.zip/milk.jpg,m\n")
    dataset = read_dataset(tmp_path / "a.csv")
    assert load_image(dataset.paths[0]).shape == (64, 64, 3)
    assert len(same_images(zip(dataset.paths, dataset.labels, strict=True))) == 1


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "C:\\x.jpg", "C:/x"])
def test_names_that_lead_out_of_a_zip_file(
    tmp_path: Path, jpeg: Callable[[int], bytes], name: str
) -> None:
    path = zipped(tmp_path / "a.zip", {"tea/1.jpg": jpeg(1), name: jpeg(2)})
    with pytest.raises(DataError, match="leads out of the zip file"):
        read_dataset(path)
    with pytest.raises(PhotoError, match="leads out of the zip file"):
        load_image(path / "tea" / "1.jpg")


def test_zip_bombs_and_damage(tmp_path: Path, jpeg: Callable[[int], bytes]) -> None:
    path = tmp_path / "a.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("a/1.bmp", "w") as member,
    ):
        for _ in range(archive._SMALL // 65_536 + 1):
            member.write(bytes(65_536))
    with pytest.raises(DataError, match="more than 200 times its size"):
        read_dataset(path)
    whole = zipped(path, {"tea/1.jpg": jpeg(1)}).read_bytes()
    for start in (b"PK\3\4", b"PK\1\2"):  # the flag of encryption, in both headers
        at = whole.index(start) + (6 if start == b"PK\3\4" else 8)
        path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
        if start == b"PK\1\2":
            with pytest.raises(DataError, match="is encrypted; unpack it"):
                read_dataset(path)
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match="cut short"):
        read_dataset(path)
    end = whole.rindex(b"PK\5\6")
    path.write_bytes(whole[: end + 10] + b"\xff\xff" + whole[end + 12 :])
    with pytest.raises(DataError, match="more than 65,534 files"):
        read_dataset(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("tea/1.jpg", jpeg(1))
    with pytest.raises(DataError, match="packed in a rare way"):
        read_dataset(path)


@given(data=st.data())
def test_a_damaged_zip_file_gives_an_error_of_one_line(
    data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = zipped(tmp_path_factory.mktemp("zip") / "a.zip", {"tea/1.jpg": b"\xff\xd8\xff" * 20})
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(whole))
    try:
        for item in read_dataset(path).items:
            load_image(item.path)
    except (DataError, PhotoError, FileNotFoundError) as error:
        assert "\n" not in str(error)


CELL = st.text(alphabet='abä ,;"\n|', max_size=5)


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_rows_of_a_csv_are_those_of_pandas(
    rows: list[tuple[str, str, str]],
    delimiter: str,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    writer.writerow(["path", "product", "note", "more"])
    for number, (product, note, more) in enumerate(rows):
        writer.writerow([f"{number}.jpg", f"p{product.replace(chr(10), '')}x", note, more])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    frame = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False)
    dataset = read_dataset(path)
    assert dataset.labels == list(frame["product"])
    assert [file.name for file in dataset.paths] == list(frame["path"])
    wanted: dict[str, str] = {}
    for product, note in zip(frame["product"], frame["note"], strict=True):
        if shown := note.strip(" \n").replace("\n\n", "\n").replace("\n", " "):
            wanted.setdefault(product, shown)
    got = {
        p: row["note"].replace("  ", " ") for p, row in dataset.attributes.items() if "note" in row
    }
    assert got == {p: text.replace("  ", " ") for p, text in wanted.items()}


@settings(max_examples=25)
@given(codes=st.lists(st.from_regex(r"0?[1-9][0-9]{0,13}", fullmatch=True), min_size=1, max_size=5))
def test_a_workbook_gives_the_ids_that_pandas_reads(
    codes: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("xlsx") / "a.xlsx"
    rows = [[f"{n}.jpg", code if n % 2 else int(code)] for n, code in enumerate(codes)]
    workbook(path, ["path", "product"], *rows)
    frame = pd.read_excel(path, dtype=str)
    assert read_dataset(path).labels == list(frame["product"])


def test_every_command_takes_the_columns_of_a_table(
    tmp_path: Path, jpeg: Callable[[int], bytes], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        Path(f"{number}.jpg").write_bytes(jpeg(number // 2))
    workbook(Path("a.xlsx"), ["Image", "SKU"], *([f"{n}.jpg", n // 2 + 10] for n in range(6)))
    Path("plain.csv").write_text("path,product\n0.jpg,x\n")
    columns = ("--columns", "path=Image,product=SKU")
    assert run("catalog", "build", "a.xlsx", "--out", "s.catalog", *columns)[0] == 0
    assert Catalog.open("s.catalog").ids == ["10", "11", "12"]
    asked = ["--queries", "a.xlsx", "--unknowns", "plain.csv", *columns]
    status, _, err = run("catalog", "calibrate", "s.catalog", *asked)
    assert (status, "all 6 photos are images of the catalog itself" in err) == (1, True)
    words = ["evaluate", "--catalog", "s.catalog", "--images", "a.xlsx", "--out", "report", *asked]
    assert run(*words)[0] == 0
    assert run("tag", "a.xlsx", "--catalog", "s.catalog", "--attribute", "none", *columns)[0] == 1
    shown = ["--contact-sheet", "x.png", "--images", "a.xlsx"]
    assert run("similar", "s.catalog", "10", *shown, *columns)[0] == 0
    status, _, err = run("catalog", "calibrate", "s.catalog", "--queries", "a.xlsx")
    assert (status, "say --columns path=Image,product=SKU" in err) == (1, True)


def test_a_quote_that_begins_a_cell_only_with_another_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('path,product,";"""\n1.jpg,a,x\n')
    assert read_dataset(tmp_path / "a.csv").attributes == {"a": {';"': "x"}}
