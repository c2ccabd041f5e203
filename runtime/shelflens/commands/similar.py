"""`shelflens similar STORE.catalog ID|PHOTO`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Union

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import (
    add_model,
    add_query,
    find_typed,
    open_model,
    report_texts,
    table,
)
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_contact_sheet, columns_of
from shelflens.commands.outputs import check_contact_sheet
from shelflens.commands.photos import STDIN, Photos, find_photos
from shelflens.console import printable
from shelflens.discovery.similar import similar
from shelflens.errors import CatalogError, PhotoError

HELP = "Show the products most like a product of a catalog, or like what a photo shows."
EXAMPLES = (
    "similar store.catalog milk/oat-1l -k 3",
    "similar store.catalog photo.jpg --where 'price<5' --diverse 0.5",
    "similar --catalog store.catalog photos --json",
)

Query = Union[str, "NDArray[np.float32]"]
"""A product id, or the embedding of a photo."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "queries",
        nargs="+",
        metavar="ID|PHOTO",
        help="ids of the catalog, else photos or folders of them; ./NAME is always a photo",
    )
    add_catalog(parser)
    add_query(parser, k=5)
    add_contact_sheet(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print, draw; a photo that cannot be read does not stop the rest."""
    check_contact_sheet(args, [args.catalog, *args.queries])
    catalog = Catalog.open(args.catalog)
    photos = Photos()
    queries = list(_queries(catalog, args, photos))
    report_texts(args.where, catalog)
    answers = [
        (name, query, similar(catalog, query, k=args.k, where=args.where, diverse=args.diverse))
        for name, query in queries
    ]
    if args.contact_sheet is not None and answers:
        _draw_contact_sheet(args, catalog, answers)
    for name, query, found in answers:
        if args.json:
            asked = {"id" if isinstance(query, str) else "photo": name}
            answer = {**asked, "similar": [match.to_dict() for match in found]}
            print(json.dumps(answer, ensure_ascii=False))
        else:
            print(printable(f"like {name}:"))
            print(table(found))
    if args.contact_sheet is not None and answers and not args.json:
        print(f"contact sheet  {args.contact_sheet}")
    return photos.report("similar")


def _queries(
    catalog: Catalog, args: argparse.Namespace, photos: Photos
) -> Iterator[tuple[str, Query]]:
    """Each id, or photo with its embedding; an id wins."""
    embedder = None
    for word in args.queries:
        if (product := find_typed(catalog, word)) is not None:
            yield word, product
            continue
        named = find_photos([word])
        if named.names == [word] and word != STDIN and not Path(word).exists():
            _refuse(catalog, word)
        if embedder is None:
            embedder = open_model(args)
            catalog.require(embedder.card.space)
        photos.unread += named.unread
        for name in named.names:
            try:
                photo = sys.stdin.buffer.read() if name == STDIN else name
                yield name, embedder.embed(photo)
            except (PhotoError, OSError) as error:
                photos.failed(error)


def _refuse(catalog: Catalog, word: str) -> None:
    try:
        catalog.index_of(word)
    except CatalogError as error:
        raise CatalogError(f"{error}; and no such photo") from error


def _draw_contact_sheet(
    args: argparse.Namespace, catalog: Catalog, answers: list[tuple[str, Query, list[Match]]]
) -> None:
    from shelflens.render.product_images import product_images
    from shelflens.render.suggestion_sheet import (
        SuggestionGroup,
        card,
        draw_suggestions,
        save_png,
    )

    images = product_images(catalog, args.images, columns_of(args))
    groups = []
    for asked, query, found in answers:
        if isinstance(query, str):
            name, image = catalog.at(catalog.index_of(query)).name, images(query)
        else:
            name, image = Path(asked).name, None if asked == STDIN else Path(asked)
        cards = [card(match, images) for match in found]
        groups.append(SuggestionGroup("you look at", name, image, cards))
    filtered = [f"with {' and '.join(args.where)}"] if args.where else []
    varied = [f"varied by {args.diverse:g}"] if args.diverse else []
    line = ", ".join([f"{len(catalog):,} products compared by their images", *filtered, *varied])
    title = f"Similar to {groups[0].subtitle}" if len(groups) == 1 else "Similar products"
    save_png(draw_suggestions(groups, title=title, lines=[line]), args.contact_sheet)
