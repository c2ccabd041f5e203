"""`shelflens tag PHOTO|DATASET --catalog STORE.catalog --attribute COLUMN`."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, open_model, share
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.embedding import embed_dataset
from shelflens.commands.outputs import check_file, is_csv
from shelflens.commands.photos import Photos, find_photos
from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage, read_dataset
from shelflens.discovery.tags import MIN_CONFIDENCE, Tag, Tagger
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.spreadsheet import cell

HELP = "Tag photos with attribute values, such as the category, from a catalog's products."
EXAMPLES = (
    "tag photo.jpg --catalog store.catalog --attribute category",
    "tag photos --catalog store.catalog --attribute brand --out tags.csv",
    "tag products.csv --catalog store.catalog --attribute brand --json",
)

_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xml", ".zip")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "data", nargs="+", metavar="PHOTO|DATASET", help="photos, folders of photos, or one CSV"
    )
    add_catalog(parser)
    parser.add_argument(
        "--attribute",
        action="append",
        required=True,
        metavar="COLUMN",
        help="the column to fill; may be given several times",
    )
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=MIN_CONFIDENCE,
        metavar="SHARE",
        help="confidence from which a value is given (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="tags.csv", help="a CSV that catalog build takes"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per photo per line")
    add_columns(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Embed, vote, print or write."""
    if args.out is not None:
        inputs = [*args.data, args.catalog, *([args.model] if args.model else [])]
        check_file(args.out, inputs=inputs, is_ours=is_csv, example="tags.csv")
    catalog = Catalog.open(args.catalog)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    columns = list(dict.fromkeys(args.attribute))
    asked = Photos()
    photos, grouped = _photos(args.data, asked, columns_of(args))
    if args.out is not None:
        check_file(args.out, inputs=photos.paths, is_ours=is_csv, example="tags.csv")
    taggers = [Tagger(catalog, column) for column in columns]
    try:
        source = " ".join(args.data)
        kept, vectors = embed_dataset(
            embedder, photos, source=source, on_error=lambda _, error: asked.failed(error)
        )
    except DataError:  # not one can be read
        return asked.report("tag")
    # Photos of one product are tagged together, by their mean.
    owners = [item.product if grouped else str(item.path) for item in kept]
    means = _means(owners, vectors)
    tags = {
        owner: [tagger.tag(mean, min_confidence=args.min_confidence) for tagger in taggers]
        for owner, mean in means.items()
    }
    if args.out is not None:
        _write(args.out, photos, kept, [tags[owner] for owner in owners], columns)
        _report(args.out, list(tags.values()), columns)
        return asked.report("tag")
    for item, owner in zip(kept, owners, strict=True):
        if args.json:
            answer = {"photo": str(item.path), "tags": [tag.to_dict() for tag in tags[owner]]}
            print(json.dumps(answer, ensure_ascii=False))
        else:
            print(printable(f"{item.path}  " + "  ".join(map(_line, tags[owner]))))
    return asked.report("tag")


def _photos(words: list[str], asked: Photos, mapping: dict[str, str]) -> tuple[Dataset, bool]:
    """The photos, and whether their products are known: those of a CSV, or of product folders."""
    source = Path(words[0])
    if len(words) == 1 and source.suffix.lower() in _TABLES and not source.is_dir():
        return read_dataset(source, columns=mapping), True
    if len(words) == 1 and source.is_dir():
        found = find_photos(words)
        if found.names and all(Path(name).parent != source for name in found.names):
            asked.unread += found.unread
            return read_dataset(source), True
    found = find_photos(words)
    asked.unread += found.unread
    if not found.names:
        raise DataError(f"{' '.join(words)}: no photos; expected photos, folders of them or a CSV")
    return Dataset([LabelledImage(Path(name), Path(name).stem) for name in found.names]), False


def _means(owners: list[str], vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    sums: dict[str, NDArray[np.float32]] = {}
    for owner, vector in zip(owners, vectors, strict=True):
        sums[owner] = sums[owner] + vector if owner in sums else vector
    return {owner: total / max(np.sqrt(total @ total), 1e-6) for owner, total in sums.items()}


def _write(
    out: Path, photos: Dataset, kept: list[LabelledImage], tags: list[list[Tag]], columns: list[str]
) -> None:
    """A CSV of path, product, the columns there were, and the new ones with their confidence.

    A value that the product has already is kept.
    """
    before = list(dict.fromkeys(key for row in photos.attributes.values() for key in row))
    names = [*before, *(column for column in columns if column not in before)]
    rate_names = [f"{column} confidence" for column in columns]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rates = [name for name in rate_names if name not in names]
    writer.writerow(map(cell, ["path", "product", *names, *rates]))
    home = out.resolve().parent
    for item, item_tags in zip(kept, tags, strict=True):
        known = photos.attributes.get(item.product, {})
        values = {tag.attribute: tag.text for tag in item_tags} | known
        path = os.path.relpath(item.path.resolve(), home)
        cells = [values.get(name, "") for name in names]
        shares = {f"{tag.attribute} confidence": f"{tag.confidence:.3f}" for tag in item_tags}
        more = [share for name, share in shares.items() if name not in names]
        writer.writerow(map(cell, [path, item.product, *cells, *more]))
    write_text(out, text.getvalue())


def _report(out: Path, tags: list[list[Tag]], columns: list[str]) -> None:
    print(f"{out}: {len(tags)} tagged", file=sys.stderr)
    for index, name in enumerate(columns):
        given = sum(bool(row[index].values) for row in tags)
        line = f"  {name}: {given} filled, {len(tags) - given} left open"
        print(printable(line), file=sys.stderr)


def _line(tag: Tag) -> str:
    if tag.values:
        return f"{tag.attribute}: {tag.text} ({tag.confidence:.2f})"
    nearest = ", ".join(f"{value} {confidence:.2f}" for value, confidence in tag.candidates[:3])
    return f"{tag.attribute}: not sure ({nearest})"
