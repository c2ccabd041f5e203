"""Which column of a table holds what: by its name, by a mapping, or by a known export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shelflens.errors import DataError
from shelflens.product_ids import strip_blanks as clean

ROLES = ("path", "product")
LOWERED = (*ROLES, "name", "picture")
"""Columns that mean something to ShelfLens: found in any case."""


@dataclass(frozen=True)
class Export:
    """A program whose export is known by its header."""

    title: str
    needs: frozenset[str]
    """Column names, lower case, that together make out the export."""
    columns: Mapping[str, str]
    """From our name to the program's, lower case."""
    several: str = ""
    """What separates several images in one cell."""
    further: tuple[str, ...] = ()
    """Columns of further images, with commas between them."""


EXPORTS = (
    Export(
        "Google Merchant feed",
        frozenset({"id", "title", "image_link"}),
        {"path": "image_link", "product": "id", "name": "title", "price": "price"}
        | {"brand": "brand", "gtin": "gtin", "category": "product_type"},
        further=("additional_image_link",),
    ),
    Export(
        "Google Merchant feed",
        frozenset({"id", "title", "image link"}),
        {"path": "image link", "product": "id", "name": "title", "price": "price"}
        | {"brand": "brand", "gtin": "gtin", "category": "product type"},
        further=("additional image link",),
    ),
    Export(
        "Shopify product export",
        frozenset({"handle", "title", "image src"}),
        {"path": "image src", "product": "handle", "name": "title", "price": "variant price"}
        | {"brand": "vendor", "category": "type", "tags": "tags", "sku": "variant sku"},
    ),
    Export(
        "WooCommerce product export",
        frozenset({"sku", "name", "images"}),
        {"path": "images", "product": "sku", "name": "name", "price": "regular price"}
        | {"brand": "brands", "category": "categories", "tags": "tags"},
        several=",",
    ),
    Export(
        "Open Food Facts export",
        frozenset({"code", "product_name", "image_url"}),
        {"path": "image_url", "product": "code", "name": "product_name", "brand": "brands"}
        | {"category": "categories"},
    ),
)


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row."""

    path: int | None
    """None where no images are wanted."""
    product: int
    attributes: dict[int, str]
    """From the index of a column to the attribute's name."""
    count: int
    """Cells of the header."""
    several: str = ""
    """What separates several paths in one cell, or ""."""
    further: tuple[int, ...] = ()
    """Columns of further paths, with commas between them."""
    title: str = ""
    """The known export, or ""."""
    notes: list[str] = field(default_factory=list)
    """What a person should hear."""


def parse_mapping(text: str) -> dict[str, str]:
    """Read `path=Image,product=SKU`.

    Raises:
        DataError: another form.
    """
    mapping: dict[str, str] = {}
    for part in text.split(","):
        ours, equals, theirs = part.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise DataError(
                f"--columns {text!r}: expected OUR=THEIR column names with commas between them, "
                "such as path=Image,product=SKU"
            )
        mapping[ours.strip().lower()] = theirs.strip()
    return mapping


def has_columns(
    header: list[str], mapping: Mapping[str, str], roles: Sequence[str] = ROLES
) -> bool:
    """Whether path and product, or other roles, can be found in a header."""
    names = {clean(cell).lower() for cell in header}
    return any(
        wanted <= names
        for wanted in (
            {mapping.get(role, role).lower() for role in roles},
            set(roles),
            *(export.needs for export in EXPORTS),
        )
    )


def resolve(
    header: list[str], name: str, mapping: Mapping[str, str], roles: Sequence[str] = ROLES
) -> Columns:
    """Find the columns of a header.

    Args:
        header: Its cells.
        name: What the person called the file, for messages.
        mapping: From our names, lower case, to the file's; empty to go by the names. A file that
            has `path` and `product` and none of the mapped columns goes by its own names.
        roles: Columns that are needed; `path` may be left out.

    Raises:
        DataError: a column is missing, or two have the same name.
    """
    cells = [clean(cell) for cell in header]
    names = [cell.lower() for cell in cells]
    if set(roles) <= set(names) and not {text.lower() for text in mapping.values()} & set(names):
        mapping = {}
    if missing := [theirs for theirs in mapping.values() if theirs.lower() not in names]:
        raise DataError(f"{name}: no column {missing[0]!r} (--columns); it has {_listed(cells)}")
    wanted = {role: mapping.get(role, role) for role in LOWERED}
    if all(wanted[role].lower() in names for role in roles):
        known = {wanted[role].lower(): role for role in LOWERED}
        known |= {theirs.lower(): ours for ours, theirs in mapping.items()}
        attributes = {
            index: known.get(names[index], cells[index])
            for index in range(len(cells))
            if cells[index]
        }
        _no_doubles(attributes, name)
        inverse = {role: index for index, role in attributes.items() if role in ROLES}
        rest = {index: key for index, key in attributes.items() if key not in ROLES}
        return Columns(inverse.get("path"), inverse["product"], rest, len(cells))
    export = next((export for export in EXPORTS if export.needs <= set(names)), None)
    if export is None:
        missing_role = next(role for role in roles if wanted[role].lower() not in names)
        raise DataError(
            f"{name}: no column {missing_role!r}; expected {','.join(roles)} and any others, "
            f"got {_listed(cells)}" + _suggestion(names, cells)
        )
    return _of_export(export, cells, names, mapping)


def _of_export(
    export: Export, cells: list[str], names: list[str], mapping: Mapping[str, str]
) -> Columns:
    columns = {**export.columns, **{ours: theirs.lower() for ours, theirs in mapping.items()}}
    found = {ours: names.index(theirs) for ours, theirs in columns.items() if theirs in names}
    shown = ", ".join(f"{ours}={cells[index]}" for ours, index in found.items())
    rest = {index: ours for ours, index in found.items() if ours not in ROLES}
    note = f"read as a {export.title}: {shown}; its further columns are left out"
    path, product = found["path"], found["product"]
    own_path = "path" in mapping  # then the export's further images are no files either
    further = [names.index(column) for column in export.further if column in names]
    return Columns(
        path,
        product,
        rest,
        len(cells),
        "" if own_path else export.several,
        () if own_path else tuple(further),
        export.title,
        [note],
    )


def _no_doubles(attributes: Mapping[int, str], name: str) -> None:
    first: dict[str, int] = {}
    for index, key in attributes.items():
        if key in first:
            raise DataError(
                f"{name} line 1: columns {first[key] + 1} and {index + 1} are both called {key!r}; "
                "give each column a name of its own"
            )
        first[key] = index


def _suggestion(names: list[str], cells: list[str]) -> str:
    """A mapping that the header suggests, or ""."""
    likely = {
        "path": ("image", "images", "photo", "file", "filename", "picture", "image_path", "bild"),
        "product": ("sku", "id", "barcode", "ean", "gtin", "article", "product_id", "artikel"),
    }
    guesses = {
        role: next((cells[names.index(word)] for word in (role, *words) if word in names), "")
        for role, words in likely.items()
    }
    if not all(guesses.values()):
        return ""
    return f"; say --columns path={guesses['path']},product={guesses['product']}"


def _listed(cells: list[str]) -> str:
    return ",".join(cells)[:200] or "an empty file"
