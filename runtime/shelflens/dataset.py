"""DATA: photos and the products they show, from a folder or a CSV."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

from shelflens.errors import CatalogError, DataError
from shelflens.product_ids import check_id

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})


@dataclass(frozen=True)
class LabelledImage:
    """One photo and its product."""

    path: Path
    product: str


@dataclass(frozen=True)
class Dataset:
    """What a DATA holds."""

    items: list[LabelledImage]
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Texts by column, per product id."""

    @property
    def paths(self) -> list[Path]:
        """The photos."""
        return [item.path for item in self.items]

    @property
    def labels(self) -> list[str]:
        """The product id of each photo."""
        return [item.product for item in self.items]


def read_dataset(data: str | os.PathLike[str]) -> Dataset:
    """List the photos of a DATA.

    A folder holds one folder per product, nested as deep as one likes; the product id is the
    folder's relative path with `/` between its parts. A CSV has columns `path` and `product`
    and any further ones, which become the product's attributes; paths are relative to the CSV.
    The photos themselves are not opened.

    Raises:
        DataError: no photos, columns missing, a row without path or product, an impossible id.
        FileNotFoundError: no such folder or file.
    """
    source = Path(data)
    if not source.exists():
        raise FileNotFoundError(2, "no such folder or CSV", str(source))
    try:
        photos = _from_folder(source) if source.is_dir() else _from_csv(source)
        for product in dict.fromkeys(photos.labels):
            check_id(product)
    except CatalogError as error:
        raise DataError(f"{source}: {error}") from error
    return photos


def read_unlabelled(data: str | os.PathLike[str]) -> Dataset:
    """List the photos of a DATA whose labels are not needed: a folder may hold them directly.

    Photos that lie in the folder itself are labelled by their file's name; else as `read_dataset`.

    Raises:
        DataError, FileNotFoundError: as `read_dataset`.
    """
    source = Path(data)
    loose = [
        one
        for one in (sorted(source.iterdir()) if source.is_dir() else ())
        if one.suffix.lower() in SUFFIXES and not one.name.startswith(".")
    ]
    if loose:
        return Dataset([LabelledImage(path, path.stem) for path in loose])
    return read_dataset(source)


def merge(parts: list[Dataset]) -> Dataset:
    """Several DATA as one; products of the same id are one product."""
    attributes: dict[str, dict[str, str]] = {}
    for part in parts:
        for product, columns in part.attributes.items():
            attributes.setdefault(product, {}).update(columns)
    return Dataset([item for part in parts for item in part.items], attributes)


def _from_folder(root: Path) -> Dataset:
    items = []
    loose = 0
    for folder, below, names in os.walk(root, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith("."))
        product = Path(folder).relative_to(root).as_posix()
        for name in sorted(names):
            if name.startswith(".") or Path(name).suffix.lower() not in SUFFIXES:
                continue
            if product == ".":
                loose += 1
            else:
                items.append(LabelledImage(Path(folder) / name, product))
    if not items:
        hint = f" ({loose} lie in the folder itself)" if loose else ""
        raise DataError(
            f"{root}: no photos in product folders{hint}; expected one folder per product with "
            "JPEG, PNG, WebP, BMP or GIF files"
        )
    return Dataset(items)


def _from_csv(source: Path) -> Dataset:
    items = []
    attributes: dict[str, dict[str, str]] = {}
    try:
        # utf-8-sig: spreadsheets put a byte-order mark first.
        with source.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            if missing := [name for name in ("path", "product") if name not in columns]:
                raise DataError(
                    f"{source}: no column {missing[0]!r}; expected path,product and any others, "
                    f"got {','.join(columns)[:200] or 'an empty file'}"
                )
            for row in reader:
                if not row["path"] or not row["product"]:
                    raise DataError(
                        f"{source} line {reader.line_num}: expected a path and a product, "
                        f"got {row['path']!r} and {row['product']!r}"
                    )
                items.append(LabelledImage(source.parent / row["path"], row["product"]))
                known = attributes.setdefault(row["product"], {})
                for name in columns:
                    if name not in ("path", "product") and row[name]:
                        known.setdefault(name, row[name])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source}: not a CSV in UTF-8 ({error}); export it again") from error
    if not items:
        raise DataError(f"{source}: no rows; expected one per photo")
    return Dataset(items, attributes)
