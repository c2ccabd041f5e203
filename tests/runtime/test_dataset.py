"""Datasets: folders and CSVs."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import DataError, read_dataset
from shelflens.dataset import Dataset, merge, read_unlabelled
from shelflens.ingest.columns import parse_mapping
from shelflens.ingest.duplicates import same_images
from shelflens.ingest.folders import natural_key
from shelflens.ingest.rows import split_rows


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
        ("path,product\n1.jpg\n", "line 2: 1 cells, the header has 2"),
        ("path,product\n1.jpg,a,b\n", "line 2: 3 cells, the header has 2"),
        ("path,product,\n1.jpg,a,b\n", "line 2: 'b' stands in column 3, which has no name"),
        ("path,product,a,a\n1.jpg,a,b,c\n", "columns 3 and 4 are both called 'a'"),
        ('path,product\n\n"1.jpg,a\n2.jpg,b\n', "line 3: a cell begins with a quote that is never"),
        ('path,product\n1.jpg,"a" b\n', "line 2: .* text follows the next quote"),
        (
            'path,product,n\n1.jpg,a,"7 in\n2.jpg,b,x\n3.jpg,c,7 in"\n',
            "line 2: .* holds whole rows",
        ),
        ("path,product\n1.jpg,7.61E+12\n", "line 2: .* a spreadsheet changed this barcode"),
        ("path;product\n1.jpg;7,61E+12\n", "line 2: .* a spreadsheet changed this barcode"),
        ("path,product\n1.jpg,7610000000000.0\n", "a spreadsheet changed this barcode"),
        ("path,product\n1.jpg,#N/A\n", "line 2: .* a formula without a result"),
        ("path,product\n1.jpg,a\x07b\n", r"line 2: .* character 2 is U\+0007"),
        ("path,product\n1.jpg,a\u202eb\n", r"line 2: .* U\+202E RIGHT-TO-LEFT OVERRIDE"),
        ("path,product\nhttps://x.example/1.jpg,a\n", "line 2: .* is an address"),
        ("Image,SKU\n1.jpg,a\n", "say --columns path=Image,product=SKU"),
        ("<!DOCTYPE html><html>\n", "is a web page"),
        ('path,product\n1.jpg,"a\nb"\n', "line breaks"),
        ("path,product\n1.jpg," + "x" * 10_000 + "\n", "10,000 characters"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8", newline="")
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_not_text_empty_folder_and_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="damaged UTF-16"):
        read_dataset(tmp_path / "a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photos in product folders"):
        read_dataset(tmp_path / "empty")
    touch(tmp_path, "empty/loose.jpg")
    with pytest.raises(DataError, match=r"1 lie in the folder itself"):
        read_dataset(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "none")


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Dataset:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding=encoding, newline="")
    return read_dataset(path)


CELLS = st.text(alphabet='ab",;\t\r\n |é牛', max_size=6)


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_rows_are_those_of_the_csv_module(
    rows: list[list[str]], delimiter: str, line_end: str
) -> None:
    text = io.StringIO()
    # Minimal quoting leaves a line end bare that is not the file's own.
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows(rows)
    wanted = [row for row in rows if any(map(str.strip, row))]
    assert [row.cells for row in split_rows(text.getvalue(), delimiter, "x")] == wanted


@given(text=st.text(alphabet='a",\n\r', max_size=30))
def test_any_text_gives_the_csv_modules_rows_or_an_error(text: str) -> None:
    try:
        wanted = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        with pytest.raises(DataError, match="line "):
            split_rows(text, ",", "x")
        return
    wanted = [row for row in wanted if any(map(str.strip, row))]
    assert [row.cells for row in split_rows(text, ",", "x")] == wanted


def test_lines_are_counted_through_cells_of_several_lines() -> None:
    rows = split_rows('a,b\r\n\r\n"x\r\ny",1\n,,\nlast,"\n"\r', ",", "x")
    assert [(row.line, row.cells[0]) for row in rows] == [(1, "a"), (3, "x\r\ny"), (6, "last")]


PRODUCTS = st.text(alphabet="ab c;,'é牛 \u200d", min_size=1, max_size=5)


@given(products=st.lists(PRODUCTS, min_size=1, max_size=8), delimiter=st.sampled_from(",;\t"))
def test_never_more_or_fewer_products_than_the_rows_say(
    tmp_path_factory: pytest.TempPathFactory, products: list[str], delimiter: str
) -> None:
    wanted = [product.strip(" ") for product in products]
    if not all(wanted):
        return
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["path", "product", "note"])
    writer.writerows([f"{n}.jpg", product, "x, y; z"] for n, product in enumerate(products))
    assert table(tmp_path_factory.mktemp("csv"), text.getvalue()).labels == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("hint", [False, True])
def test_what_spreadsheets_write_is_read(
    tmp_path: Path, encoding: str, delimiter: str, hint: bool
) -> None:
    lines = ["\u00a0Path , PRODUCT,Name,price", ",,,", '1.jpg, 0012 ,Käse,"1,20"', ",,,,,"]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(csv.reader(lines))
    dataset = table(tmp_path, (f"sep={delimiter}\r\n" if hint else "") + text.getvalue(), encoding)
    assert dataset.labels == ["0012"]
    assert dataset.attributes == {"0012": {"name": "Käse", "price": "1,20"}}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_another_encoding_is_refused_with_what_to_choose(tmp_path: Path, delimiter: str) -> None:
    text = f"path{delimiter}product\n1.jpg{delimiter}tea\n2.jpg{delimiter}Käse\n"
    with pytest.raises(DataError, match=r"line 3 is not UTF-8.*CSV UTF-8"):
        table(tmp_path, text, "cp1252")
    (tmp_path / "x.csv").write_bytes("path,product\n1.jpg,a\n".encode("utf-16-le"))
    with pytest.raises(DataError, match="NUL characters"):
        read_dataset(tmp_path / "x.csv")
    for start, what in ((b"PK\3\4", "workbook"), (b"\xff\xd8\xff\xe0", "a picture")):
        (tmp_path / "x.csv").write_bytes(start + bytes(100))
        with pytest.raises(DataError, match=what):
            read_dataset(tmp_path / "x.csv")


def test_rows_that_do_not_agree_are_reported_with_their_lines(tmp_path: Path) -> None:
    dataset = table(tmp_path, "path,product,price\n1.jpg,a,1\n2.jpg,b,1\n3.jpg,a,2\n")
    assert dataset.attributes["a"] == {"price": "1"}
    (note,) = dataset.reading.notes
    assert "lines 2 and 4 do not agree: product 'a' has price '1' and '2'" in note


def test_ids_of_any_script_and_long_cells(tmp_path: Path) -> None:
    ids = ["牛乳\u30001L", "cafe\u0301\u00a0250\u00a0g", "نان\u200cلواش", "👩\u200d🍳", "क्\u200dष"]
    text = "".join(f"1.jpg, {product}\u3000,{'x' * 200_000}\n" for product in ids)
    dataset = table(tmp_path, "path,product,note\n" + text)
    assert dataset.labels == [ids[0], "café\u00a0250\u00a0g", *ids[2:]]


def test_values_cannot_reach_a_terminal_raw(tmp_path: Path) -> None:
    dataset = table(tmp_path, 'path,product,name\n1.jpg,a,"x\x1b[31m\ny\u202e"\n')
    assert dataset.attributes["a"]["name"] == "x\ufffd[31m y\ufffd"


@pytest.mark.parametrize(
    ("text", "labels", "attributes"),
    [
        (
            "id\ttitle\timage_link\tprice\na1\tTea\ttea.jpg\t15.00 USD\n",
            ["a1"],
            {"name": "Tea", "price": "15.00 USD"},
        ),
        (
            "Handle,Title,Vendor,Variant Price,Image Src\ntea,Tea,Acme,2.10,1.jpg\ntea,,,,2.jpg\n"
            "tea,,,2.30,\nnone,None,Acme,1,\n",
            ["tea", "tea"],
            {"name": "Tea", "brand": "Acme", "price": "2.10"},
        ),
        (
            'ID,SKU,Name,Categories,Images\n1,a1,Tea,Drinks,"1.jpg, 2.jpg"\n',
            ["a1", "a1"],
            {"name": "Tea", "category": "Drinks"},
        ),
        (
            "code\tproduct_name\tbrands\timage_url\n0012345678905\tTea\tAcme\t1.jpg\n",
            ["0012345678905"],
            {"name": "Tea", "brand": "Acme"},
        ),
    ],
)
def test_known_exports(
    tmp_path: Path, text: str, labels: list[str], attributes: dict[str, str]
) -> None:
    dataset = table(tmp_path, text)
    assert dataset.labels == labels
    assert dataset.attributes[labels[0]] == attributes
    assert "read as a" in dataset.reading.notes[0]
    assert dataset.reading.without_image == (["none"] if "none" in text else [])


def test_columns_by_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Bild,Artikel,Titel,product\n1.jpg,a,Tea,x\n")
    mapping = parse_mapping("path=Bild,product=Artikel,name=Titel")
    with pytest.raises(DataError, match="no column 'Foto'"):
        read_dataset(path, columns={"path": "Foto"})
    with pytest.raises(DataError, match="both called 'product'"):
        read_dataset(path, columns=mapping)
    path.write_text("Bild,Artikel,Titel\n1.jpg,a,Tea\n")
    dataset = read_dataset(path, columns=mapping)
    assert (dataset.labels, dataset.attributes) == (["a"], {"a": {"name": "Tea"}})
    with pytest.raises(DataError, match="expected OUR=THEIR"):
        parse_mapping("path")


def test_names_written_on_another_system(tmp_path: Path) -> None:
    touch(tmp_path, "photos/1.jpg", "cafe\u0301.jpg")
    dataset = table(tmp_path, "path,product\nphotos\\1.jpg,a\ncafé.jpg,b\n")
    assert all(path.exists() for path in dataset.paths)


def test_a_messy_folder(tmp_path: Path) -> None:
    touch(
        tmp_path, "tea/10.jpg", "tea/9.jfif", "tea/a.jpe", "tea/b.mpo", "tea/x.xmp", "tea/._9.jpg"
    )
    touch(tmp_path, "milk/1.jpg", "milk/@eaDir/1.jpg/thumb.jpg", "#recycle/old/1.jpg")
    touch(
        tmp_path, "$RECYCLE.BIN/1.jpg", "__MACOSX/tea/1.jpg", "lost+found/1.jpg", "@eaDir/a/b.jpg"
    )
    touch(tmp_path, "jam/1.HEIC", "soap/1.dng", "soap/clip.mov", "note/readme.txt", "loose.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "milk" / "again").symlink_to(tmp_path)
    (tmp_path / "a-link").symlink_to(tmp_path / "tea")
    (tmp_path / "tea" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    dataset = read_dataset(tmp_path)
    assert dataset.labels == ["milk", "tea", "tea", "tea", "tea"]
    assert [path.name for path in dataset.paths][1:] == ["9.jfif", "10.jpg", "a.jpe", "b.mpo"]
    assert dataset.reading.without_image == ["empty", "jam", "note", "soap"]
    counts = {reason: len(paths) for reason, paths in dataset.reading.skipped.items()}
    assert counts["a link to a folder that is read already"] == 2
    assert counts["a system folder"] == 6
    assert counts["a broken link or no file"] == 1
    assert (
        sum(count for reason, count in counts.items() if "HEIC" in reason or "raw" in reason) == 2
    )
    assert any("loose.jpg" in note for note in dataset.reading.notes)
    assert read_unlabelled(tmp_path).labels == ["loose"]


def test_folders_with_one_name_in_two_unicode_forms(tmp_path: Path) -> None:
    touch(tmp_path, "caf\u00e9/1.jpg", "cafe\u0301/2.jpg")
    dataset = read_dataset(tmp_path)
    assert set(dataset.labels) == {"café"}
    assert "are one product" in dataset.reading.notes[0]


def test_the_bytes_decide_about_a_name_that_promises_another_format(tmp_path: Path) -> None:
    touch(tmp_path, "tea/1.heic", "tea/noext")
    (tmp_path / "tea" / "2.heic").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20))
    (tmp_path / "tea" / "bare").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    assert [path.name for path in read_dataset(tmp_path).paths] == ["2.heic", "bare"]


@given(numbers=st.lists(st.integers(0, 10**6), unique=True, max_size=20), seed=st.integers(0, 9))
def test_natural_order(numbers: list[int], seed: int) -> None:
    names = [f"frame{number}.jpg" for number in numbers]
    random.Random(seed).shuffle(names)
    assert sorted(names, key=natural_key) == [f"frame{number}.jpg" for number in sorted(numbers)]


def test_same_images_under_two_products(tmp_path: Path) -> None:
    for name, content in (("1", b"x"), ("2", b"y"), ("3", b"x"), ("4", b"xx")):
        (tmp_path / name).write_bytes(content)
    images = [(tmp_path / name, product) for name, product in zip("1234", "aabb", strict=True)]
    assert same_images(images) == [(tmp_path / "1", "a", tmp_path / "3", "b")]
    assert same_images([(tmp_path / "none", "a"), (tmp_path / "none", "b")]) == []
