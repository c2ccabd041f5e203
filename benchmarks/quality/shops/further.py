"""More photos of some products of a domain, so that catalogs with up to thirty images can be tried.

Groceries have real ones. Those of the other domains are made as `domain_sets` makes them, from the
reference image and the enrolled photos only, never from the photos that are asked about.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.adapting import GROCERY_TEST, train_photos
from benchmarks.quality.domain_sets import SHOTS, SIDE, Domain
from benchmarks.quality.domain_views import photographed_again
from benchmarks.quality.grocery import GROCERY
from shelflens import load_image

PRODUCTS = 40
"""Per domain, of which there are further photos."""
PHOTOS = 24
"""Further photos per product, at most."""


def further_photos(domain: Domain, cache: Path) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Pixels uint8 [n, 224, 224, 3] and the product of each, the same ones at every call."""
    made = _real() if domain.name == GROCERY_TEST else _made(domain, cache)
    pixels, products = zip(*made, strict=True)
    return np.stack(pixels), np.array(products)


def _rows(cache: Path, domain: str) -> list[dict[str, str]]:
    with (cache / "index.csv").open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["domain"] == domain]


def _real() -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Train photos of Grocery that `grocery_test` does not enrol."""
    for number, photos in train_photos().items():
        for photo in photos[SHOTS:][:PHOTOS]:
            yield load_image(GROCERY / photo, size=SIDE), f"{number:02d}"


def _made(domain: Domain, cache: Path) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Enrolled images photographed again."""
    paths = [row["path"] for row in _rows(cache, "garments")][::10][:400]
    chosen = generator_of(domain.name, "further", 0).permutation(np.unique(domain.products))
    for product in sorted(chosen[:PRODUCTS].tolist()):
        sources = domain.of("reference", "shot")
        sources = sources[domain.products[sources] == product]
        for number in range(PHOTOS):
            generator = generator_of(domain.name, product, 1000 + number)
            photo = Image.fromarray(domain.pixels[sources[number % len(sources)]])
            with Image.open(cache / paths[int(generator.integers(len(paths)))]) as image:
                background = image.convert("RGB")
            yield photographed_again(photo, background, generator, SIDE), product


def generator_of(domain: str, product: str, number: int) -> np.random.Generator:
    """Chance for one image, as in `domain_sets`."""
    return np.random.default_rng([zlib.crc32(f"{domain}/{product}".encode()), number])
