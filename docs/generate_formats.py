"""Writes the table of formats in docs/how-to/csv.md by trying each.

`python docs/generate_formats.py`; with `--extras` it also asks the package index for the wheels of
the extras, as a 64-bit Raspberry Pi gets them, and writes what they add.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shelflens import ShelfLensError, load_image, read_dataset
from shelflens.model.formats import BASE_FORMATS, HEAD_BYTES, format_of
from shelflens.render.thumbnail import thumbnail
from shelflens.watch.sources import open_source

PAGE = Path(__file__).parent / "how-to" / "csv.md"
PYTHON, PLATFORMS = "3.11", ("manylinux_2_28_aarch64", "manylinux2014_aarch64")
EXTRAS = {"xlsx": ("openpyxl", "et_xmlfile"), "heif": ("pillow-heif",)}
"""The wheels that an extra adds to a bare install."""

SAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG (`.jpg .jpeg .jpe .jfif`), also progressive, CMYK, up to 268 million pixels": (
        "a.jpg",
        "JPEG",
        {"progressive": True},
    ),
    "MPO (stereo cameras): the first image": ("a.mpo", "MPO", {}),
    "PNG, also 16 bit": ("a.png", "PNG", {}),
    "WebP": ("a.webp", "WEBP", {}),
    "BMP": ("a.bmp", "BMP", {}),
    "GIF: the first frame": ("a.gif", "GIF", {}),
    "TIFF of one page": ("a.tif", "TIFF", {"compression": "tiff_lzw"}),
    "AVIF, with Pillow 11.3 or newer; HEIC (iPhones), with `[heif]`": ("a.avif", "AVIF", {}),
}
"""File name, Pillow's format and options of a sample of each."""
HEAD = "| format | lookup | build | page (`--images`) | serve (uploads) | watch (a folder) |"


def sample(form: str, options: dict[str, Any]) -> bytes:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((64, 64)).save(stream, form, **options)
    return stream.getvalue()


def uses(path: Path) -> dict[str, Callable[[], object]]:
    """What is tried with a photo that lies in a folder of its own, by column of the table."""
    folder = path.parent
    return {
        "lookup": lambda: load_image(path, size=32),
        "build": lambda: read_dataset(folder.parent),
        "page": lambda: thumbnail(path, 32, "WEBP"),
        "serve": lambda: BASE_FORMATS.index(format_of(path.read_bytes()[:HEAD_BYTES])),
        "watch": lambda: list(open_source(str(folder), fps=1000)),
    }


def works(action: Callable[[], object]) -> bool:
    """Whether something ends without an error."""
    try:
        action()
    except (ShelfLensError, OSError, ValueError):
        return False
    return True


def rows() -> list[str]:
    """The rows of the table, each cell found by trying."""
    lines = [HEAD, "|" + " --- |" * 6]
    with tempfile.TemporaryDirectory() as home:
        for number, (title, (name, form, options)) in enumerate(SAMPLES.items()):
            path = Path(home) / str(number) / "tea" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(sample(form, options))
            cells = ["yes" if works(action) else "no" for action in uses(path).values()]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def extra_sizes() -> str:
    """What the extras add to a 64-bit Raspberry Pi, unpacked."""
    said = []
    for extra, packages in EXTRAS.items():
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary=:all:", "--python-version", PYTHON, "--dest", home]
            for platform in PLATFORMS:
                command += ["--platform", platform]
            subprocess.run([*command, *packages], check=True)
            wheels = [zipfile.ZipFile(path) for path in Path(home).iterdir()]
            size = sum(info.file_size for wheel in wheels for info in wheel.infolist())
            packed = sum(path.stat().st_size for path in Path(home).iterdir())
        said.append(f"`[{extra}]` {size / 1e6:.1f} MB ({packed / 1e6:.1f} to download)")
    return "What an extra adds on a 64-bit Raspberry Pi: " + ", ".join(said) + "."


def page(text: str, *, extras: bool = False) -> str:
    """The page with its table written again."""
    start = text.index(HEAD)
    end = text.index("\n\n", start)
    text = text[:start] + "\n".join(rows()) + text[end:]
    if extras:
        text = re.sub(r"What an extra adds on a 64-bit .*?\)\.", lambda _: extra_sizes(), text)
    return text


if __name__ == "__main__":
    written = page(PAGE.read_text(encoding="utf-8"), extras="--extras" in sys.argv)
    PAGE.write_text(written, encoding="utf-8")
