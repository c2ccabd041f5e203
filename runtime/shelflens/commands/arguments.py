"""What several commands share: the arguments of the model and of questions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.console import printable
from shelflens.model.embedder import Embedder
from shelflens.model.quiet import without_greeting
from shelflens.product_ids import clean_id

if TYPE_CHECKING:  # a lookup without --trust starts without it
    from shelflens.signing.trust import Trust


def add_barcode(parser: argparse.ArgumentParser) -> None:
    """Declare `--barcode`."""
    parser.add_argument(
        "--barcode",
        choices=["auto", "off"],
        default="auto",
        help="whether a product's barcode in the photo decides: where zxing-cpp is installed and "
        "the catalog has a column barcode, ean, gtin or upc (default: auto)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare --model, --engine and --threads."""
    group = parser.add_argument_group("the model")
    group.add_argument("--model", help=".tflite or .onnx from shelflens export (default: bundled)")
    group.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "litert", "tflite-runtime", "onnxruntime"),
        help="inference engine (default: the first that works)",
    )
    group.add_argument(
        "--threads", type=positive, help="threads of one inference (default: cores, at most 4)"
    )


def open_model(args: argparse.Namespace, trust: Trust | None = None) -> Embedder:
    """The embedder that the arguments ask for, without the engine's greeting on the screen."""
    check = None if trust is None else trust.check
    with without_greeting():
        return Embedder.open(args.model, engine=args.engine, threads=args.threads, check=check)


def find_typed(catalog: Catalog, text: str) -> str | None:
    """The id of a product as a person typed it: as it is, else in the form of ids that are read;
    None when there is no such product."""
    forms = dict.fromkeys((text, clean_id(text)))
    return next((form for form in forms if catalog.contents.products.find(form) is not None), None)


def typed_id(catalog: Catalog, text: str) -> str:
    """As `find_typed`.

    Raises:
        CatalogError: no such product; names those spelled alike.
    """
    if (found := find_typed(catalog, text)) is None:
        catalog.index_of(clean_id(text))
    return found or text


def add_adapt(parser: argparse.ArgumentParser) -> None:
    """Declare --adapt."""
    parser.add_argument(
        "--adapt",
        default="auto",
        choices=("auto", "off"),
        help="auto (default): adapt the catalog to these images where that helps; off: never",
    )


def positive(text: str) -> int:
    """An argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def share(text: str) -> float:
    """An argument between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return number


def add_query(parser: argparse.ArgumentParser, *, k: int) -> None:
    """Declare what every question about products takes: -k, --where, --diverse, --json."""
    parser.add_argument("-k", type=positive, default=k, help=f"products to show (default: {k})")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="such as category=Milk or 'price<30'; several must all hold",
    )
    parser.add_argument(
        "--diverse",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="0 (default) shows the nearest; towards 1, the products differ more and more",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def report_texts(where: Sequence[str], catalog: Catalog) -> None:
    """Say on standard error where a --where compares with numbers and a product has none.

    Raises:
        DataError: a condition that cannot be met by any product's column.
    """
    from shelflens.discovery.filters import not_numbers

    for note in not_numbers(where, catalog):
        print(printable(f"note: {note}"), file=sys.stderr)


def table(matches: Sequence[Match]) -> str:
    """Products with score, name and attributes, one per line."""
    names = [printable(match.name) for match in matches]
    width = max(map(len, names), default=0)
    lines = [
        f"  {match.score:6.3f}  {name:<{width}}{columns(match)}"
        for match, name in zip(matches, names, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines)


def columns(product: Match) -> str:
    """A product's attributes for a line, each behind two blanks; without its name."""
    return "".join(
        printable(f"  {key}={value}")
        for key, value in product.attributes.items()
        if key not in ("name", "picture")
    )
