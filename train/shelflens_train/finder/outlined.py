"""Photos in which products were outlined by hand: what composed scenes do not show.

A CSV with the columns `photo` (a path, from the table's folder on) and `outline`: the corners of a
product as shares of the photo's sides, `0.1,0.2 0.5,0.2 0.4,0.9`. A photo with several has several
rows; of two that overlap the later one lies in front.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from shelflens.errors import DataError, PhotoError
from shelflens.ingest.decode import decode
from shelflens.ingest.rows import find_delimiter, separator_line, split_rows
from shelflens.model.image import load_reduced
from shelflens_train.finder.scenes import Scene

SHARE = 0.1
"""Of the scenes, where there are such photos: few of them, and goods behind are not outlined."""
MIN_PART = 0.75
"""Share of each side that a part of a photo has."""
MAX_SIDE = 320
"""Pixels that both sides of a photo keep."""

Corners = list[tuple[float, float]]


def read_outlined(path: Path) -> list[Scene]:
    """The photos of a table, each as a scene of its own size.

    Raises:
        DataError: no such table, or a photo that cannot be read; names the line.
        FileNotFoundError: no such file.
    """
    text = decode(path.read_bytes(), str(path))
    named, text = separator_line(text)

    def fits(cells: list[str]) -> bool:
        return {"photo", "outline"} <= {cell.strip().lower() for cell in cells}

    rows = split_rows(text, named or find_delimiter(text, str(path), fits), str(path))
    heading = [cell.strip().lower() for cell in rows[0].cells] if rows else []
    if not fits(heading):
        raise DataError(
            f"{path}: expected columns photo and outline; got {', '.join(heading) or 'nothing'}"
        )
    outlines: dict[str, list[Corners]] = {}
    lines: dict[str, int] = {}
    for row in rows[1:]:
        cells = dict(zip(heading, row.cells, strict=False))
        photo = cells.get("photo", "").strip()
        lines.setdefault(photo, row.line)
        outlines.setdefault(photo, []).append(
            _corners(cells.get("outline", ""), f"{path} line {row.line}")
        )
    if not outlines:
        raise DataError(f"{path}: no rows below the heading; give one for each product")
    scenes = []
    for photo, products in outlines.items():
        try:
            pixels = load_reduced(path.parent / photo, MAX_SIDE)
        except (PhotoError, OSError) as error:
            raise DataError(f"{path} line {lines[photo]}: {error}") from error
        scenes.append(_scene(pixels, products))
    return scenes


def part_of(photo: Scene, rng: np.random.Generator, side: int) -> Scene:
    """A part of an outlined photo, stretched to a square as a finder sees it.

    Args:
        photo: From `read_outlined`.
        rng: All chance comes from it.
        side: Of the result, pixels.
    """
    height, width = photo.owners.shape
    across, down = (
        max(1, round(length * float(rng.uniform(MIN_PART, 1)))) for length in (width, height)
    )
    left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    box = (left, top, left + across, top + down)
    pixels = Image.fromarray(photo.pixels).crop(box).resize((side, side), Image.Resampling.BILINEAR)
    owners = Image.fromarray(photo.owners).crop(box).resize((side, side), Image.Resampling.NEAREST)
    scale = side * side / (across * down)
    return Scene(np.array(pixels), np.array(owners), [round(area * scale) for area in photo.areas])


def _scene(pixels: np.ndarray, products: list[Corners]) -> Scene:
    height, width = pixels.shape[:2]
    shown = Image.new("L", (width, height))
    areas = []
    for number, corners in enumerate(products, 1):
        points = [(x * width, y * height) for x, y in corners]
        alone = Image.new("L", (width, height))
        for image, value in ((shown, number), (alone, 1)):
            ImageDraw.Draw(image).polygon(points, fill=value)
        areas.append(int(np.count_nonzero(np.asarray(alone))))
    return Scene(pixels, np.array(shown), areas)


def _corners(text: str, where: str) -> Corners:
    try:
        corners = [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]
    except ValueError:
        corners = []
    if len(corners) < 3 or not all(0 <= value <= 1 for corner in corners for value in corner):
        raise DataError(
            f"{where}: outline {text[:60]!r}; expected three corners or more, each x,y as shares "
            "from 0 to 1"
        )
    return corners
