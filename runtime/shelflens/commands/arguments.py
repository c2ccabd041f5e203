"""What several commands share: the model's arguments, and embedding a whole dataset."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.build import build_catalog, in_row_order
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError
from shelflens.model.embedder import Embedder
from shelflens.model.quiet import without_greeting
from shelflens.progress import Progress


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare --model, --engine and --threads."""
    parser.add_argument("--model", help=".tflite or .onnx from shelflens export (default: bundled)")
    parser.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "litert", "tflite-runtime", "onnxruntime"),
        help="inference engine (default: the first that works)",
    )
    parser.add_argument(
        "--threads", type=positive, help="threads of one inference (default: cores, at most 4)"
    )


def open_model(args: argparse.Namespace) -> Embedder:
    """The embedder that the arguments ask for, without the engine's greeting on the screen."""
    with without_greeting():
        return Embedder.open(args.model, engine=args.engine, threads=args.threads)


def positive(text: str) -> int:
    """An argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def build_reported(
    embedder: Embedder, dataset: Dataset, *, source: str
) -> tuple[Catalog, list[LabelledImage]]:
    """`build_catalog` with a progress bar; unreadable photos are listed and skipped.

    Returns:
        The catalog, and the image of each of its rows.

    Raises:
        DataError: not one photo could be read.
    """
    skipped = set()

    def skip(image: LabelledImage, error: Exception) -> None:
        skipped.add(image)
        _report_skipped(error)

    try:
        with Progress("embedding", len(dataset.items)) as bar:
            catalog = build_catalog(dataset, embedder, on_error=skip, on_done=bar.update)
    except DataError as error:
        raise DataError(f"{source}: {error}, see above") from error
    return catalog, in_row_order([image for image in dataset.items if image not in skipped])


def embed_dataset(
    embedder: Embedder, dataset: Dataset, *, source: str
) -> tuple[list[LabelledImage], NDArray[np.float32]]:
    """Embed labelled photos with a progress bar; unreadable ones are listed and skipped.

    Returns:
        The m photos that were read, and their embeddings float32 [m, d].

    Raises:
        DataError: not one photo could be read.
    """
    count = len(dataset.items)
    with Progress("embedding", count) as bar:
        kept, vectors = embedder.embed_many(
            dataset.paths, on_error=lambda _, error: _report_skipped(error), on_done=bar.update
        )
    if not len(kept):
        raise DataError(f"{source}: none of {count} photos could be read, see above")
    return [dataset.items[index] for index in kept], vectors


def _report_skipped(error: Exception) -> None:
    print(f"skipped: {error}", file=sys.stderr)


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


def table(matches: Sequence[Match]) -> str:
    """Products with score, name and attributes, one per line."""
    width = max((len(match.name) for match in matches), default=0)
    lines = [f"  {match.score:6.3f}  {match.name:<{width}}{columns(match)}" for match in matches]
    return "\n".join(line.rstrip() for line in lines)


def columns(product: Match) -> str:
    """A product's attributes for a line, each behind two blanks; without its name."""
    return "".join(
        f"  {key}={value}"
        for key, value in product.attributes.items()
        if key not in ("name", "picture")
    )
