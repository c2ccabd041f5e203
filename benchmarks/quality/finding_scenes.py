"""Pictures of several products, with exact boxes and masks, of products that no finder trained on.

The products are those of the domains `ycb` and `packs` (all of YCB, the brands of odd number), in
views that are not enrolled; the backgrounds are photos of garments that the finder's training left
out. Written apart from the training's scenes (`shelflens_train.finder.scenes`).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.quality.domain_sets import Row, packs_to_judge
from shelflens.finding.regions import Box

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Composite:
    """A picture of one to five products."""

    pixels: NDArray[np.uint8]
    """uint8 [480, 640, 3]."""
    shown: NDArray[np.bool_]
    """[480, 640], where any product is."""
    products: list[str]
    boxes: list[Box]
    """Of what is seen of each product."""


def composites(cache: Path, count: int, seed: int) -> list[Composite]:
    """As many pictures: one product in every fifth, two to five in the others.

    Args:
        cache: As `benchmarks.recipe.images` makes it.
        count: Of pictures.
        seed: Of all chance.
    """
    with (cache / "index.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    views = [row for row in rows if row["domain"] == "ycb"]
    views += packs_to_judge([row for row in rows if row["domain"] == "packs"])
    behind = [row for row in rows if row["domain"] == "garments"][::10][:400]
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        wanted = 1 if number % 5 == 0 else int(rng.integers(2, 6))
        chosen = [views[index] for index in rng.choice(len(views), wanted, replace=False)]
        background = behind[int(rng.integers(len(behind)))]
        made.append(_composite(cache, chosen, background, rng))
    return made


def _composite(
    cache: Path, rows: Sequence[Row], background: Row, rng: np.random.Generator
) -> Composite:
    with Image.open(cache / background["path"]) as opened:
        canvas = opened.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        canvas = canvas.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 10))))
    owner = np.zeros((HEIGHT, WIDTH), np.int16)
    products = [row["identity"] for row in rows]
    around = (0.85, 0.62, 0.5, 0.44, 0.4)[len(rows) - 1]
    for number, row in enumerate(rows, 1):
        with Image.open(cache / row["path"]) as opened:
            thing = opened.convert("RGBA")
        thing = thing.crop(thing.getbbox() or (0, 0, *thing.size))
        thing = thing.rotate(float(rng.uniform(-25, 25)), Image.Resampling.BICUBIC, expand=True)
        scale = float(rng.uniform(0.6, 1.0)) * around * HEIGHT / max(thing.size)
        shape = (max(8, round(thing.width * scale)), max(8, round(thing.height * scale)))
        thing = thing.resize(shape, Image.Resampling.BILINEAR)
        for _ in range(20):  # where it hides little of what lies there
            left, top = (
                int(rng.integers(0, b - a)) for a, b in zip(shape, (WIDTH, HEIGHT), strict=True)
            )
            if (owner[top : top + shape[1], left : left + shape[0]] > 0).mean() < 0.05:
                break
        canvas.paste(thing, (left, top), thing)
        opaque = np.asarray(thing.getchannel("A")) > 127
        owner[top : top + shape[1], left : left + shape[0]][opaque] = number
    canvas = ImageEnhance.Brightness(canvas).enhance(float(rng.uniform(0.6, 1.25)))
    if rng.random() < 0.3:
        canvas = canvas.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2))))
    kept = [(product, _box(owner == number)) for number, product in enumerate(products, 1)]
    shown = [(product, box) for product, box in kept if box is not None]
    return Composite(
        np.array(canvas), owner > 0, [product for product, _ in shown], [box for _, box in shown]
    )


def _box(mine: NDArray[np.bool_]) -> Box | None:
    rows, columns = np.nonzero(mine)
    if not len(rows):
        return None
    return (
        columns.min() / WIDTH,
        rows.min() / HEIGHT,
        (columns.max() + 1) / WIDTH,
        (rows.max() + 1) / HEIGHT,
    )
