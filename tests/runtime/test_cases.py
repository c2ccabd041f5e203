"""Inputs built after public bug reports (`cases` of the shared folder) and what must come."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from shelflens import Catalog
from shelflens.render.product_images import product_images
from shelflens.webapp.image_pack import pack_images
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
    # With one image of each it may be "perhaps" the product.
    assert f"match: {product}" in out.lower() or f"ambiguous: perhaps {product}" in out.lower()
    assert "1 answers (" in err.splitlines()[-1]


def enlarged(path: Path, out: Path, side: tuple[int, int]) -> None:
    """A photo as a JPEG of so many pixels."""
    with Image.open(path) as image:
        image.convert("L").resize(side, Image.Resampling.NEAREST).save(out, "JPEG", quality=50)


def test_huge_photos(run: Run, case: Callable[[str], Path]) -> None:
    folder = case("huge-photos")
    for product in "ab":
        (folder / "S" / product).mkdir(parents=True)
    shutil.copy("p2.jpg", "S/b")
    enlarged(folder / "p1.jpg", folder / "S" / "a" / "p108.jpg", (12_000, 9_000))
    enlarged(folder / "p1.jpg", folder / "p200.jpg", (16_320, 12_240))
    assert build(run, "S")[0] == 0
    for photo in ("S/a/p108.jpg", "p200.jpg"):
        status, out, _ = run("lookup", photo, "-k", 1, "--catalog", "s.catalog")
        assert (status, "  a" in out) == (0, True), out
    words = ["similar", "s.catalog", "b", "--contact-sheet", "x.png", "--images", "S"]
    assert run(*words)[0] == 0
    packed = pack_images(["a", "b"], product_images(Catalog.open("s.catalog"), "S"))
    assert packed.count(b"WEBP") == 2  # what `page build` does with them


def test_lost_update(run: Run, case: Callable[[str], Path]) -> None:
    case("lost-update")
    assert build(run, "a.csv")[0] == 0
    before = len(Catalog.open("s.catalog"))
    command = [sys.executable, "-m", "shelflens", "catalog", "add", "s.catalog"]
    writers = [
        subprocess.Popen([*command, f"add{n}.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for n in (2, 3, 4, 5)
    ]
    ended = [writer.communicate() and writer.returncode for writer in writers]
    assert len(Catalog.open("s.catalog")) - before == ended.count(0) == 4


@pytest.mark.parametrize(
    ("head", "tail", "kind"),
    [
        ("", "", "image/jpg"),
        ('name="photo"; filename="p1.jpg"\r\nContent-Type: image/jpg', "", ""),
        ('name="photo"; filename="noext"\r\nContent-Type: application/octet-stream', "", ""),
        (
            'name="photo"; filename="p1.jpg"',
            '\r\n--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello',
            "",
        ),
        ('name="photo"; filename="Jäger 写真.jpg"', "", ""),
    ],
)
def test_serve_uploads(
    run: Run, case: Callable[[str], Path], head: str, tail: str, kind: str
) -> None:
    from starlette.testclient import TestClient

    from shelflens.catalog.reload import Reloader
    from shelflens.model.embedder import Embedder
    from shelflens.serve.app import make_app
    from shelflens.serve.settings import Settings

    folder = case("serve-uploads")
    assert build(run, "a.csv")[0] == 0
    body = (folder / "p1.jpg").read_bytes()
    if head:
        start = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
        body = start + body + f"{tail}\r\n--x--\r\n".encode()
        kind = "multipart/form-data; boundary=x"
    app = make_app(Reloader(folder / "s.catalog", Embedder.open), Settings())
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        response = client.post("/lookup?k=1", content=body, headers={"content-type": kind})
    assert response.status_code == 200, response.text
    assert '"matches"' in response.text
