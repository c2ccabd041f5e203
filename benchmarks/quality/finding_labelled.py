"""Boxes on 100 real photos, labelled by hand: test photos of the Grocery Store Dataset.

`finding_labels.csv` has them as numbers, by the photo's path in the dataset and the SHA-256 of its
file; no photo is copied. Every ninth official test photo of the packages and of the melons (the
kinds whose units stand apart), the first 100 of them. One row is a box, as shares of the picture:

    product     one unit that can be seen apart: the carton in a hand, each melon of a few
    crowd       where there are products without a box of their own, as in COCO: goods on the
                shelves behind, the units of a heap that hide each other
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.quality.grocery import GROCERY
from shelflens.errors import DataError
from shelflens.finding.finder import Finder
from shelflens.finding.metrics import average_precision
from shelflens.finding.regions import Box, iou, main_region, regions_of
from shelflens.finding.tiles import find_closely
from shelflens.model.image import load_image
from shelflens.progress import Progress

LABELS = Path(__file__).with_name("finding_labels.csv")
RANKED = 0.02
"""Score from which regions count for AP50, which ranks them all."""
_SIDES = ("left", "top", "right", "bottom")


@dataclass
class Labelled:
    """A photo and the boxes on it."""

    path: Path
    products: list[Box] = field(default_factory=list)
    crowds: list[Box] = field(default_factory=list)


def read_labels(labels: Path = LABELS, photos: Path = GROCERY) -> list[Labelled]:
    """The labelled photos.

    Args:
        labels: The table.
        photos: The dataset's folder.

    Raises:
        DataError: a photo is another one than the labels were made on.
        FileNotFoundError: no such photo.
    """
    found: dict[str, Labelled] = {}
    with labels.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            name = row["photo"]
            if name not in found:
                found[name] = Labelled(photos / name)
                held = hashlib.sha256(found[name].path.read_bytes()).hexdigest()
                if held != row["sha256"]:
                    raise DataError(
                        f"{found[name].path}: expected the photo with SHA-256 {row['sha256']}, got "
                        f"{held}; take the Grocery Store Dataset as it was published"
                    )
            left, top, right, bottom = (float(row[side]) for side in _SIDES)
            kind = found[name].products if row["kind"] == "product" else found[name].crowds
            kind.append((left, top, right, bottom))
    return list(found.values())


def labelled(finder: Finder) -> dict[str, Any]:
    """AP50 on these photos, and how often the main region is a product that has a box."""
    photos = read_labels()
    once, closely, mains = [], [], 0
    with Progress("labelled", len(photos)) as bar:
        for number, photo in enumerate(photos, 1):
            cells = finder.cells(load_image(photo.path, size=finder.card.size))
            once.append(regions_of(cells, min_score=RANKED))
            closely.append(find_closely(finder, load_image(photo.path), min_score=RANKED))
            main = main_region(regions_of(cells))
            mains += main is not None and any(iou(main.box, box) >= 0.5 for box in photo.products)
            bar.update(number)
    wanted, crowds = [photo.products for photo in photos], [photo.crowds for photo in photos]
    return {
        "photos": len(photos),
        "products": sum(map(len, wanted)),
        "box AP50, whole photo": average_precision(once, wanted, crowds=crowds),
        "box AP50, with tiles": average_precision(closely, wanted, crowds=crowds),
        "main region is a product": mains / len(photos),
    }
