"""A shop of 40 products with the files that shops really have.

`python -m tests.support.messy_shop DIR` writes it; all pictures are made here. What `shelflens
catalog build` says of it stands in docs/how-to/csv.md.
"""

from __future__ import annotations

import io
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.support.profiles import profile

PRODUCTS = 40
SIDE = 320


def pack(seed: int) -> Image.Image:
    """A package: a ground, and shapes of a few colours."""
    generator = np.random.default_rng(seed)
    colours = [tuple(map(int, generator.integers(20, 236, 3))) for _ in range(5)]
    image = Image.new("RGB", (SIDE, SIDE), (246, 244, 240))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 24, 260, 296), 18, fill=colours[0])
    for colour in colours[1:]:
        x, y = map(int, generator.integers(70, 200, 2))
        width, height = map(int, generator.integers(20, 90, 2))
        shape = draw.ellipse if generator.random() < 0.5 else draw.rectangle
        shape((x, y, min(x + width, 258), min(y + height, 290)), fill=colour)
    draw.text((80, 40), f"No. {seed}", fill=(255, 255, 255))
    return image.filter(ImageFilter.GaussianBlur(0.6))


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def special_photos() -> dict[str, bytes]:
    """Photos of other formats and in other states, by file name, one for a product each."""
    images = {number: pack(number) for number in range(30, PRODUCTS + 1)}
    grey = np.asarray(images[33].convert("L")).astype(np.uint16) * 257
    layered = images[34].copy()
    layered.putalpha(200)
    jpeg = encoded(images[36], quality=92)
    return {
        "30.jfif": encoded(images[30], quality=90),
        "31.tif": encoded(images[31], "TIFF", compression="tiff_lzw"),
        "32.jpg": encoded(images[32], quality=92, icc_profile=profile("Display P3")),
        "33.png": encoded(Image.fromarray(grey), "PNG"),
        "34.webp": encoded(layered, "WEBP"),
        "35.jpg": encoded(images[35].convert("CMYK"), quality=90),
        "36.jpg": jpeg[:-20],  # a cheap camera lost the end
        "37.jpg": jpeg[: len(jpeg) // 2],
        "38.HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000),
        "39.jpg": b"<html>404 Not Found</html>",
    }


def make(folder: Path) -> Path:
    """Write the shop into a folder.

    Returns:
        Its list of products, `products.csv`.
    """
    photos = folder / "photos"
    photos.mkdir(parents=True)
    rows = ["sep=;", " Path ;PRODUCT;name;Price"]
    for number in range(1, 30):
        (photos / f"{number}.jpg").write_bytes(encoded(pack(number), quality=90))
    for name, content in special_photos().items():
        (photos / name).write_bytes(content)
    ids = {n: f"76100000000{n:02d}" for n in range(1, PRODUCTS + 1)}
    ids |= {2: "牛乳\u30001L", 3: "café\u00a0250\u00a0g", 4: "نان\u200cلواش", 5: " crème 007 "}
    for number in range(1, 30):
        rows.append(f"photos/{number}.jpg;{ids[number]};Pack {number};{number},90")
    rows += ["", ";;;"]
    named = dict(enumerate(special_photos(), 30))
    rows += [f"photos\\{name};{ids[n]};Pack {n};{n},90 €" for n, name in named.items()]
    rows.append(f"photos/gone.jpg;{ids[40]};Pack 40;40,90")
    rows.append(f"photos/1 side.jpg;{ids[1]};Pack one;1,90")  # disagrees about the name
    (photos / "1 side.jpg").write_bytes(encoded(pack(1).rotate(8, fillcolor="white"), quality=90))
    rows.append(f"more.zip/shop/2 side.jpg;{ids[2]};;")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("shop/2 side.jpg", encoded(pack(2).rotate(8, fillcolor="white")))
    (photos / "7.jpg").write_bytes((photos / "6.jpg").read_bytes())  # copied by mistake
    half = pack(8).resize((SIDE // 2, SIDE // 2))
    (photos / "9.jpg").write_bytes(encoded(half, quality=60))
    text = unicodedata.normalize("NFD", "\r\n".join([*rows, ""]))
    (folder / "products.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return folder / "products.csv"


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
