"""`shelflens similar STORE.catalog ID|PHOTO`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, add_query, add_sheet, open_model, table
from shelflens.discovery.similar import similar
from shelflens.errors import CatalogError

HELP = "Show the products most like a product of a catalog, or like what a photo shows."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("catalog", metavar="STORE.catalog")
    parser.add_argument(
        "query",
        metavar="ID|PHOTO",
        help="an id of the catalog, else a photo; ./NAME is always a photo",
    )
    add_query(parser, k=5)
    add_sheet(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, print, draw."""
    catalog = Catalog.open(args.catalog)
    query = product_or_photo(catalog, args)
    found = similar(catalog, query, k=args.k, where=args.where, diverse=args.diverse)
    if args.sheet is not None:
        _draw(args, catalog, query, found)
    if args.json:
        similar_to = {"id" if isinstance(query, str) else "photo": args.query}
        said = {**similar_to, "similar": [one.to_dict() for one in found]}
        print(json.dumps(said, ensure_ascii=False))
        return 0
    print(f"like {args.query}:")
    print(table(found))
    if args.sheet is not None:
        print(f"sheet  {args.sheet}")
    return 0


def product_or_photo(catalog: Catalog, args: argparse.Namespace) -> str | NDArray[np.float32]:
    """The id, or the embedding of the photo. An id wins: it is what the catalog is about."""
    try:
        catalog.index_of(args.query)
    except CatalogError as error:
        if not Path(args.query).exists():
            raise CatalogError(f"{error}; and no such photo") from error
    else:
        return str(args.query)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    return embedder.embed(args.query)


def _draw(
    args: argparse.Namespace,
    catalog: Catalog,
    query: str | NDArray[np.float32],
    found: list[Match],
) -> None:
    from shelflens.render.suggestion_sheet import (
        Shelf,
        card,
        draw_shelves,
        find_pictures,
        save_sheet,
    )

    pictures = find_pictures(catalog, args.pictures)
    if isinstance(query, str):
        asked = catalog.at(catalog.index_of(query))
        name, picture = asked.name, pictures(query)
    else:
        name, picture = Path(args.query).name, Path(args.query)
    shelf = Shelf("you look at", name, picture, [card(one, pictures) for one in found])
    asked_for = [f"with {' and '.join(args.where)}"] if args.where else []
    varied = [f"varied by {args.diverse:g}"] if args.diverse else []
    line = ", ".join([f"{len(catalog):,} products compared by their pictures", *asked_for, *varied])
    save_sheet(draw_shelves([shelf], title=f"Similar to {name}", lines=[line]), args.sheet)
