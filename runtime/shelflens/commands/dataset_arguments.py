"""The arguments of a dataset, for the commands that read one."""

from __future__ import annotations

import argparse
from pathlib import Path

from shelflens.commands.catalog_option import is_catalog_file
from shelflens.commands.dataset_report import report_notes, require_strictly
from shelflens.dataset import Dataset, read_dataset, read_unlabelled
from shelflens.errors import DataError
from shelflens.ingest.columns import parse_mapping


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Declare --columns, --flat, --strict and --report."""
    add_columns(parser)
    parser.add_argument(
        "--flat",
        action="store_true",
        help="the folder holds the photos themselves: one product each, named like the file",
    )
    parser.add_argument(
        "--strict", action="store_true", help="do nothing unless every photo and row is read"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE.csv", help="a CSV that says of every photo what it is"
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Declare --columns."""
    parser.add_argument(
        "--columns",
        metavar="OUR=THEIR,...",
        help="columns of a DATASET that is a table, by their names there, such as "
        "path=Image,product=SKU",
    )


def columns_of(args: argparse.Namespace) -> dict[str, str]:
    """What --columns says.

    Raises:
        DataError: another form.
    """
    return parse_mapping(args.columns) if args.columns else {}


def open_dataset(args: argparse.Namespace) -> Dataset:
    """The dataset that the arguments name; what was passed by is said on standard error.

    Raises:
        DataError, FileNotFoundError: as `read_dataset`; with --strict, something was passed by.
    """
    if is_catalog_file(args.data):
        raise DataError(
            f"{args.data}: is a catalog; expected a folder with a folder per product, or a CSV"
        )
    read = read_unlabelled if args.flat else read_dataset
    dataset = read(args.data, columns=columns_of(args))
    if args.strict:
        require_strictly(dataset)
    report_notes(dataset)
    return dataset


def add_contact_sheet(parser: argparse.ArgumentParser) -> None:
    """Declare --contact-sheet and --images."""
    parser.add_argument(
        "--contact-sheet", type=Path, metavar="FILE.png", help="draw a contact sheet"
    )
    parser.add_argument(
        "--images",
        metavar="DATASET",
        help="the folder or CSV with the products' images (default: the column 'picture')",
    )
    add_columns(parser)
