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
from shelflens.commands.arguments import add_model, embed_dataset, open_model, share
from shelflens.dataset import Dataset, LabelledImage, read_dataset, read_unlabelled
from shelflens.discovery.tags import MIN_CONFIDENCE, Tag, Tagger
from shelflens.files import write_text

HELP = "Tag photos with attribute values, such as the category, from a catalog's products."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "data", metavar="PHOTO|DATASET", help="a photo, a folder of photos, or a CSV"
    )
    parser.add_argument("--catalog", required=True, metavar="STORE.catalog")
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
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Embed, vote, print or write."""
    if args.out is not None and not args.out.resolve().parent.is_dir():
        raise FileNotFoundError(2, "no such folder to write into", str(args.out))
    catalog = Catalog.open(args.catalog)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    columns = list(dict.fromkeys(args.attribute))
    photos, grouped = _photos(Path(args.data))
    taggers = [Tagger(catalog, column) for column in columns]
    kept, vectors = embed_dataset(embedder, photos, source=args.data)
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
        return 0
    for item, owner in zip(kept, owners, strict=True):
        if args.json:
            answer = {"photo": str(item.path), "tags": [tag.to_dict() for tag in tags[owner]]}
            print(json.dumps(answer, ensure_ascii=False))
        else:
            print(f"{item.path}  " + "  ".join(map(_line, tags[owner])))
    return 0


def _photos(source: Path) -> tuple[Dataset, bool]:
    """The photos, and whether their products are known: a single photo has none."""
    if source.is_dir():
        photos = read_unlabelled(source)
        return photos, all(item.path.parent != source for item in photos.items)
    if source.suffix.lower() == ".csv":
        return read_dataset(source), True
    if not source.exists():
        raise FileNotFoundError(2, "no such photo, folder or CSV", str(source))
    return Dataset([LabelledImage(source, source.stem)]), False


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
    writer.writerow(["path", "product", *names, *(n for n in rate_names if n not in names)])
    home = out.resolve().parent
    for item, item_tags in zip(kept, tags, strict=True):
        known = photos.attributes.get(item.product, {})
        values = {tag.attribute: tag.text for tag in item_tags} | known
        path = os.path.relpath(item.path.resolve(), home)
        cells = [values.get(name, "") for name in names]
        rates = {f"{tag.attribute} confidence": f"{tag.confidence:.3f}" for tag in item_tags}
        more = [rate for name, rate in rates.items() if name not in names]
        writer.writerow([path, item.product, *cells, *more])
    write_text(out, text.getvalue())


def _report(out: Path, tags: list[list[Tag]], columns: list[str]) -> None:
    print(f"{out}: {len(tags)} tagged", file=sys.stderr)
    for index, name in enumerate(columns):
        given = sum(bool(row[index].values) for row in tags)
        print(f"  {name}: {given} filled, {len(tags) - given} left open", file=sys.stderr)


def _line(tag: Tag) -> str:
    if tag.values:
        return f"{tag.attribute}: {tag.text} ({tag.confidence:.2f})"
    nearest = ", ".join(f"{value} {confidence:.2f}" for value, confidence in tag.candidates[:3])
    return f"{tag.attribute}: not sure ({nearest})"
