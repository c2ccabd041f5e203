"""Barcodes: numbers and their check digits, and reading them from drawn photos."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from PIL import Image
from starlette.testclient import TestClient

from shelflens import Catalog, Embedder
from shelflens.barcode.gtin import check_digit, gtin, printed
from shelflens.barcode.reader import LONGEST, grey_of, read_barcodes, regions
from shelflens.catalog.barcodes import has_barcodes, products_with
from shelflens.catalog.reload import Reloader
from shelflens.cli import main
from shelflens.model.image import Photo
from shelflens.serve.app import make_app
from shelflens.serve.settings import Settings
from shelflens.watch import Frame, Sighting, Watcher
from tests.support.barcodes import draw_label, draw_photo


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4006381333931", "04006381333931"),  # GS1's example of an EAN-13
        ("036000291452", "00036000291452"),  # a UPC-A
        ("36000291452", "00036000291452"),  # a spreadsheet took its zero
        ("96385074", "00000096385074"),  # an EAN-8
        ("4 006381-333931", "04006381333931"),
        ("4006381333930", None),  # another check digit
        ("40063813339a1", None),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", None),
        ("0000000000000", None),
        ("", None),
        ("7", None),
        ("140063813339310", None),
    ],
)
def test_numbers(text: str, number: str | None) -> None:
    assert gtin(text) == number


@pytest.mark.parametrize("text", ["4006381333931", "96385074", "10012345678902"])
def test_a_number_as_it_is_printed(text: str) -> None:
    number = gtin(text)
    assert number
    assert printed(number) == text


@given(st.text("0123456789", min_size=12, max_size=12).filter(lambda digits: int(digits) > 0))
def test_a_wrong_digit_is_found(digits: str) -> None:
    whole = digits + check_digit(digits)
    assert gtin(whole) == whole.zfill(14)
    for index in range(len(whole)):
        changed = str((int(whole[index]) + 1) % 10)
        assert gtin(whole[:index] + changed + whole[index + 1 :]) is None


@pytest.mark.parametrize("blur", [0.0, 1.0])
@pytest.mark.parametrize("angle", [0, 17, 45, 90, 133, 180, 271, 340])
def test_a_code_at_any_angle(angle: int, blur: float) -> None:
    pytest.importorskip("zxingcpp")
    generator = np.random.default_rng(angle)
    digits = "".join(map(str, generator.integers(0, 10, 12)))
    number = digits + check_digit(digits)
    photo = draw_photo(number, generator, angle=angle, blur=blur)
    assert read_barcodes(photo) == [number.zfill(14)]


def test_no_code() -> None:
    pytest.importorskip("zxingcpp")
    generator = np.random.default_rng(0)
    for grey in (
        np.zeros((400, 300), np.uint8),
        generator.integers(0, 255, (400, 300), dtype=np.uint8),
        np.tile(np.repeat([0, 255], 4), (600, 80)).astype(np.uint8),  # stripes that are no code
        np.zeros((3, 900), np.uint8),
    ):
        assert read_barcodes(grey) == []
    assert regions(np.zeros((10, 10), np.uint8)) == []


@pytest.mark.parametrize(
    ("kind", "number"), [("EAN8", "96385074"), ("UPCA", "036000291452"), ("UPCE", "04252614")]
)
def test_kinds_of_codes(kind: str, number: str) -> None:
    pytest.importorskip("zxingcpp")
    photo = draw_photo(number, np.random.default_rng(2), kind=kind, angle=20)
    # A UPC-E has no check of its own worth the name, so it is not read.
    assert read_barcodes(photo) == ([] if kind == "UPCE" else [number.zfill(14)])


def test_two_codes() -> None:
    pytest.importorskip("zxingcpp")
    generator = np.random.default_rng(3)
    first, second = "4006381333931", "5901234123457"
    upper = draw_photo(first, generator)[:800]
    lower = draw_photo(second, generator, angle=30)
    found = set()
    for part in (upper, lower):
        found |= set(read_barcodes(part))
    assert set(read_barcodes(np.concatenate([draw_photo(first, np.random.default_rng(5)), lower])))
    assert found <= {first.zfill(14), second.zfill(14)}


def test_a_photo_is_made_small_and_upright() -> None:
    picture = Image.new("RGB", (4000, 3000), "white")
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(stream, "JPEG", exif=exif)
    grey = grey_of(stream.getvalue())
    assert grey.shape == (LONGEST, LONGEST * 3 // 4)


CODE = "4006381333931"
SECOND = "5901234123457"


def store(columns: dict[str, dict[str, str]]) -> Catalog:
    rows = np.eye(8, dtype=np.float32)[: len(columns)]
    return Catalog(list(columns), rows, space="s", attributes=columns)


def test_products_by_code() -> None:
    catalog = store(
        {
            "tea": {"EAN": CODE},
            "soap": {"Barcode": f"{SECOND} | 96385074"},
            "milk": {"name": CODE},  # not a column of codes
            "jam": {"upc": "36000291452"},
            "tin": {"barcode": SECOND},
            "rice": {"ean": "5 012345-678900"},
            "5000112637922": {},
        }
    )
    assert has_barcodes(catalog)
    assert not has_barcodes(store({"tea": {"name": "barcode"}, "96385074": {}}))
    assert has_barcodes(store({"5000112637922": {}}))
    for number, indices in ((CODE, [0]), (SECOND, [1, 4]), ("96385074", [1]), ("12345670", [])):
        assert products_with(catalog, number.zfill(14)) == indices
    assert products_with(catalog, "036000291452".zfill(14)) == [3]
    assert products_with(catalog, "5012345678900".zfill(14)) == [5]
    assert products_with(catalog, "5000112637922".zfill(14)) == [6]


def test_a_code_decides_and_the_picture_contradicts(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    pytest.importorskip("zxingcpp")
    demo = resources.files("shelflens") / "data" / "demo" / "studio"
    studio = sorted(path for path in Path(str(demo)).rglob("*.*") if path.is_file())[:2]
    for name, path in zip("ab", studio, strict=True):
        Image.open(path).convert("RGB").save(tmp_path / f"{name}.png")
    (tmp_path / "shop.csv").write_text(f"path,product,ean\na.png,a,{CODE}\nb.png,b,{SECOND}\n")
    catalog = tmp_path / "s.catalog"
    assert run("catalog", "build", tmp_path / "shop.csv", "--out", catalog)[0] == 0
    label = Image.fromarray(draw_photo(CODE, np.random.default_rng(1), width=500))
    label.save(tmp_path / "label.png")
    _, out, _ = run("lookup", tmp_path / "label.png", "--catalog", catalog, "--json")
    answer = json.loads(out)
    assert (answer["decision"], answer["basis"]) == ("match", "barcode")
    assert (answer["matches"][0]["id"], answer["barcodes"]) == ("a", [CODE.zfill(14)])
    picture = Image.open(tmp_path / "b.png").resize((1600, 1600))
    picture.paste(draw_label(CODE, width=440).convert("RGB"), (40, 1240))
    picture.save(tmp_path / "both.png")
    _, out, _ = run("lookup", tmp_path / "both.png", "--catalog", catalog, "--json")
    answer = json.loads(out)
    assert (answer["matches"][0]["id"], answer["basis"], answer["vision"]) == ("a", "barcode", "b")
    _, out, _ = run("lookup", tmp_path / "both.png", "--catalog", catalog)
    assert "the picture looks like b" in out
    _, out, _ = run("lookup", tmp_path / "label.png", "--catalog", catalog, "--barcode", "off")
    assert "barcode" not in out
    _, out, _ = run("lookup", tmp_path / "label.png", "--catalog", catalog)
    assert "match: a  (confidence 0.99 by its barcode" in out


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of two products of the demo with codes, `CODE` and `SECOND`."""
    folder = tmp_path_factory.mktemp("coded")
    demo = Path(str(resources.files("shelflens") / "data" / "demo" / "studio"))
    with (folder / "shop.csv").open("w", encoding="utf-8") as stream:
        stream.write("path,product,ean\n")
        for path, name, code in zip(sorted(demo.glob("*.jpg")), "ab", (CODE, SECOND), strict=False):
            Image.open(path).save(folder / f"{name}.png")
            stream.write(f"{name}.png,{name},{code}\n")
    words = ["catalog", "build", str(folder / "shop.csv"), "--out", str(folder / "s.catalog")]
    assert main(words) == 0
    return folder


