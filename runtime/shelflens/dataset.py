"""A dataset: images and the products they show, from a folder or a CSV."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from shelflens.errors import CatalogError, DataError
from shelflens.product_ids import check_id

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})


@dataclass(frozen=True)
class LabelledImage:
    """An image and its product."""

    path: Path
    product: str


@dataclass(frozen=True)
class Dataset:
    """Labelled images, and what is known of their products."""

    items: list[LabelledImage]
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Texts by column, per product id."""

    @property
    def paths(self) -> list[Path]:
        """The image files."""
        return [item.path for item in self.items]

    @property
    def labels(self) -> list[str]:
        """The product id of each image."""
        return [item.product for item in self.items]


def read_dataset(path: str | os.PathLike[str]) -> Dataset:
    """List the images of a dataset.

    A folder holds one folder per product, nested as deep as one likes; the product id is the
    folder's relative path with `/` between its parts. A CSV has columns `path` and `product`
    and any further ones, which become the product's attributes; paths are relative to the CSV.
    The images themselves are not opened.

    Raises:
        DataError: no photos, columns missing, a row without path or product, an impossible id.
        FileNotFoundError: no such folder or file.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(2, "no such folder or CSV", str(source))
    try:
        dataset = _from_folder(source) if source.is_dir() else _from_csv(source)
        for product_id in dict.fromkeys(dataset.labels):
            check_id(product_id)
    except CatalogError as error:
        raise DataError(f"{source}: {error}") from error
    return dataset


def read_unlabelled(path: str | os.PathLike[str]) -> Dataset:
    """List the images of a dataset whose labels are not needed: a folder may hold them directly.

    Images that lie in the folder itself are labelled by their file's name; else as `read_dataset`.

    Raises:
        DataError, FileNotFoundError: as `read_dataset`.
    """
    source = Path(path)
    loose = [
        file
        for file in (sorted(source.iterdir()) if source.is_dir() else ())
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    if loose:
        return Dataset([LabelledImage(file, file.stem) for file in loose])
    return read_dataset(source)


def merge(parts: list[Dataset]) -> Dataset:
    """Several datasets as one; products of the same id are one product."""
    attributes: dict[str, dict[str, str]] = {}
    for part in parts:
        for product_id, columns in part.attributes.items():
            attributes.setdefault(product_id, {}).update(columns)
    return Dataset([item for part in parts for item in part.items], attributes)


def _from_folder(root: Path) -> Dataset:
    items = []
    loose = 0
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        product_id = Path(folder).relative_to(root).as_posix()
        for name in sorted(names):
            if name.startswith(".") or Path(name).suffix.lower() not in SUFFIXES:
                continue
            if product_id == ".":
                loose += 1
            else:
                items.append(LabelledImage(Path(folder) / name, product_id))
    if not items:
        hint = f" ({loose} lie in the folder itself)" if loose else ""
        raise DataError(
            f"{root}: no photos in product folders{hint}; expected one folder per product with "
            "JPEG, PNG, WebP, BMP or GIF files"
        )
    return Dataset(items)


def _from_csv(source: Path) -> Dataset:
    import csv  # here and not above: a lookup reads none

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
