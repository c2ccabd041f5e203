"""A dataset: images and the products they show, from a folder or a CSV."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shelflens.errors import CatalogError, DataError
from shelflens.ingest.attributes import Attributes
from shelflens.ingest.folders import Found, find_images
from shelflens.ingest.reading import Reading, join, listed
from shelflens.ingest.table import read_table
from shelflens.model.formats import is_zip
from shelflens.product_ids import check_id, clean_id


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
    reading: Reading = field(default_factory=Reading, compare=False)
    """What a person should hear about how it was read."""

    @property
    def paths(self) -> list[Path]:
        """The image files."""
        return [item.path for item in self.items]

    @property
    def labels(self) -> list[str]:
        """The product id of each image."""
        return [item.product for item in self.items]


def read_dataset(
    path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None
) -> Dataset:
    """List the images of a dataset.

    A folder holds one folder per product, nested as deep as one likes; the product id is the
    folder's relative path with `/` between its parts. So does a zip file, which is read in place.
    A table, which is a CSV, an Excel workbook or a Google Merchant feed, has columns `path` and
    `product` and any further ones, which become the product's attributes; paths are relative to
    it. The images themselves are not decoded.

    Args:
        path: The folder or file.
        columns: For a table, from our column names, lower case, to the file's.

    Raises:
        DataError: no photos, columns missing, an impossible id, or a row that cannot be read as
            the header says; names the line.
        FileNotFoundError: no such folder or CSV.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(2, "no such folder or CSV", str(source))
    if (found := _find_images(source)) is not None:
        return _from_images(source, found)
    return _from_table(source, columns or {})


def read_unlabelled(
    path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None
) -> Dataset:
    """List the images of a dataset whose labels are not needed: a folder may hold them directly.

    Images that lie in the folder or zip file itself are labelled by their file's name; else as
    `read_dataset`.

    Raises:
        DataError, FileNotFoundError: as `read_dataset`.
    """
    source = Path(path)
    if source.exists() and (found := _find_images(source)) is not None:
        loose = [file for file, folder in found.images if not folder]
        if loose:
            labelled = [LabelledImage(file, clean_id(file.stem)) for file in loose]
            return Dataset(labelled, reading=Reading(found.notes, found.skipped))
    return read_dataset(source, columns=columns)


def _find_images(source: Path) -> Found | None:
    """The images of a folder or zip file; None of a table, which a workbook is."""
    if source.is_dir():
        return find_images(source)
    with source.open("rb") as stream:
        if not is_zip(stream.read(4)):
            return None
    from shelflens.ingest.workbook import is_workbook  # here: few datasets are zip files
    from shelflens.ingest.zipped import find_zipped_images
    from shelflens.model.archive import open_archive

    archive = open_archive(source)
    return None if is_workbook(archive, str(source)) else find_zipped_images(archive)


def merge(parts: list[Dataset]) -> Dataset:
    """Several datasets as one; products of the same id are one product."""
    attributes: dict[str, dict[str, str]] = {}
    for part in parts:
        for product_id, columns in part.attributes.items():
            attributes.setdefault(product_id, {}).update(columns)
    return Dataset(
        [item for part in parts for item in part.items],
        attributes,
        join([part.reading for part in parts]),
    )


def _from_images(root: Path, found: Found) -> Dataset:
    items, notes = [], list(found.notes)
    folders: dict[str, str] = {}
    for path, folder in found.images:
        if not folder:
            continue
        product_id = _folder_id(root, folder)
        if folders.setdefault(product_id, folder) != folder:
            note = f"folders {folders[product_id]!r} and {folder!r} are one product {product_id!r}"
            notes += [note] if note not in notes else []
        items.append(LabelledImage(path, product_id))
    loose = [path.name for path, folder in found.images if not folder]
    if not items:
        raise _no_photos(root, found, len(loose))
    if loose:
        notes.append(
            f"{len(loose)} photos lie in the folder itself and belong to no product: "
            f"{listed(loose)}"
        )
    without_image = [name for name in map(clean_id, found.empty) if name not in folders]
    return Dataset(items, reading=Reading(notes, found.skipped, without_image))


def _folder_id(root: Path, folder: str) -> str:
    product_id = "/".join(map(clean_id, folder.split("/")))
    try:
        check_id(product_id)
    except CatalogError as error:
        raise DataError(f"{root}: folder {folder!r}: {error}") from error
    return product_id


def _no_photos(root: Path, found: Found, loose: int) -> DataError:
    reasons = [f"{len(paths)} not read, {reason}" for reason, paths in found.skipped.items()]
    hints = [f"{loose} lie in the folder itself"] if loose else []
    hint = f" ({'; '.join([*hints, *reasons])})" if hints or reasons else ""
    return DataError(
        f"{root}: no photos in product folders{hint}; expected one folder per product with "
        "JPEG, PNG, WebP, BMP or GIF files"
    )


def _from_table(source: Path, columns: Mapping[str, str]) -> Dataset:
    table = read_table(source, columns)
    items: list[LabelledImage] = []
    seen: set[tuple[str, str]] = set()
    notes = list(table.notes)
    merged = Attributes()
    for row in table.rows:
        for path in row.paths:
            if (path, row.product) in seen:
                notes.append(f"{source} line {row.line}: {path!r} of {row.product!r} again")
                continue
            seen.add((path, row.product))
            items.append(LabelledImage(_locate(source.parent, path), row.product))
        merged.add(row)
    if not items:
        raise DataError(f"{source}: no row names an image")
    notes += [f"{source} {note}" for note in merged.notes]
    with_image = {item.product for item in items}
    without_image = [product for product in merged.columns if product not in with_image]
    return Dataset(items, merged.columns, Reading(notes, {}, without_image))


def _locate(home: Path, name: str) -> Path:
    """The file that a row names: also where it was written on a system that names files otherwise.

    Windows separates folders by backslashes; macOS and spreadsheets differ in the Unicode form.
    """
    path = home / name
    if "\\" not in name and name.isascii():
        return path
    spellings = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    spellings += [spelling.replace("\\", "/") for spelling in spellings]
    return next((home / spelling for spelling in spellings if (home / spelling).exists()), path)