def with_label(picture: Path, code: str) -> Image.Image:
    """A picture of a product with a label in a corner."""
    photo = Image.open(picture).convert("RGB").resize((1200, 1200))
    photo.paste(draw_label(code, width=420).convert("RGB"), (40, 860))
    return photo


def test_the_server_answers_by_the_barcode(coded: Path) -> None:
    pytest.importorskip("zxingcpp")
    buffer = io.BytesIO()
    with_label(coded / "b.png", CODE).save(buffer, "JPEG", quality=92)
    for barcodes, first in ((True, "a"), (False, "b")):
        reloader = Reloader(coded / "s.catalog", Embedder.open)
        app = make_app(reloader, Settings(barcodes=barcodes))
        with TestClient(app, base_url="http://127.0.0.1:8080") as server:
            headers = {"content-type": "image/jpeg"}
            answer = server.post("/lookup", content=buffer.getvalue(), headers=headers).json()
            described = server.get("/openapi.json").json()["components"]
        OAS31Validator({**described["schemas"]["Answer"], "components": described}).validate(answer)
        assert answer["matches"][0]["id"] == first
        assert (answer["basis"] == "barcode") == barcodes
        assert answer.get("vision") == ("b" if barcodes else None)


def test_watch_answers_by_the_barcode(coded: Path) -> None:
    pytest.importorskip("zxingcpp")
    catalog, embedder = Catalog.open(coded / "s.catalog"), Embedder.open(threads=1)
    plain = np.asarray(Image.open(coded / "b.png").convert("RGB").resize((640, 640)))
    label = np.asarray(with_label(coded / "b.png", CODE).resize((800, 800)))
    counter = np.full((480, 640, 3), 120, np.uint8)
    frames = [*[plain] * 20, *[counter] * 20, *[label] * 20]

    def watched(*, barcodes: bool) -> list[Sighting]:
        watcher = Watcher(catalog, embedder, barcodes=barcodes)
        seen = [watcher.see(Frame(pixels, n / 10)) for n, pixels in enumerate(frames)]
        return [sight for sight in seen if sight and sight.answer.decision != "unknown"]

    by_picture, by_code = watched(barcodes=True)
    assert by_picture.coded is None
    assert by_picture.answer.matches[0].id == "b"
    assert (by_code.to_dict()["id"], by_code.answer.basis) == ("a", "barcode")
    assert by_code.to_dict()["barcodes"] == [CODE.zfill(14)]
    off = watched(barcodes=False)
    assert {sighting.answer.matches[0].id for sighting in off} == {"b"}


def test_frames_without_a_burst_are_not_searched(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zxingcpp")
    searched: list[Photo] = []

    def search(photo: Photo) -> list[str]:
        searched.append(photo)
        return []

    monkeypatch.setattr("shelflens.watch.loop._barcodes_in", search)
    watcher = Watcher(Catalog.open(coded / "s.catalog"), Embedder.open(threads=1))
    plain = np.asarray(Image.open(coded / "b.png").convert("RGB").resize((320, 240)))
    for n in range(60):
        watcher.see(Frame(plain, n / 10))
    assert len(searched) == 1
