"""`shelflens catalog build | info | add | update | export | remove | ... | rollback`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from shelflens.catalog.audit import detailed
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.confirm import MAX_CONFIRMED, confirm, unconfirm
from shelflens.catalog.lock import opened_to_change
from shelflens.catalog.summary import summarize
from shelflens.commands import attributes, calibration, enroll, exchange, installing
from shelflens.commands.arguments import add_model, find_typed, open_model, positive, typed_id
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.enroll import size_line
from shelflens.commands.photos import embed_every
from shelflens.console import printable
from shelflens.errors import CatalogError, UsageError

HELP = "Build, calibrate, inspect and change a catalog file."
EXAMPLES = (
    "catalog build products.csv --out store.catalog",
    "catalog build photos --flat --out store.catalog",
    "catalog build photos --ray local --out store.catalog",
    "catalog info store.catalog",
    "catalog info store.catalog --json",
    "catalog add store.catalog new-products.csv",
    "catalog add --catalog store.catalog new-photos --strict",
    "catalog update store.catalog prices.csv",
    "catalog update store.catalog prices.xlsx --columns product=SKU",
    "catalog export store.catalog --csv products.csv",
    "catalog export store.catalog --csv -",
    "catalog remove store.catalog milk/oat-1l tea",
    "catalog remove --catalog store.catalog tea",
    "catalog calibrate store.catalog --queries photos.csv",
    "catalog calibrate store.catalog --queries photos.csv --json",
    "catalog confirm store.catalog photo.jpg milk/oat-1l",
    "catalog confirm store.catalog good-photos milk/oat-1l",
    "catalog unconfirm store.catalog milk/oat-1l",
    "catalog unconfirm store.catalog milk/oat-1l --all",
    "catalog install new.catalog /srv/shelflens/store.catalog",
    "catalog install new.catalog --catalog /srv/shelflens/store.catalog",
    "catalog rollback /srv/shelflens/store.catalog",
    "catalog rollback --catalog /srv/shelflens/store.catalog",
    "catalog receive incoming store.catalog --trust shop.pub",
    "catalog receive /var/lib/shop/incoming my.catalog --trust shop.pub",
    "catalog diff yesterday.catalog today.catalog --out today.delta",
    "catalog diff store.catalog new.catalog --out new.delta",
    "catalog apply store.catalog today.delta",
    "catalog apply today.delta --catalog store.catalog",
    "catalog merge first.catalog second.catalog --out both.catalog",
    "catalog merge store.catalog phone.catalog --out store-new.catalog",
    "catalog export store.catalog --vectors rows.parquet",
    "catalog export store.catalog --vectors rows",
    "catalog from-vectors rows.parquet --out store.catalog",
    "catalog from-vectors monday.parquet --out store.catalog",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    acts = parser.add_subparsers(
        dest="act",
        required=True,
        metavar="build|info|add|update|export|remove|calibrate|confirm|unconfirm|install|rollback"
        "|receive|diff|apply|merge|from-vectors",
    )

    enroll.add_build(acts.add_parser("build", help="embed a dataset into a new catalog"))

    info = acts.add_parser("info", help="what a catalog holds; checks every byte of it")
    add_catalog(info)
    info.add_argument("--json", action="store_true", help="as one JSON object, with all ids")

    enroll.add_add(acts.add_parser("add", help="add a dataset; the file is replaced at once"))

    attributes.add_update(
        acts.add_parser("update", help="change attributes by id, such as prices; no photos")
    )
    attributes.add_export(
        acts.add_parser("export", help="attributes as a CSV, or rows for a vector engine")
    )

    remove = acts.add_parser("remove", help="remove products; the file is replaced at once")
    remove.add_argument("ids", nargs="+", metavar="ID", help="products")
    add_catalog(remove)

    calibration.add_arguments(
        acts.add_parser("calibrate", help="measure probabilities on labelled photos")
    )

    confirm = acts.add_parser("confirm", help="a photo shows this product: it is kept for it")
    confirm.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="photos of the product, or folders of them"
    )
    confirm.add_argument("id", metavar="ID", help="the product that they show")
    add_catalog(confirm)
    confirm.add_argument(
        "--limit",
        type=positive,
        default=MAX_CONFIRMED,
        help="confirmed photos per product (default: %(default)s)",
    )
    add_model(confirm)

    undo = acts.add_parser("unconfirm", help="take back the newest confirmed photo of a product")
    undo.add_argument("id", metavar="ID", help="the product")
    add_catalog(undo)
    undo.add_argument("--all", action="store_true", help="all confirmed photos of the product")
    for act in (confirm, undo):
        act.add_argument("--json", action="store_true", help="as one JSON object")

    installing.add_arguments(acts)

    exchange.add_arguments(acts)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    acts = {"build": enroll.build, "info": _info, "add": enroll.add, "remove": _remove}
    acts |= {"calibrate": calibration.run, "confirm": _confirm, "unconfirm": _unconfirm}
    acts |= installing.ACTS | exchange.ACTS
    acts |= {"update": attributes.update, "export": attributes.export}
    products = {"product": args.id} if "id" in args else {}
    with detailed(subcommand=args.act, **products):
        return acts[args.act](args)


def _remove(args: argparse.Namespace) -> int:
    with opened_to_change(args.catalog) as catalog:
        try:
            smaller = catalog.remove([typed_id(catalog, text) for text in args.ids])
        except CatalogError as error:
            raise CatalogError(f"{args.catalog}: {error}; nothing was removed") from error
        smaller.save(args.catalog)
    print(f"{args.catalog}: {size_line(smaller, Path(args.catalog))}")
    return 0


def _confirm(args: argparse.Namespace) -> int:
    catalog = Catalog.open(args.catalog)
    if find_typed(catalog, args.id) is None and find_typed(catalog, args.photos[0]):
        raise UsageError(f"the photos come before the product: PHOTO ... {args.photos[0]}")
    args.id = typed_id(catalog, args.id)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    names, vectors = embed_every(embedder, args.photos)
    # Opened again: another command may have changed it.
    with opened_to_change(args.catalog, space=embedder.card.space) as catalog:
        done, kept = [], False
        for vector in vectors:
            catalog, confirmed = confirm(catalog, args.id, vector, limit=args.limit)
            done.append(confirmed)
            kept |= confirmed.kept
        if kept:
            catalog.save(args.catalog)
    for name, confirmed in zip(names, done, strict=True):
        if args.json:
            print(json.dumps(confirmed.to_dict(), ensure_ascii=False))
            continue
        text = "adds nothing to the photos there are; the catalog is as before"
        if confirmed.kept:
            text = "kept, an older photo made room" if confirmed.replaced else "kept"
        photo = f"{name}: " if len(names) > 1 else ""
        line = f"{args.catalog}: {args.id}: {photo}{text}; confirmed photos: {confirmed.confirmed}"
        print(printable(line))
    return 0


def _unconfirm(args: argparse.Namespace) -> int:
    with opened_to_change(args.catalog) as catalog:
        try:
            args.id = typed_id(catalog, args.id)
            smaller, count = unconfirm(catalog, args.id, everything=args.all)
        except CatalogError as error:
            raise CatalogError(f"{args.catalog}: {error}") from error
        smaller.save(args.catalog)
    if args.json:
        print(json.dumps({"id": args.id, "taken_back": count}, ensure_ascii=False))
        return 0
    print(f"{args.catalog}: {args.id}: confirmed photos taken back: {count}")
    return 0


def _info(args: argparse.Namespace) -> int:
    from shelflens.signing.neighbours import signature_path

    catalog = Catalog.open(args.catalog)
    catalog.verify()
    size = Path(args.catalog).stat().st_size
    signature = signature_path(Path(args.catalog))
    signed = signature.name if signature.exists() else None
    summary = {"file": args.catalog, "bytes": size, **summarize(catalog), "signature": signed}
    if args.json:
        print(json.dumps({**summary, "ids": catalog.ids}, ensure_ascii=False))
        return 0
    for key, value in summary.items():
        text = value
        if isinstance(value, list):
            text = ", ".join(value)
        elif key == "signature":
            text = f"{value}, not checked here: shelflens verify" if value else "none"
        elif key == "calibration":
            text = f"\n{'':<12}".join(calibration.calibration_lines(catalog))
        print(f"{key:<12}{text if key == 'calibration' else printable(str(text))}")
    shown = catalog.ids[:10]
    more = f" and {len(catalog) - 10} more (--json lists all)" if len(catalog) > 10 else ""
    print(printable(f"{'ids':<12}{', '.join(shown)}{more}"))
    return 0
