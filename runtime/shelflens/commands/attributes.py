"""`shelflens catalog update STORE.catalog TABLE` and `catalog export STORE.catalog --csv FILE`.

Both change or give what is known of products; no photo is read.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.lock import opened_to_change
from shelflens.commands import exchange
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.outputs import check_file
from shelflens.console import printable
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.ingest.attributes import Attributes
from shelflens.ingest.reading import Reading, listed
from shelflens.ingest.table import Table, read_table
from shelflens.product_ids import clean_id
from shelflens.spreadsheet import cell

_STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True)
class Changes:
    """What a table changes in a catalog."""

    attributes: dict[str, dict[str, str]]
    """All attributes of each product that changes."""
    set_values: int = 0
    removed_values: int = 0
    unknown: list[str] = field(default_factory=list)
    """Products of the table that the catalog does not have."""


def add_update(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `update`."""
    parser.add_argument(
        "data",
        metavar="TABLE",
        help="a CSV, workbook or feed with a column `product`; each further column replaces an "
        "attribute, and an empty cell takes it away",
    )
    add_catalog(parser)
    add_columns(parser)
    parser.add_argument(
        "--strict", action="store_true", help="do nothing unless every product is in the catalog"
    )


def add_export(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    add_catalog(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="the CSV to write, one row per product, which update takes; - for standard output",
    )
    what.add_argument(
        "--vectors",
        type=Path,
        metavar="FILE.parquet|DIR",
        help="the rows for a vector engine, which from-vectors takes: a Parquet file, or a new "
        "folder of .npy shards",
    )


def update(args: argparse.Namespace) -> int:
    """Change attributes by id; 1 when the catalog lacks a product of the table."""
    table = read_table(Path(args.data), columns_of(args), images=False)
    read = _gathered(table, args.data)
    with opened_to_change(args.catalog) as catalog:
        changes = changes_of(catalog, read.columns, table.columns)
        if changes.unknown and (args.strict or len(changes.unknown) == len(read.columns)):
            raise DataError(
                f"{args.data}: {args.catalog} has no product {listed(changes.unknown)}; nothing "
                "was changed; shelflens catalog info --json lists its ids"
            )
        if changes.attributes:
            contents = catalog.contents.described(changes.attributes)
            catalog.with_contents(contents).save(args.catalog)
    print(
        printable(
            f"{args.catalog}: {len(changes.attributes)} of {len(catalog)} products changed: "
            f"{changes.set_values} values set, {changes.removed_values} removed"
        )
    )
    if changes.unknown:
        text = f"not in the catalog: {len(changes.unknown)} products: {listed(changes.unknown, 20)}"
        print(printable(text), file=sys.stderr)
    return 1 if changes.unknown else 0


def _gathered(table: Table, name: str) -> Attributes:
    merged = Attributes()
    for row in table.rows:
        merged.add(row)
    notes = [*table.notes, *(f"{name} {note}" for note in merged.notes)]
    for line in Reading(notes).lines():
        print(printable(f"note: {line}"), file=sys.stderr)
    return merged


def changes_of(
    catalog: Catalog, given: Mapping[str, Mapping[str, str]], columns: list[str]
) -> Changes:
    """What a table changes.

    Args:
        catalog: As it is.
        given: Texts by column of each product of the table, without empty ones.
        columns: All columns of the table: what a product lacks of them is taken away.
    """
    ids = {clean_id(product_id): product_id for product_id in catalog.ids}
    before = catalog.attributes
    changed: dict[str, dict[str, str]] = {}
    set_values = removed_values = 0
    for product, texts in given.items():
        if product not in ids:
            continue
        old = before[ids[product]]
        kept = {key: text for key, text in old.items() if key not in columns or key in texts}
        new = kept | dict(texts)
        set_values += sum(old.get(key) != text for key, text in texts.items())
        removed_values += len(old) - len(kept)
        if new != old:
            changed[ids[product]] = new
    unknown = [product for product in given if product not in ids]
    return Changes(changed, set_values, removed_values, unknown)


def export(args: argparse.Namespace) -> int:
    """Write the attributes of every product, or every row."""
    if args.vectors is not None:
        return exchange.export_vectors(args)
    to_file = args.csv != _STANDARD_OUTPUT
    if to_file:
        check_file(args.csv, inputs=[args.catalog], is_ours=lambda _: False, example="products.csv")
    catalog = Catalog.open(args.catalog)
    catalog.verify()
    text = attribute_table(catalog)
    if to_file:
        write_text(args.csv, text)
        print(printable(f"{args.csv}: {len(catalog)} products"))
    else:
        sys.stdout.write(text)
    return 0


def attribute_table(catalog: Catalog) -> str:
    """A CSV of `product` and all attributes; what a spreadsheet would compute is quoted.

    Raises:
        DataError: attributes whose names a table cannot hold, such as `product`.
    """
    attributes = catalog.attributes
    names = list(dict.fromkeys(key for columns in attributes.values() for key in columns))
    lowered = [clean_id(name).lower() for name in names]
    for name, low in zip(names, lowered, strict=True):
        if low in ("product", "path", "") or lowered.count(low) > 1:
            raise DataError(
                f"{catalog.path}: an attribute is called {name!r}, which a column of a table "
                "beside the others cannot be; build the catalog again with other names"
            )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(cell, ["product", *names]))
    for product, columns in attributes.items():
        writer.writerow(map(cell, [product, *(columns.get(name, "") for name in names)]))
    return stream.getvalue()
