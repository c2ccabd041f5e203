"""`shelflens shelf PHOTO --catalog STORE.catalog [--planogram plan.csv]`."""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, open_model
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.finding import NOTHING, add_finder, open_finder
from shelflens.commands.outputs import check_file, holds, is_png
from shelflens.commands.trust_option import add_trust, open_trust
from shelflens.console import printable
from shelflens.files import write_text
from shelflens.model.image import load_image
from shelflens.progress import Progress
from shelflens.spreadsheet import cell

if TYPE_CHECKING:
    from shelflens.finding.planogram import Comparison
    from shelflens.finding.shelf import Facing

HELP = "Find every facing on a photo of a shelf, and compare them with a planogram."
EXAMPLES = (
    "shelf shelf.jpg --catalog store.catalog --csv facings.csv",
    "shelf shelf.jpg --catalog store.catalog --planogram plan.csv",
)
COLUMNS = (
    "row", "position", "product", "name", "decision", "confidence", "left", "top", "right", "bottom"
)  # fmt: skip
"""Of the CSV; the last four as shares of the picture."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("photo", metavar="PHOTO", help="a photo of a shelf")
    add_catalog(parser)
    parser.add_argument("--csv", type=Path, metavar="FILE.csv", help="write each facing as a row")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="draw the facings on the photo"
    )
    parser.add_argument(
        "--planogram",
        type=Path,
        metavar="FILE.csv",
        help="what should stand where: columns product, row (from the top) and facings",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_finder(parser)
    add_model(parser)
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Find, recognise, compare, write, print."""
    from shelflens.finding.planogram import compare, read_planogram
    from shelflens.finding.shelf import all_tiles, find_facings, read_shelf

    inputs = [args.photo, args.catalog, *([args.planogram] if args.planogram else [])]
    if args.csv is not None:
        ours = holds(",".join(COLUMNS))
        check_file(args.csv, inputs=inputs, is_ours=ours, example="facings.csv")
    if args.picture is not None:
        check_file(args.picture, inputs=inputs, is_ours=is_png, example="facings.png")
    planned = read_planogram(args.planogram) if args.planogram else None
    trust = open_trust(args)
    catalog = Catalog.open(args.catalog, check=None if trust is None else trust.check)
    embedder = open_model(args, trust)
    catalog.require(embedder.card.space)
    finder = open_finder(args, trust)
    start = time.perf_counter()
    pixels = load_image(args.photo)
    with Progress("finding", len(all_tiles()), unit="tiles") as bar:
        regions = find_facings(finder, pixels, on_tile=lambda done, _: bar.update(done))
    with Progress("recognising", len(regions), unit="facings") as bar:
        facings = read_shelf(
            embedder, catalog, pixels, regions, on_facing=lambda done, _: bar.update(done)
        )
    seconds = time.perf_counter() - start
    comparison = None if planned is None else compare(planned, facings)
    if args.csv is not None:
        write_text(args.csv, _csv(facings))
    if args.picture is not None:
        _draw(args.picture, pixels, facings, comparison)
    if args.json:
        print(json.dumps(_values(args.photo, facings, comparison, seconds), ensure_ascii=False))
    else:
        print(_lines(args.photo, facings, comparison, seconds))
    return 0


def _values(
    photo: str, facings: Sequence[Facing], comparison: Comparison | None, seconds: float
) -> dict[str, Any]:
    return {
        "photo": photo,
        "facings": [each.to_dict() for each in facings],
        **({} if comparison is None else {"planogram": comparison.to_dict()}),
        "seconds": round(seconds, 2),
    }


def _lines(
    photo: str, facings: Sequence[Facing], comparison: Comparison | None, seconds: float
) -> str:
    if not facings:
        lines = [f"{photo}  {NOTHING}  ({seconds:.1f} s)"]
    else:
        rows = max(each.row for each in facings)
        lines = [
            f"{photo}  {len(facings)} facing{'s'[: len(facings) > 1]} in {rows} "
            f"row{'s'[: rows > 1]}  ({seconds:.1f} s)"
        ]
    names = {each.product: each.answer.matches[0].name for each in facings if each.product}
    counts = Counter(each.product for each in facings if each.product)
    lines += [f"  {count:4d}  {names[product]}" for product, count in counts.most_common()]
    for decision in ("ambiguous", "unknown"):
        count = sum(each.answer.decision == decision for each in facings)
        lines += [f"  {count:4d}  {decision}"] if count else []
    if comparison is not None:
        lines += [
            f"missing: {product}, row {row}: {count} facing{'s'[: count > 1]}"
            for product, row, count in comparison.missing
        ]
        for kind, group in (
            ("misplaced", comparison.misplaced),
            ("not in the planogram", comparison.unplanned),
        ):
            lines += [
                f"{kind}: {each.product}, row {each.row}, position {each.position}"
                for each in group
            ]
        if not (comparison.missing or comparison.misplaced or comparison.unplanned):
            lines.append("as the planogram says")
    return "\n".join(map(printable, lines))


def _csv(facings: Sequence[Facing]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in facings:
        best, answer = each.answer.best, each.answer
        texts = [cell(best.id), cell(best.name)] if best else ["", ""]
        box = [f"{side:.4f}" for side in each.region.box]
        at = [each.row, each.position]
        writer.writerow([*at, *texts, answer.decision, f"{answer.confidence:.4f}", *box])
    return stream.getvalue()


def _draw(
    path: Path, pixels: Any, facings: Sequence[Facing], comparison: Comparison | None
) -> None:
    from shelflens.render.boxes import Label, draw_boxes
    from shelflens.render.suggestion_sheet import save_png

    wrong = [] if comparison is None else [*comparison.misplaced, *comparison.unplanned]
    labels = [
        Label(
            each.region.box,
            printable(each.answer.best.name) if each.answer.best else each.answer.decision,
            "wrong" if each in wrong else each.answer.decision,
        )
        for each in facings
    ]
    save_png(draw_boxes(pixels, labels), path)
