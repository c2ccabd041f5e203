"""`shelflens recommend STORE.catalog --profile ME.profile`."""

from __future__ import annotations

import argparse
import json

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_query, columns, report_texts
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_contact_sheet, columns_of
from shelflens.commands.outputs import check_contact_sheet
from shelflens.console import printable
from shelflens.discovery.preferences import RecommendOptions
from shelflens.discovery.profile import Profile
from shelflens.discovery.recommend import Recommendation, recommend
from shelflens.options import add_options, from_options

HELP = "Suggest products that this customer would like, and say why."
EXAMPLES = (
    "recommend store.catalog --profile me.profile -k 4",
    "recommend store.catalog --profile me.profile --where category=Pantry",
    "recommend store.catalog --popular sold",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_catalog(parser)
    parser.add_argument(
        "--profile",
        metavar="ME.profile",
        help="of shelflens profile (default: a customer without a history)",
    )
    parser.add_argument(
        "--consumables", action="store_true", help="what was bought or liked may come again"
    )
    parser.add_argument(
        "--popular",
        metavar="COLUMN",
        help="for a customer without a history: the column of numbers to sort by (default: show "
        "products that differ)",
    )
    add_query(parser, k=10)
    add_contact_sheet(parser)
    add_options(parser, RecommendOptions, groups=["how events count"])


def run(args: argparse.Namespace) -> int:
    """Recommend, print, draw."""
    options = from_options(RecommendOptions, args)
    check_contact_sheet(args, [args.catalog, *([args.profile] if args.profile else [])])
    catalog = Catalog.open(args.catalog)
    report_texts(args.where, catalog)
    events = []
    if args.profile:
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
        options=options,
    )
    if args.contact_sheet is not None:
        _draw_contact_sheet(args, catalog, found)
    if args.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False))
        return 0
    print(_headline(args, found))
    width = max(len(printable(suggestion.product.name)) for suggestion in found.suggestions)
    for suggestion in found.suggestions:
        product = suggestion.product
        score = f"{product.score:6.3f}" if suggestion.event else " " * 6
        name, because = printable(product.name), printable(suggestion.because)
        print(f"  {score}  {name:<{width}}  {because}{columns(product)}")
    if args.contact_sheet is not None:
        print(f"contact sheet  {args.contact_sheet}")
    return 0


def _headline(args: argparse.Namespace, found: Recommendation) -> str:
    if found.basis == "profile":
        shares = ", ".join(f"{weight:.0%}" for weight in found.weights)
        count = f"{len(found.weights)} interests" if len(found.weights) > 1 else "one interest"
        return f"for you, from {count} ({shares}):"
    what = {"popular": "popular products", "diverse": "products that differ from each other"}
    if not args.profile:
        by = f", by {args.popular}" if args.popular else ""
        return f"{what[found.basis]}{by}:"
    return f"nothing is known about this customer yet; {what[found.basis]}:"


def _draw_contact_sheet(args: argparse.Namespace, catalog: Catalog, found: Recommendation) -> None:
    from shelflens.render.product_images import product_images
    from shelflens.render.suggestion_sheet import draw_suggestions, groups_of, save_png

    groups = groups_of(found, product_images(catalog, args.images, columns_of(args)))
    save_png(
        draw_suggestions(
            groups,
            title="For you",
            lines=[_headline(args, found).removeprefix("for you, ").rstrip(":")],
        ),
        args.contact_sheet,
    )
