"""`shelflens catalog build | info | add | remove | calibrate | confirm | unconfirm`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.confirm import MOST, confirm, unconfirm
from shelflens.catalog.summary import summarize
from shelflens.commands import calibration
from shelflens.commands.arguments import add_model, embed_photos, open_model, positive
from shelflens.dataset import read_dataset
from shelflens.errors import CatalogError

HELP = "Build, calibrate, inspect and change a catalog file."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    acts = parser.add_subparsers(
        dest="act", required=True, metavar="build|info|add|remove|calibrate|confirm|unconfirm"
    )

    build = acts.add_parser("build", help="embed the photos of DATA into a new catalog")
    build.add_argument("data", metavar="DATA", help="folder with a folder per product, or a CSV")
    build.add_argument("--out", required=True, type=Path, metavar="STORE.catalog")
    add_model(build)

    info = acts.add_parser("info", help="what a catalog holds; checks every byte of it")
    info.add_argument("catalog", metavar="STORE.catalog")
    info.add_argument("--json", action="store_true", help="as one JSON object, with all ids")

    add = acts.add_parser("add", help="add the photos of DATA; the file is replaced at once")
    add.add_argument("catalog", metavar="STORE.catalog")
    add.add_argument("data", metavar="DATA")
    add_model(add)

    remove = acts.add_parser("remove", help="remove products; the file is replaced at once")
    remove.add_argument("catalog", metavar="STORE.catalog")
    remove.add_argument("ids", nargs="+", metavar="ID")

    calibration.add_arguments(
        acts.add_parser("calibrate", help="measure thresholds and confidence on labelled photos")
    )

    confirm = acts.add_parser("confirm", help="a photo shows this product: one more view of it")
    confirm.add_argument("catalog", metavar="STORE.catalog")
    confirm.add_argument("photo", metavar="PHOTO")
    confirm.add_argument("id", metavar="ID")
    confirm.add_argument(
        "--most",
        type=positive,
        default=MOST,
        help="confirmed views a product (default: %(default)s)",
    )
    add_model(confirm)

    undo = acts.add_parser("unconfirm", help="take back the newest confirmed photo of a product")
    undo.add_argument("catalog", metavar="STORE.catalog")
    undo.add_argument("id", metavar="ID")
    undo.add_argument("--all", action="store_true", help="all confirmed photos of the product")
    for one in (confirm, undo):
        one.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    acts = {"build": _build, "info": _info, "add": _add, "remove": _remove}
    acts |= {"calibrate": calibration.run, "confirm": _confirm, "unconfirm": _unconfirm}
    return acts[args.act](args)


def _build(args: argparse.Namespace) -> int:
    photos = read_dataset(args.data)
    embedder = open_model(args)
    ids, vectors, skipped = embed_photos(embedder, photos, source=args.data)
    card = embedder.card
    catalog = Catalog(
        ids,
        vectors,
        space=card.space,
        attributes=photos.attributes,
        calibration=card.calibration,
        category_axes=CategoryAxes.from_card(card.likeness),
    )
    catalog.save(args.out)
    print(f"{args.out}: {_size(catalog, args.out)}{_left_out(skipped)}")
    return 0


def _add(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    photos = read_dataset(args.data)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    ids, vectors, skipped = embed_photos(embedder, photos, source=args.data)
    grown = catalog.add(ids, vectors, attributes=photos.attributes)
    grown.save(args.catalog)
    new = grown.row_count - catalog.row_count
    doubled = len(ids) - new
    print(
        f"{args.catalog}: {new} pictures added"
        + (f", {doubled} were there already" if doubled else "")
        + f"; {_size(grown, Path(args.catalog))}{_left_out(skipped)}"
    )
    return 0


def _remove(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    try:
        smaller = catalog.remove(args.ids)
    except CatalogError as error:
        raise CatalogError(f"{args.catalog}: {error}; nothing was removed") from error
    smaller.save(args.catalog)
    print(f"{args.catalog}: {_size(smaller, Path(args.catalog))}")
    return 0


def _confirm(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    catalog.index_of(args.id)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    grown, done = confirm(catalog, args.id, embedder.embed(args.photo), most=args.most)
    if done.kept:
        grown.save(args.catalog)
    if args.json:
        print(json.dumps(done.to_dict(), ensure_ascii=False))
        return 0
    what = "kept, an older view made room" if done.replaced else "kept"
    said = what if done.kept else "adds nothing to the views there are; the catalog is as before"
    print(f"{args.catalog}: {args.id}: {said}; confirmed views: {done.views}")
    return 0


def _unconfirm(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    try:
        smaller, gone = unconfirm(catalog, args.id, everything=args.all)
    except CatalogError as error:
        raise CatalogError(f"{args.catalog}: {error}") from error
    smaller.save(args.catalog)
    if args.json:
        print(json.dumps({"id": args.id, "taken_back": gone}, ensure_ascii=False))
        return 0
    print(f"{args.catalog}: {args.id}: confirmed views taken back: {gone}")
    return 0


def _info(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    catalog.verify()
    told = {
        "file": args.catalog,
        "bytes": Path(args.catalog).stat().st_size,
        **summarize(catalog),
    }
    if args.json:
        print(json.dumps({**told, "ids": catalog.ids}, ensure_ascii=False))
        return 0
    for key, value in told.items():
        if isinstance(value, list):
            value = ", ".join(value)
        elif isinstance(value, dict):
            value = f"\n{'':<12}".join(calibration.told(catalog))
        print(f"{key:<12}{value}")
    shown = catalog.ids[:10]
    more = f" and {len(catalog) - 10} more (--json lists all)" if len(catalog) > 10 else ""
    print(f"{'ids':<12}{', '.join(shown)}{more}")
    return 0


def _size(catalog: Catalog, path: Path) -> str:
    size = path.stat().st_size
    return (
        f"{len(catalog)} products, {catalog.row_count} pictures, {size / 1024:.0f} KiB, "
        f"space {catalog.space}"
    )


def _left_out(skipped: int) -> str:
    return f"; {skipped} photos skipped, listed above" if skipped else ""
