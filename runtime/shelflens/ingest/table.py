"""A table of images and products: every row checked, and every complaint with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from shelflens.errors import CatalogError, DataError
from shelflens.ingest.columns import ROLES, Columns, has_columns, resolve
from shelflens.ingest.decode import decode, is_xml
from shelflens.ingest.rows import A_DATE, NO_RESULT, Row, find_delimiter, separator_line, split_rows
from shelflens.model.formats import SUFFIXES, UNREAD_SUFFIXES, is_zip
from shelflens.product_ids import check_id, clean_id
from shelflens.product_ids import strip_blanks as clean
from shelflens.spreadsheet import uncell

_ROUNDED = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+[0-9]+|[0-9]{6,}\.0+")
"""What spreadsheets (7.61E+12) and data frames (7610000000000.0) make of a barcode."""
_FORMULA_ERROR = re.compile(r"#(N/A|NV|REF!|BEZUG!|NAME\?|VALUE!|WERT!|DIV/0!|NULL!|NUM!|#+)", re.I)
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = re.compile(rf"[0-9]{{1,2}}-({_MONTHS})|({_MONTHS})-[0-9]{{2}}", re.I)
_FIFTEEN_DIGITS = re.compile(r"[1-9][0-9]{14}0+")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://|//[a-z0-9-]+\.|data:", re.I)
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class ProductRow:
    """A row: where it is, which images it names, and what it says of its product."""

    line: int
    product: str
    paths: list[str]
    """As written; empty where an export's row has no image."""
    attributes: dict[str, str]
    """Of the cells that are not empty."""


@dataclass(frozen=True)
class Table:
    """The rows of a file, and what a person should hear about them."""

    rows: list[ProductRow]
    notes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    """The names of the attributes."""


def read_table(source: Path, mapping: Mapping[str, str], *, images: bool = True) -> Table:
    """Read a CSV, a workbook or a feed: kind, encoding, delimiter and header by what it holds.

    Args:
        source: The file.
        mapping: From our column names to the file's; empty to go by the names.
        images: Whether rows name images; else a column of paths is passed over.

    Raises:
        DataError: naming the line, where there is one.
        OSError: the file cannot be read.
    """
    name = str(source)
    roles = ROLES if images else ("product",)
    grid = _read_grid(source, name, lambda header: has_columns(header, mapping, roles))
    header, *rows = grid.rows or [Row(1, [])]
    columns = resolve([uncell(cell) for cell in header.cells], name, mapping, roles)
    if not images:
        columns = replace(columns, path=None, further=())
    table = Table([], [*grid.notes, *columns.notes], list(columns.attributes.values()))
    for row in rows:
        where = f"{name} line {row.line}"
        _check_shape(row, columns, where, grid.delimiter)
        _check_marks(row, columns, where)
        table.rows.append(_product_row(row, columns, where, table.notes))
    if not rows:
        raise DataError(f"{name}: no rows; expected one per {'photo' if images else 'product'}")
    table.notes.extend(_said_of_marks(rows, columns))
    return table


@dataclass(frozen=True)
class _Grid:
    """The cells of a file, the header first."""

    rows: list[Row]
    delimiter: str = ""
    """Between the cells, of a text."""
    notes: list[str] = field(default_factory=list)


def _read_grid(source: Path, name: str, fits: Callable[[list[str]], bool]) -> _Grid:
    with source.open("rb") as stream:
        zipped = is_zip(stream.read(4))
    if zipped:
        from shelflens.ingest.workbook import read_workbook  # here: a lookup reads no table
        from shelflens.model.archive import open_archive

        rows, notes = read_workbook(open_archive(source), name, fits)
        width = len(rows[0].cells) if rows else 0
        padded = [Row(row.line, _padded(row.cells, width), row.marks) for row in rows]
        return _Grid(padded, notes=notes)
    content = source.read_bytes()
    if is_xml(content):
        from shelflens.ingest.feed import read_feed

        return _Grid(read_feed(content, name))
    text = decode(content, name)
    delimiter, rest = separator_line(text)
    line = 2 if delimiter else 1
    delimiter = delimiter or find_delimiter(rest, name, fits)
    return _Grid(split_rows(rest, delimiter, name, line=line), delimiter)


def _padded(cells: list[str], width: int) -> list[str]:
    """The cells of a workbook's row, which stores no empty ones at its end."""
    return [*cells, *[""] * (width - len(cells))]


def _check_marks(row: Row, columns: Columns, where: str) -> None:
    """Refuse a path or product that a workbook has changed or not worked out."""
    for index in (columns.product, columns.path):
        if index is None:
            continue
        mark = row.marks.get(index, "")
        if mark == A_DATE:
            raise DataError(
                f"{where}: {row.cells[index]!r} is a date that the spreadsheet made; format the "
                "column as text and enter it again"
            )
        if mark == NO_RESULT:
            raise DataError(f"{where}: {mark}; open the workbook, let it calculate, and save it")


