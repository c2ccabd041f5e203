"""Barcodes: numbers and their check digits, and reading them from drawn photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shelflens.barcode.gtin import check_digit, gtin
from shelflens.barcode.reader import LONGEST, grey_of, read_barcodes, regions
from tests.support.barcodes import draw_photo


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


@given(st.text("0123456789", min_size=12, max_size=12).filter(lambda digits: int(digits) > 0))
def test_a_wrong_digit_is_found(digits: str) -> None:
    whole = digits + check_digit(digits)
    assert gtin(whole) == whole.zfill(14)
    for index in range(len(whole)):
        other = str((int(whole[index]) + 1) % 10)
        assert gtin(whole[:index] + other + whole[index + 1 :]) is None


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
