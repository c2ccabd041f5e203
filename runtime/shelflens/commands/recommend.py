"""`shelflens recommend STORE.catalog --profile ME.profile`."""

from __future__ import annotations

import argparse
import json

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_query, add_sheet, columns
from shelflens.discovery.profile import Profile
from shelflens.discovery.recommend import Recommendation, recommend
from shelflens.discovery.taste import Taste
from shelflens.options import add_options, from_options

HELP = "Suggest products that this customer would like, and say why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("catalog", metavar="STORE.catalog")
    parser.add_argument("--profile", required=True, metavar="ME.profile")
    parser.add_argument(
        "--consumables", action="store_true", help="what was bought or liked may come again"
    )
    parser.add_argument(
        "--popular",
        metavar="COLUMN",
        help="for a customer without a past: the column of numbers to go by (default: show "
        "products that differ)",
    )
    add_query(parser, k=10)
    add_sheet(parser)
    add_options(parser, Taste)


def run(args: argparse.Namespace) -> int:
    """Ask, print, draw."""
    catalog = Catalog.open(args.catalog)
    with Profile(args.profile) as profile:
        profile.require(catalog.space)
        events = profile.events()
    found = recommend(
        catalog,
        events,
        k=args.k,
        where=args.where,
        diverse=args.diverse,
        consumables=args.consumables,
        popular=args.popular,
        taste=from_options(Taste, args),
    )
    if args.sheet is not None:
        _draw(args, catalog, found)
    if args.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False))
        return 0
    print(_headline(found))
    width = max(len(one.product.name) for one in found.suggestions)
    for one in found.suggestions:
        score = f"{one.product.score:6.3f}" if one.event else " " * 6
        print(f"  {score}  {one.product.name:<{width}}  {one.because}{columns(one.product)}")
    if args.sheet is not None:
        print(f"sheet  {args.sheet}")
    return 0


def _headline(found: Recommendation) -> str:
    if found.basis == "profile":
        shares = ", ".join(f"{weight:.0%}" for weight in found.weights)
        many = f"{len(found.weights)} interests" if len(found.weights) > 1 else "one interest"
        return f"for you, from {many} ({shares}):"
    what = {"popular": "popular products", "diverse": "products that differ from each other"}
    return f"nothing is known about this customer yet; {what[found.basis]}:"


def _draw(args: argparse.Namespace, catalog: Catalog, found: Recommendation) -> None:
    from shelflens.render.suggestion_sheet import (
        draw_shelves,
        find_pictures,
        save_sheet,
        shelves_of,
    )

    pictures = find_pictures(catalog, args.pictures)
    shelves = shelves_of(found, pictures)
    save_sheet(
        draw_shelves(
            shelves, title="For you", lines=[_headline(found).removeprefix("for you, ").rstrip(":")]
        ),
        args.sheet,
    )
