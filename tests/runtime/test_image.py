"""`load_image`: every format, every orientation, every kind of damage."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shelflens import PhotoError, load_image
from shelflens.errors import PhotoWarning
from shelflens.model.budget import MAX_PIXELS
from shelflens.model.colour import is_wide
from shelflens.model.image import load_reduced
from tests.support.profiles import PRIMARIES, profile

LOSSY = 6.0
"""Largest mean difference in grey levels that a lossy format may make at quality 95."""


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_lossless_formats_keep_every_pixel(picture: NDArray[np.uint8], form: str) -> None:
    data = encode(Image.fromarray(picture), form)
    assert np.array_equal(load_image(data), picture)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_lossy_formats_are_close(picture: NDArray[np.uint8], form: str) -> None:
    data = encode(Image.fromarray(picture), form, quality=95)
    assert difference(load_image(data), picture) < LOSSY


def test_gif_gives_its_first_frame() -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encode(red, "GIF", save_all=True, append_images=[blue])
    assert load_image(data)[0, 0].tolist() == [255, 0, 0]


def test_path_bytes_picture_and_array_agree(photo: Path) -> None:
    expected = load_image(photo, size=64)
    assert np.array_equal(load_image(str(photo), size=64), expected)
    assert np.array_equal(load_image(photo.read_bytes(), size=64), expected)
    with Image.open(photo) as image:
        assert np.array_equal(load_image(image, size=64), expected)
    assert np.array_equal(load_image(load_image(photo), size=64), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [None, 48])
def test_every_exif_orientation_comes_upright(
    picture: NDArray[np.uint8], orientation: int, size: int | None
) -> None:
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    upright = Image.fromarray(picture)
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:  # Pillow's own reading as the oracle
        oracle = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(oracle, picture)
    expected = load_image(picture, size=size)
    # A stretched square is turned after it was shrunk: rounding may differ by a level or two.
    assert np.abs(load_image(data, size=size).astype(int) - expected).max() <= 2


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_lose_the_picture(picture: NDArray[np.uint8]) -> None:
    data = encode(Image.fromarray(picture), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f broken")
    assert load_image(data, size=32).shape == (32, 32, 3)


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert load_image(encode(clear, "PNG")).min() == 255
    half = Image.new("LA", (4, 4), (0, 128))
    assert abs(int(load_image(encode(half, "PNG"))[0, 0, 0]) - 127) <= 1
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] + [0] * 765)
    assert load_image(encode(palette, "PNG"))[0, 0].tolist() == [10, 20, 30]
    assert load_image(encode(palette, "PNG", transparency=0)).min() == 255


def test_sixteen_bit_grey_keeps_its_range() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pixels = load_image(encode(Image.fromarray(ramp), "PNG"))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[-1, -1].tolist() == [255, 255, 255]
    assert abs(int(pixels[4, 0, 0]) - 130) <= 2


def test_cmyk_jpeg_keeps_its_colours() -> None:
    red = Image.new("RGB", (32, 32), (230, 30, 30)).convert("CMYK")
    pixels = load_image(encode(red, "JPEG", quality=95), size=32)
    assert difference(pixels, np.full((32, 32, 3), (230, 30, 30), np.uint8)) < LOSSY


def test_scaled_decoding_is_close_to_full_decoding() -> None:
    generator = np.random.default_rng(0)
    smooth = Image.fromarray(generator.integers(0, 255, (30, 40, 3), dtype=np.uint8))
    large = smooth.resize((2400, 1800), Image.Resampling.BICUBIC)
    data = encode(large, "JPEG", quality=92)
    full = load_image(load_image(data), size=192)
    assert difference(load_image(data, size=192), full) < 2.0


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([None, 1, 7, 32]))
def test_shape_and_type_hold_for_any_size(width: int, height: int, size: int | None) -> None:
    pixels = load_image(encode(Image.new("RGB", (width, height), "teal"), "PNG"), size=size)
    assert pixels.dtype == np.uint8
    assert pixels.shape == ((height, width, 3) if size is None else (size, size, 3))
    assert np.abs(pixels.astype(int) - (0, 128, 128)).max() <= 1


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::shelflens.errors.PhotoWarning")
@settings(max_examples=300)
@given(st.data())
def test_corrupted_files_raise_only_photo_errors(data: Any) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP"]))
    noise = np.random.default_rng(3).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    whole = bytearray(encode(Image.fromarray(noise), form))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert load_image(bytes(whole), size=16).shape == (16, 16, 3)
    except PhotoError as error:
        assert "\n" not in str(error)


def test_not_a_picture(tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("milk, eggs")
    with pytest.raises(PhotoError, match="not a picture"):
        load_image(text)


def test_truncated_jpeg(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:900])
    with pytest.raises(PhotoError, match="cut short"):
        load_image(photo)


def test_empty_file_folder_and_missing_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match="0 bytes"):
        load_image(tmp_path / "empty.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(PhotoError, match="0 bytes"):
        load_image(b"")
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "none.jpg")


def png_bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [30_000, 10_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_by_the_stated_limit(side: int) -> None:
    with pytest.raises(PhotoError, match="89,478,485"):
        load_image(png_bomb(side), size=64)


def test_a_bomb_is_refused_where_warnings_are_errors() -> None:
    with pytest.raises(PhotoError, match="89,478,485"):
        load_image(png_bomb(10_000), size=64)  # below Pillow's own error, above its warning


def test_arrays_of_another_kind_are_refused() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(PhotoError, match="expected uint8 RGB"):
            load_image(wrong)  # type: ignore[arg-type]


def noisy(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture whose coded bytes are spread evenly over its rows."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [None, 64])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_in_its_last_bytes_is_read_with_a_warning(
    size: int | None, progressive: bool
) -> None:
    image = noisy(320, 480)
    data = encode(image, "JPEG", quality=90, progressive=progressive)
    whole = load_image(data, size=size)
    for cut in (1, 2, len(data) // 40):
        with pytest.warns(PhotoWarning, match="photo: cut short"):
            got = load_image(data[:-cut], size=size)
        rows = int(0.9 * len(whole))
        assert difference(got[:rows], whole[:rows]) < (2 if progressive else 0.5)
    # Of a progressive image all rows come with every scan: half of it has no fine detail.
    share = 0.5 if progressive else 0.9
    with pytest.raises(PhotoError, match="cut short"):
        load_image(data[: int(len(data) * share)], size=size)


def test_a_jpeg_with_dark_or_light_last_rows_is_judged_by_what_was_decoded() -> None:
    for level in (0, 255):
        image = noisy(320, 480)
        image.paste((level,) * 3, (0, 240, 320, 480))
        data = encode(image, "JPEG", quality=90)
        with pytest.warns(PhotoWarning):
            load_image(data[:-2], size=64)


def test_a_huge_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    width, height = 12_000, 9_000
    assert width * height > MAX_PIXELS
    data = encode(Image.linear_gradient("L").resize((width, height)), "JPEG", quality=40)
    small = load_image(data, size=64)
    assert abs(int(small[0, 0, 0]) - 2) < 4
    assert abs(int(small[-1, -1, 0]) - 253) < 4
    assert load_reduced(data, 300).shape == (height // 8, width // 8, 3)
    with pytest.raises(PhotoError, match="at most 89,478,485"):
        load_image(data)


def test_a_progressive_jpeg_counts_its_coefficients() -> None:
    """One that would take gigabytes is refused by its header: marker, length, 8 bit, sides."""
    frame = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 16_000, 16_000)
    frame += b"\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01"
    scan = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x00\x00"
    with pytest.raises(PhotoError, match="MiB to decode"):
        load_image(b"\xff\xd8" + frame + scan + bytes(50), size=64)
    single = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"  # baseline, a scan per component
    with pytest.raises(PhotoError, match="MiB to decode"):
        load_image(b"\xff\xd8" + frame.replace(b"\xc2", b"\xc0", 1) + single + bytes(50), size=64)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_a_tiff_of_one_page(picture: NDArray[np.uint8], options: dict[str, str]) -> None:
    data = encode(Image.fromarray(picture), "TIFF", **options)
    assert difference(load_image(data), picture) < LOSSY
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    assert load_image(encode(Image.fromarray(grey), "TIFF"))[-1, -1].tolist() == [255] * 3


def test_a_tiff_of_several_pages_or_a_raw_file_is_refused(picture: NDArray[np.uint8]) -> None:
    image = Image.fromarray(picture)
    data = encode(image, "TIFF", save_all=True, append_images=[image])
    with pytest.raises(PhotoError, match="several pages; export the page"):
        load_image(data)
    for tag, value in ((254, 1), (50706, b"\1\4\0\0")):
        with pytest.raises(PhotoError, match="raw file: export it as JPEG"):
            load_image(encode(image, "TIFF", tiffinfo={tag: value}))


def test_the_padding_of_a_bmp_is_not_transparency(picture: NDArray[np.uint8]) -> None:
    height, width = picture.shape[:2]
    body = np.zeros((height, width, 4), np.uint8)
    body[..., :3] = picture[::-1, :, ::-1]
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, body.size, 0, 0, 0, 0)
    head += masks + bytes(108 - len(head) - len(masks))
    for alpha in (0, 255):
        body[..., 3] = alpha
        data = b"BM" + struct.pack("<IHHI", 122 + body.size, 0, 0, 122) + head + body.tobytes()
        assert np.array_equal(load_image(data), picture)


def test_wide_gamut_photos_come_in_srgb(picture: NDArray[np.uint8]) -> None:
    from PIL import ImageCms

    muted = (picture.astype(float) * 0.6 + 50).astype(np.uint8)  # inside of every gamut
    expected = load_image(muted, size=48)
    for name in PRIMARIES:
        icc = profile(name)
        assert is_wide(icc) == (name != "sRGB")
        source = ImageCms.createProfile("sRGB")
        wide = ImageCms.profileToProfile(
            Image.fromarray(muted), source, ImageCms.ImageCmsProfile(io.BytesIO(icc))
        )
        assert wide is not None
        got = load_image(encode(wide, "PNG", icc_profile=icc), size=48)
        plain = load_image(np.asarray(wide), size=48)
        assert difference(got, expected) < 1.5, name
        if name == "sRGB":
            assert np.array_equal(got, plain)
        else:
            assert difference(plain, expected) > 2 * difference(got, expected)


@given(st.binary(max_size=300), st.integers(0, 440))
def test_a_damaged_profile_changes_nothing(junk: bytes, at: int) -> None:
    icc = profile("Display P3")
    image = Image.new("RGB", (8, 8), (200, 40, 40))
    data = encode(image, "PNG", icc_profile=icc[:at] + junk)
    assert load_image(data, size=8).shape == (8, 8, 3)
    assert isinstance(is_wide(junk), bool)


def test_a_photo_without_a_wide_profile_loads_no_colour_management() -> None:
    import subprocess
    import sys

    code = (
        "import io, sys; from PIL import Image; from shelflens import load_image\n"
        "b = io.BytesIO(); Image.new('RGB', (8, 8)).save(b, 'PNG', "
        f"icc_profile={profile('sRGB')!r})\n"
        "load_image(b.getvalue(), size=8); assert 'PIL.ImageCms' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
