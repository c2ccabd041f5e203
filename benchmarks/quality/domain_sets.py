"""The shops of `domains.py`: what each sells, what is enrolled, what is asked.

    groceries   40 products (odd class ids of Grocery): the manufacturer's image; phone photos
    ycb         79 objects: one rendered angle on white; other angles in a scene
    packs       look-alike variants of 70 brands: one view on white; other views in a scene
    synthetic   80 drawn products of a seed that no training uses: studio image; phone photos
    catalogue   a clothing shop's pictures: the main one; back and other views (real second images)
    garments    phone photos of garments: a photo; the same photo made into others
    objects     photos of household and other objects: a photo; the same photo made into others

Scenes, and second photos where a set has none, come from `domain_views` with fixed seeds.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.domain_views import in_scene, on_white, photographed_again
from shelflens import load_image

SIDE = 224
SHOTS = 3
MAX_QUERIES = 10
"""Per product, so that none counts for more than the others."""
SINGLE_PHOTOS = 300
"""Products of a domain whose things have one photo each."""
SYNTHETIC_SEED = 20261127
Row = dict[str, str]


@dataclass(frozen=True)
class Domain:
    """One shop: images, what they show, and what each is for."""

    name: str
    pixels: NDArray[np.uint8]
    """uint8 [n, 224, 224, 3]."""
    products: NDArray[np.str_]
    roles: NDArray[np.str_]
    """"reference" (one per product), "shot" (three) or "query"."""

    def of(self, *roles: str) -> NDArray[np.int64]:
        """Indices of the images with one of these roles."""
        found: NDArray[np.int64] = np.flatnonzero(np.isin(self.roles, roles))
        return found


class _Maker:
    """Collects the images of one domain."""

    def __init__(self, name: str, backgrounds: list[Image.Image]) -> None:
        self.name, self._backgrounds = name, backgrounds
        self._rows: list[tuple[NDArray[np.uint8], str, str]] = []

    def generator(self, product: str, number: int) -> np.random.Generator:
        """Chance for one image, whatever the order."""
        return np.random.default_rng([zlib.crc32(f"{self.name}/{product}".encode()), number])

    def background(self, generator: np.random.Generator) -> Image.Image:
        """A photo to lie behind."""
        return self._backgrounds[int(generator.integers(len(self._backgrounds)))]

    def add(self, pixels: NDArray[np.uint8], product: str, role: str) -> None:
        """One image."""
        self._rows.append((pixels, product, role))

    def done(self) -> Domain:
        """The domain."""
        pixels, products, roles = zip(*self._rows, strict=True)
        return Domain(self.name, np.stack(pixels), np.array(products), np.array(roles))


def domains(cache: Path, synthetic: Path) -> list[Domain]:
    """All domains; made once and kept below the cache.

    Args:
        cache: As `benchmarks.recipe.images` makes it.
        synthetic: A drawn store (`shelflens synthesize --products 80 --photos 5 --seed 20261127`).
    """
    with (cache / "index.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    by_domain: dict[str, list[Row]] = {}
    for row in rows:
        by_domain.setdefault(row["domain"], []).append(row)
    photos = by_domain["garments"][::10][:400]
    backgrounds = [Image.open(cache / row["path"]).convert("RGB") for row in photos]

    def single(name: str) -> Callable[[_Maker], None]:
        return lambda maker: _single_photos(maker, cache, by_domain[name])

    makers: dict[str, Callable[[_Maker], None]] = {
        "groceries": lambda maker: _groceries(maker, cache, by_domain["groceries"]),
        "ycb": lambda maker: _cutouts(maker, cache, by_domain["ycb"], queries=8),
        "packs": lambda maker: _cutouts(
            maker, cache, packs_to_judge(by_domain["packs"]), queries=2
        ),
        "synthetic": lambda maker: _synthetic(maker, synthetic),
        "catalogue": lambda maker: _catalogue(maker, cache, by_domain["catalogue"]),
        "garments": single("garments"),
        "objects": single("objects"),
    }
    found = []
    for name, fill in makers.items():
        file = cache / "domains" / f"{name}.npz"
        if not file.exists():
            maker = _Maker(name, backgrounds)
            fill(maker)
            file.parent.mkdir(exist_ok=True)
            domain = maker.done()
            np.savez(file, pixels=domain.pixels, products=domain.products, roles=domain.roles)
        with np.load(file) as arrays:
            found.append(Domain(name, arrays["pixels"], arrays["products"], arrays["roles"]))
    return found


def packs_to_judge(rows: list[Row]) -> list[Row]:
    """The brands of odd number; a recipe that trains on packs may train on the others."""
    return [row for row in rows if int(row["identity"].split("/")[1][:5]) % 2]


def _by_identity(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["identity"], []).append(row)
    return found


def _groceries(maker: _Maker, cache: Path, rows: list[Row]) -> None:
    for product, mine in _by_identity(rows).items():
        if int(product.split("/")[1]) % 2 == 0:
            continue
        photos = [row for row in mine if row["split"] != "iconic"]
        order = maker.generator(product, 0).permutation(len(photos))[: SHOTS + MAX_QUERIES]
        for row in mine:
            if row["split"] == "iconic":
                maker.add(load_image(cache / row["path"], size=SIDE), product, "reference")
        for position, index in enumerate(order):
            role = "shot" if position < SHOTS else "query"
            maker.add(load_image(cache / photos[index]["path"], size=SIDE), product, role)


def _cutouts(maker: _Maker, cache: Path, rows: list[Row], *, queries: int) -> None:
    for product, mine in _by_identity(rows).items():
        images = [Image.open(cache / row["path"]).convert("RGBA") for row in mine]
        reference = typical(images)
        maker.add(on_white(images[reference], SIDE), product, "reference")
        rest = [index for index in range(len(images)) if index != reference]
        order = maker.generator(product, 0).permutation(rest)[: SHOTS + queries]
        for position, index in enumerate(order):
            generator = maker.generator(product, position + 1)
            view = in_scene(images[index], maker.background(generator), generator, SIDE)
            maker.add(view, product, "shot" if position < SHOTS else "query")


def typical(images: list[Image.Image]) -> int:
    """The view whose colours are most like those of the others: a front, not a back or a lid."""
    histograms = []
    for image in images:
        pixels = np.asarray(image.resize((64, 64)))
        shown = pixels[pixels[..., 3] > 128][:, :3] // 64
        bins = shown @ np.array([16, 4, 1])
        histograms.append(np.bincount(bins, minlength=64) / max(1, len(bins)))
    stacked = np.stack(histograms)
    overlap = np.minimum(stacked[:, None], stacked[None]).sum(axis=(1, 2))
    return int(overlap.argmax())


def _synthetic(maker: _Maker, store: Path) -> None:
    for name, role in (("studio", "reference"), ("photos", "")):
        with (store / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                number = row["path"].rsplit("-", 1)[-1].split(".")[0]
                mine = role or ("shot" if int(number) <= SHOTS else "query")
                maker.add(load_image(store / row["path"], size=SIDE), row["product"], mine)


def _catalogue(maker: _Maker, cache: Path, rows: list[Row]) -> None:
    for product, mine in _by_identity(rows).items():
        if len(mine) < 2:
            continue
        main = min(mine, key=lambda row: ("main" not in row["origin"], row["origin"]))
        maker.add(load_image(cache / main["path"], size=SIDE), product, "reference")
        photo = Image.open(cache / main["path"]).convert("RGB")
        for number in range(SHOTS):
            generator = maker.generator(product, number + 1)
            view = photographed_again(photo, maker.background(generator), generator, SIDE)
            maker.add(view, product, "shot")
        for row in mine:
            if row is not main:
                maker.add(load_image(cache / row["path"], size=SIDE), product, "query")


def _single_photos(maker: _Maker, cache: Path, rows: list[Row]) -> None:
    order = np.random.default_rng(zlib.crc32(maker.name.encode())).permutation(len(rows))
    for index in order[:SINGLE_PHOTOS]:
        row = rows[index]
        photo = Image.open(cache / row["path"]).convert("RGB")
        maker.add(load_image(photo, size=SIDE), row["identity"], "reference")
        for number in range(SHOTS + 2):
            generator = maker.generator(row["identity"], number + 1)
            view = photographed_again(photo, maker.background(generator), generator, SIDE)
            maker.add(view, row["identity"], "shot" if number < SHOTS else "query")
