"""A whole store on disk: pictures in folders, and CSV files that say what they show."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from shelflens_train.synthetic.assortment import invent_products
from shelflens_train.synthetic.product import SyntheticProduct
from shelflens_train.synthetic.scenes.phone import phone_photo
from shelflens_train.synthetic.studio import studio_image

COLUMNS = ("path", "product", "name", "brand", "category", "price")
NEIGHBOURS = 10
"""Products that may stand around one; few, so that their cut-outs stay in memory."""

Row = tuple[str, SyntheticProduct]


def synthesize_store(
    out: Path, *, products: int, photos: int, seed: int, held_out: int = 0, quality: int = 85
) -> None:
    """Writes a store into a folder.

    Writes ``studio/<id>.jpg`` and ``photos/<id>-1.jpg``... for each enrolled product, listed in
    ``studio.csv`` and ``photos.csv`` and, together, in ``all.csv``. Products held out have photos
    only, ``unknown/<id>-1.jpg``..., listed in ``unknown.csv``. Paths in a CSV are relative to it.

    Half of the held-out products (rounded up) are whole families that the store does not sell; they
    come first in ``unknown.csv``. The others are flavours missing from enrolled families: the
    harder case, told from an enrolled look-alike by one word and one colour. Where the families
    invented do not allow this split, the sum still holds.

    Args:
        out: Folder; made if missing. Files of the same name are replaced.
        products: How many products there are, those held out included.
        photos: Phone photos per product.
        seed: Any integer from 0.
        held_out: How many of the products are not enrolled.
        quality: JPEG quality, 1 to 95.

    Raises:
        ValueError: If a number is out of range.
    """
    if photos < 1:
        raise ValueError(f"photos must be 1 or more, got {photos}")
    if not 0 <= held_out < products:
        raise ValueError(
            f"held_out must be 0 to {products - 1} of {products} products, got {held_out}"
        )
    if not 1 <= quality <= 95:
        raise ValueError(f"quality must be 1 to 95, got {quality}")
    everything = invent_products(products, seed=seed)
    unknown = hold_out(everything, held_out)
    unknown_ids = {product.id for product in unknown}
    enrolled = [product for product in everything if product.id not in unknown_ids]
    for folder in ("studio", "photos", *(["unknown"] if unknown else [])):
        (out / folder).mkdir(parents=True, exist_ok=True)
    studio_rows: list[Row] = []
    photo_rows: list[Row] = []
    unknown_rows: list[Row] = []
    for index, product in enumerate(everything):
        around = [everything[(index + i) % products] for i in range(1, NEIGHBOURS + 1)]
        known = product.id not in unknown_ids
        if known:
            path = f"studio/{product.id}.jpg"
            _save(studio_image(product), out / path, quality)
            studio_rows.append((path, product))
        for number in range(1, photos + 1):
            path = f"{'photos' if known else 'unknown'}/{product.id}-{number}.jpg"
            picture = phone_photo(product, seed=seed * 1000 + number, neighbours=around)
            _save(picture, out / path, quality)
            (photo_rows if known else unknown_rows).append((path, product))
    order = {product.id: index for index, product in enumerate([*enrolled, *unknown])}
    unknown_rows.sort(key=lambda row: order[row[1].id])
    _write(out / "studio.csv", studio_rows)
    _write(out / "photos.csv", photo_rows)
    _write(out / "all.csv", [*studio_rows, *photo_rows])
    if unknown:
        _write(out / "unknown.csv", unknown_rows)


def hold_out(products: list[SyntheticProduct], count: int) -> list[SyntheticProduct]:
    """Chooses products to hold out: half as whole families, half as flavours of enrolled families.

    Args:
        products: Of one store, families together.
        count: How many to choose; less than there are.

    Returns:
        Whole families first, then single flavours.
    """
    families: dict[str, list[SyntheticProduct]] = {}
    for product in products:
        families.setdefault(product.family, []).append(product)
    chosen: list[SyntheticProduct] = []
    for family in list(reversed(families.values())):
        if len(chosen) + len(family) <= (count + 1) // 2:
            chosen += family
            del families[family[0].family]
    # One flavour of each larger family in turn, so that every such family keeps an enrolled member.
    spare = [family for family in reversed(families.values()) if len(family) > 1]
    while len(chosen) < count and spare:
        for family in list(spare):
            if len(chosen) < count:
                chosen.append(family.pop())
            if len(family) == 1:
                spare.remove(family)
    left = [family[0] for family in reversed(families.values()) if family[0] not in chosen]
    return chosen + left[: count - len(chosen)]


def _save(picture: Image.Image, path: Path, quality: int) -> None:
    picture.save(path, "JPEG", quality=quality)


def _write(file: Path, rows: Iterable[Row]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for path, product in rows:
            price = f"{product.price:.2f}"
            writer.writerow(
                (path, product.id, product.name, product.brand, product.category, price)
            )
