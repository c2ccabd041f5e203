"""`shelflens lookup PHOTO... --catalog STORE.catalog [--fuse] [--find] [--status]`."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator

from shelflens.catalog.answer import Answer
from shelflens.catalog.barcodes import BARCODE, CodedAnswer, reads_barcodes
from shelflens.catalog.calibration import MEASURED
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.lookup import EmbeddedQuery, answer_queries, embed_query
from shelflens.commands.arguments import (
    add_barcode,
    add_model,
    open_model,
    positive,
    table,
)
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.finding import add_find, check_contact_sheet, look_up_found
from shelflens.commands.photos import STDIN, Photos, find_photos
from shelflens.commands.trust_option import add_trust, open_trust
from shelflens.console import printable
from shelflens.errors import PhotoError
from shelflens.model.embedder import Embedder

HELP = "Tell which product of a catalog each photo shows."
EXAMPLES = (
    "lookup photo.jpg --catalog store.catalog",
    "lookup photos --catalog store.catalog -k 1 --json",
    "lookup a.jpg --catalog my.catalog --find all --contact-sheet all.png",
    "lookup front.jpg back.jpg --fuse --status --catalog store.catalog",
)

STATUS = {"match": 0, "ambiguous": 3, "unknown": 4}
"""Exit status with --status. 1 stays what could not be done, 2 a wrong command line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="photos, or folders of them; - is standard input"
    )
    add_catalog(parser)
    add_model(parser)
    add_trust(parser)
    add_find(parser)
    parser.add_argument("-k", type=positive, default=5, help="products to show (default: 5)")
    parser.add_argument(
        "--fuse", action="store_true", help="the photos show one thing: one answer for all"
    )
    parser.add_argument(
        "--status",
        action="store_true",
        help="exit with 0 for match, 3 ambiguous, 4 unknown; of several answers the highest",
    )
    add_barcode(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per answer per line")


def run(args: argparse.Namespace) -> int:
    """Answer; a photo that cannot be read does not stop the rest, and is named at the end."""
    check_contact_sheet(args)
    trust = open_trust(args)
    catalog = Catalog.open(args.catalog, check=None if trust is None else trust.check)
    embedder = open_model(args, trust)
    catalog.require(embedder.card.space)
    photos, status = find_photos(args.photos), 0
    barcodes = args.barcode == "auto" and reads_barcodes(catalog)
    queries = _embedded(embedder, photos, barcodes=barcodes)
    if args.find != "off":
        decisions = look_up_found(
            args, embedder, catalog, photos, trust, table=answer_table, words=words_of
        )
        status = max((STATUS[decision] for decision in decisions), default=0)
    elif args.fuse:
        together = list(queries)
        status = _print_answer(catalog, together, args) if together else 0
    else:
        for query in queries:
            status = max(status, _print_answer(catalog, [query], args))
    if photos.report("lookup"):
        return 1
    return status if args.status else 0


def _embedded(embedder: Embedder, photos: Photos, *, barcodes: bool) -> Iterator[EmbeddedQuery]:
    for name in photos.names:
        try:
            photo = sys.stdin.buffer.read() if name == STDIN else name
            yield embed_query(embedder, photo, name, barcodes=barcodes)
        except (PhotoError, OSError) as error:
            photos.failed(error)


def _print_answer(catalog: Catalog, queries: list[EmbeddedQuery], args: argparse.Namespace) -> int:
    """Print one answer to one photo, or to several of one thing; gives its exit status."""
    timed = answer_queries(catalog, queries, k=args.k, fused=args.fuse)
    if args.json:
        print(json.dumps(timed.to_dict(), ensure_ascii=False))
    else:
        names = timed.names
        shown = names[0] if len(names) == 1 else f"{len(names)} photos, {names[0]} ..."
        print(answer_table(shown, timed.answer, timed.spent["total"]))
        if line := contradiction(timed.coded):
            print(printable(f"   {line}"))
    return STATUS[timed.answer.decision]


def contradiction(coded: CodedAnswer | None) -> str:
    """What to tell where the picture shows another product than the barcode, or nothing."""
    seen = coded.vision.best if coded is not None and coded.vision is not None else None
    return f"the picture looks like {seen.name}: is the code its own?" if seen else ""


def answer_table(name: str, answer: Answer, spent: float) -> str:
    """An answer for people: a line, and the products below it."""
    text, confidence = words_of(answer)
    if answer.decision == "unknown" and answer.matches:
        text += "; the nearest are"
    lines = [printable(f"{name}  {text}  ({confidence}; {spent:.1f} ms)")]
    if answer.matches:
        lines.append(table(answer.matches))
    return "\n".join(lines)


def words_of(answer: Answer) -> tuple[str, str]:
    """An answer for people: what it is, and the confidence in it."""
    text: str = answer.decision
    if answer.best:
        text = f"match: {answer.best.name}"
    elif answer.decision == "ambiguous":
        names = [match.name for match in answer.candidates]
        more = [f"{len(names) - 3} more"] if len(names) > 3 else []
        perhaps = "perhaps " if len(names) == 1 else ""
        text = f"ambiguous: {perhaps}{' or '.join(names[:3] + more)}"
    elif answer.matches:
        text = "unknown: not in this catalog"
    # Rounded down: nothing is shown as certain.
    confidence = "confidence" if answer.best else "confidence in the first"
    confidence += f" {math.floor(answer.confidence * 100) / 100:.2f}"
    if answer.basis == BARCODE:
        confidence += " by its barcode"
    elif answer.basis != MEASURED:
        confidence += f" by {answer.basis}, not calibrated"
    return text, confidence
