"""`--find` and `--finder`: products looked for in a photo before they are recognised."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.commands.outputs import check_file, is_png
from shelflens.commands.photos import STDIN, Photos
from shelflens.console import printable
from shelflens.errors import PhotoError, UsageError
from shelflens.model.embedder import Embedder
from shelflens.model.quiet import without_greeting

if TYPE_CHECKING:  # a lookup without --find starts without these
    from shelflens.finding.answers import FoundAnswer
    from shelflens.finding.finder import Finder
    from shelflens.model.image import Photo
    from shelflens.render.found_sheet import FoundCard
    from shelflens.signing.trust import Trust

WAYS = ("one", "all", "off")
NOTHING = "no product found"
MAX_CARDS = 60
"""Photos of a contact sheet."""


def add_find(parser: argparse.ArgumentParser, *, every: bool = True) -> None:
    """Declare --find and --finder.

    Args:
        parser: Of a command.
        every: Whether the command can answer for each product of a picture.
    """
    group = parser.add_argument_group("finding the product in the picture")
    group.add_argument(
        "--find",
        choices=WAYS if every else ("one", "off"),
        default="off",
        help="one: cut the main product out; "
        + ("all: an answer for each product; " if every else "it is followed while it is there; ")
        + "off (default): the photo as it is",
    )
    add_finder(group)
    if every:
        group.add_argument(
            "--contact-sheet",
            type=Path,
            metavar="FILE.png",
            help=f"draw what is found on the photos, the first {MAX_CARDS} of them",
        )


def add_finder(parser: argparse._ActionsContainer) -> None:
    """Declare --finder."""
    parser.add_argument(
        "--finder",
        metavar="FILE",
        help=".tflite from shelflens export of a finder (default: the bundled one)",
    )


def open_finder(args: argparse.Namespace, trust: Trust | None = None) -> Finder:
    """The finder that the arguments ask for.

    Raises:
        ModelError, EngineError, FileNotFoundError: as `Finder.open`.
    """
    from shelflens.finding.finder import Finder

    check = None if trust is None else trust.check
    with without_greeting():
        return Finder.open(args.finder, engine=args.engine, threads=args.threads, check=check)


def look_up_found(
    args: argparse.Namespace,
    embedder: Embedder,
    catalog: Catalog,
    photos: Photos,
    trust: Trust | None,
    *,
    table: Callable[[str, Answer, float], str],
    words: Callable[[Answer], tuple[str, str]],
) -> list[str]:
    """Answer each photo with what is found in it, and print that.

    Args:
        args: Of the command line.
        embedder: The model.
        catalog: What is asked.
        photos: Those to read; what cannot be read is kept there.
        trust: Who has to have signed the finder, if anyone.
        table: Name, answer and milliseconds as lines for people.
        words: An answer in a few words, and the confidence in it.

    Returns:
        The decisions.

    Raises:
        UsageError: --fuse, which takes photos whole.
    """
    from shelflens.finding.answers import answer_every, answer_main

    if args.fuse:
        raise UsageError("--fuse and --find: expected one of them; leave out --find, or give off")
    finder = open_finder(args, trust)
    decisions: list[str] = []
    cards: list[FoundCard] = []
    for name in photos.names:
        try:
            photo = sys.stdin.buffer.read() if name == STDIN else name
            if args.find == "one":
                answers = [answer_main(finder, embedder, catalog, photo, name, k=args.k)]
            else:
                answers = answer_every(finder, embedder, catalog, photo, name, k=args.k)
        except (PhotoError, OSError) as error:
            photos.failed(error)
            continue
        if args.contact_sheet is not None and len(cards) < MAX_CARDS:
            cards.append(_card(photo, name, answers, words))
        for answer in answers:
            _print(answer, args, table)
        if not answers:
            nothing: dict[str, Any] = {
                "photo": name,
                "region": None,
                "decision": "unknown",
                "matches": [],
            }
            print(
                json.dumps(nothing, ensure_ascii=False)
                if args.json
                else printable(f"{name}  {NOTHING}")
            )
        decisions += [answer.timed.answer.decision for answer in answers] or ["unknown"]
    if cards:
        from shelflens.render.found_sheet import found_sheet
        from shelflens.render.suggestion_sheet import save_png

        save_png(found_sheet(cards), args.contact_sheet)
        if not args.json:
            print(f"contact sheet  {args.contact_sheet}")
    return decisions


def check_contact_sheet(args: argparse.Namespace) -> None:
    """Refuse a --contact-sheet without --find, or in the place of a file that is not ours.

    Raises:
        UsageError, DataError, FileNotFoundError: saying what to do.
    """
    if args.contact_sheet is None:
        return
    if args.find == "off":
        raise UsageError("--contact-sheet: draws what --find finds; add --find one or all")
    inputs = [args.catalog, *(photo for photo in args.photos if photo != STDIN)]
    check_file(args.contact_sheet, inputs=inputs, is_ours=is_png, example="contact-sheet.png")


def _card(
    photo: Photo,
    name: str,
    answers: Sequence[FoundAnswer],
    words: Callable[[Answer], tuple[str, str]],
) -> FoundCard:
    from shelflens.model.image import load_reduced
    from shelflens.render.found_sheet import PHOTO, DrawnAnswer, FoundCard

    lines = []
    for found in answers:
        answer, box = found.timed.answer, None if found.region is None else found.region.box
        text, confidence = map(printable, words(answer))
        lines.append(DrawnAnswer(box, answer.decision, text, confidence))
    return FoundCard(load_reduced(photo, min(PHOTO)), printable(name), lines, NOTHING)


def _print(
    found: FoundAnswer, args: argparse.Namespace, table: Callable[[str, Answer, float], str]
) -> None:
    if args.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    name, timed = found.timed.names[0], found.timed
    print(table(f"{name} {where(found)}", timed.answer, timed.spent["total"]))


def where(found: FoundAnswer) -> str:
    """A region for people: its box in percent of the picture."""
    if found.region is None:
        return f"({NOTHING}, whole picture)"
    left, top, right, bottom = (round(100 * side) for side in found.region.box)
    return f"[{left}-{right}% across, {top}-{bottom}% down]"
