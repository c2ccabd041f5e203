"""`shelflens similar STORE.catalog ID|PHOTO`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_contact_sheet, add_model, add_query, open_model, table
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
    add_contact_sheet(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print, draw."""
    catalog = Catalog.open(args.catalog)
    query = product_or_photo(catalog, args)
    found = similar(catalog, query, k=args.k, where=args.where, diverse=args.diverse)
    if args.contact_sheet is not None:
        _draw_contact_sheet(args, catalog, query, found)
    if args.json:
        asked = {"id" if isinstance(query, str) else "photo": args.query}
        answer = {**asked, "similar": [match.to_dict() for match in found]}
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    print(f"like {args.query}:")
    print(table(found))
    if args.contact_sheet is not None:
        print(f"contact sheet  {args.contact_sheet}")
    return 0


def product_or_photo(catalog: Catalog, args: argparse.Namespace) -> str | NDArray[np.float32]:
    """The id, or the embedding of the photo; an id wins."""
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


def _draw_contact_sheet(
    args: argparse.Namespace,
    catalog: Catalog,
    query: str | NDArray[np.float32],
    found: list[Match],
) -> None:
    from shelflens.render.product_images import product_images
    from shelflens.render.suggestion_sheet import (
        SuggestionGroup,
        card,
        draw_suggestions,
        save_png,
    )

    images = product_images(catalog, args.images)
    if isinstance(query, str):
        product = catalog.at(catalog.index_of(query))
        name, image = product.name, images(query)
    else:
        name, image = Path(args.query).name, Path(args.query)
    group = SuggestionGroup("you look at", name, image, [card(match, images) for match in found])
    filtered = [f"with {' and '.join(args.where)}"] if args.where else []
    varied = [f"varied by {args.diverse:g}"] if args.diverse else []
    line = ", ".join([f"{len(catalog):,} products compared by their images", *filtered, *varied])
    save_png(
        draw_suggestions([group], title=f"Similar to {name}", lines=[line]), args.contact_sheet
    )