def _said_of_marks(rows: list[Row], columns: Columns) -> list[str]:
    counts: Counter[tuple[int, str]] = Counter(
        (index, mark) for row in rows for index, mark in row.marks.items()
    )
    names = {columns.product: "product", **columns.attributes}
    if columns.path is not None:
        names[columns.path] = "path"
    return [
        f"column {names[index]!r}: {count} cells hold {mark}"
        for (index, mark), count in counts.items()
        if index in names
    ]


def _check_shape(row: Row, columns: Columns, where: str, delimiter: str) -> None:
    cells = row.cells
    if len(cells) < columns.count or any(map(str.strip, cells[columns.count :])):
        word = {"\t": "a tab"}.get(delimiter, repr(delimiter))
        hint = f"a cell that holds {word} needs quotes" if delimiter else "name the columns"
        if len(cells) < columns.count:
            hint = "a cell is missing"
        raise DataError(f"{where}: {len(cells)} cells, the header has {columns.count}; {hint}")
    for index, cell in enumerate(cells[: columns.count]):
        if delimiter and ("\n" in cell or "\r" in cell):
            _check_swallowed(cell, columns, where, delimiter)
        named = columns.path is None or index in (columns.path, columns.product)
        named = named or index in columns.attributes
        if not named and not columns.title and clean(cell):
            raise DataError(
                f"{where}: {cell[:40]!r} stands in column {index + 1}, which has no name; "
                "name the column, or empty it"
            )


def _check_swallowed(cell: str, columns: Columns, where: str, delimiter: str) -> None:
    """Refuse a cell that holds whole rows: its quote was meant for another cell."""
    for line in cell.splitlines()[1:]:
        parts = line.split(delimiter)
        if len(parts) < columns.count or columns.path is None or columns.path >= len(parts):
            continue
        suffix = Path(parts[columns.path].strip().strip('"')).suffix.lower()
        if suffix in SUFFIXES or suffix in UNREAD_SUFFIXES:
            raise DataError(
                f"{where}: a quote opens a cell that holds whole rows, such as {line[:40]!r}; "
                "close the quote where its cell ends, or remove it"
            )


def _product_row(row: Row, columns: Columns, where: str, notes: list[str]) -> ProductRow:
    product = _product_id(uncell(row.cells[columns.product]), where, notes)
    cell = "" if columns.path is None else clean(uncell(row.cells[columns.path]))
    if columns.path is None and not product:
        raise DataError(f"{where}: expected a product, got nothing")
    if not product or (not cell and columns.path is not None and not columns.title):
        raise DataError(f"{where}: expected a path and a product, got {cell!r} and {product!r}")
    parts = cell.split(columns.several) if columns.several else [cell]
    for index in columns.further:
        parts += row.cells[index].split(",")
    paths = [path for path in map(clean, parts) if path]
    for path in paths:
        _check_path(path, where)
    attributes = {}
    for index, key in columns.attributes.items():
        if text := _attribute(uncell(row.cells[index])):
            attributes[key] = text
            if key.lower() in ("barcode", "ean", "gtin", "upc", "code") and _ROUNDED.fullmatch(
                text
            ):
                notes.append(f"line {row.line}: a spreadsheet changed {key} {text!r}")
    return ProductRow(row.line, product, paths, attributes)


def _product_id(cell: str, where: str, notes: list[str]) -> str:
    text = clean(cell)
    formula = re.fullmatch(r'="([^"]*)"', text)  # how spreadsheets are made to keep zeros
    product = clean_id(formula[1] if formula else text)
    if _ROUNDED.fullmatch(product):
        raise DataError(
            f"{where}: product {product!r}: a spreadsheet changed this barcode; format the column "
            "as text and enter the barcodes again"
        )
    if _FORMULA_ERROR.fullmatch(product):
        raise DataError(
            f"{where}: product {product!r} is what a spreadsheet shows for a formula without a "
            "result or a column too narrow; mend it there"
        )
    if _DATE.fullmatch(product):
        notes.append(f"{where}: product {product!r} looks like a date that a spreadsheet made")
    if _FIFTEEN_DIGITS.fullmatch(product):
        notes.append(f"{where}: product {product!r}: a spreadsheet keeps 15 digits of a number")
    if product:
        try:
            check_id(product)
        except CatalogError as error:
            raise DataError(f"{where}: {error}") from error
    return product


def _check_path(path: str, where: str) -> None:
    if _URL.match(path):
        raise DataError(
            f"{where}: {path[:60]!r} is an address, and ShelfLens uses no network: download the "
            "images into a folder beside the file, add a column with the names of the files, and "
            "say --columns path=COLUMN"
        )
    if bad := _CONTROLS.search(path) or _BREAKS.search(path):
        raise DataError(f"{where}: the path {path[:60]!r} has the character U+{ord(bad[0]):04X}")


def _attribute(cell: str) -> str:
    """A value for one line of a screen: line breaks become blanks, control characters are shown."""
    text = _BREAKS.sub(" ", clean(cell))
    return _CONTROLS.sub("\ufffd", text)
