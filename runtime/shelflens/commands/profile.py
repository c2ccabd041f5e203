"""`shelflens profile log | show | forget | export`."""

from __future__ import annotations

import argparse
import calendar
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import unit_queries
from shelflens.commands.arguments import add_model, open_model, typed_id
from shelflens.commands.catalog_option import add_catalog, usual_catalog
from shelflens.commands.outputs import check_file, holds
from shelflens.commands.photos import embed_every
from shelflens.console import printable
from shelflens.discovery.events import NewEvent
from shelflens.discovery.preferences import interests_of
from shelflens.discovery.profile import Profile
from shelflens.errors import DataError, ProfileError, UsageError
from shelflens.files import atomic_writer
from shelflens.product_ids import clean_id
from shelflens.spelling import did_you_mean

HELP = "Keep what a customer viewed, liked and bought in one private file on this device."

EXAMPLES = (
    "profile log me.profile --catalog store.catalog --like milk --buy tea",
    "profile log me.profile --photo liked-photos",
    "profile show me.profile",
    "profile show me.profile --json",
    "profile forget me.profile tea",
    "profile forget me.profile --all",
    "profile export me.profile --out me.json",
    "profile export me.profile --vectors",
)

EVENT_OPTIONS = ("view", "like", "buy", "dislike")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="log|show|forget|export")

    log = acts.add_parser("log", help="add what happened; makes the file if there is none")
    log.add_argument("profile", metavar="ME.profile")
    for kind in EVENT_OPTIONS:
        log.add_argument(f"--{kind}", action="append", default=[], metavar="ID")
    log.add_argument(
        "--photo",
        nargs="+",
        action="extend",
        default=[],
        metavar="PHOTO",
        help="photos of something liked, or folders of them",
    )
    add_catalog(log, "where the ids are, else the one used last", may_lack=True)
    log.add_argument("--at", metavar="TIME", help="when, as 2026-11-23 or 2026-11-23T14:05 UTC")
    add_model(log)

    show = acts.add_parser("show", help="the events, and the interests behind them")
    show.add_argument("profile", metavar="ME.profile")
    show.add_argument("--json", action="store_true", help="as one JSON object")

    forget = acts.add_parser("forget", help="remove events, so that no byte of them is left")
    forget.add_argument("profile", metavar="ME.profile")
    forget.add_argument("ids", nargs="*", default=[], metavar="ID", help="the events of a product")
    forget.add_argument("--all", action="store_true", help="everything")

    export = acts.add_parser("export", help="everything in the file, as JSON")
    export.add_argument("profile", metavar="ME.profile")
    export.add_argument("--out", type=Path, metavar="FILE.json", help="default: standard output")
    export.add_argument("--vectors", action="store_true", help="the embeddings too")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    acts = {"log": _log, "show": _show, "forget": _forget, "export": _export}
    return acts[args.act](args)


def _log(args: argparse.Namespace) -> int:
    asked = [(kind, product) for kind in EVENT_OPTIONS for product in getattr(args, kind)]
    if not asked and not args.photo:
        raise UsageError("expected at least one of --view, --like, --buy, --dislike, --photo")
    at = None if args.at is None else _seconds(args.at)
    # Everything that can fail is checked before the file is created or changed.
    remembered = ""
    if Path(args.profile).exists():
        with Profile(args.profile, create=True) as profile:  # it may be empty
            remembered = profile.metadata("catalog")
    events: list[NewEvent] = []
    spaces: set[str] = set()
    catalog: Catalog | None = None
    catalog_path = args.catalog or remembered or usual_catalog()
    if asked:
        if not catalog_path:
            raise UsageError("which catalog are these ids of? add --catalog STORE.catalog once")
        catalog = Catalog.open(catalog_path)
        for kind, product in asked:
            product = typed_id(catalog, product)
            index = catalog.index_of(product)
            name = catalog.at(index).name
            vector = catalog.adaptation.undone(catalog.mean_direction(index)[np.newaxis])[0]
            events.append(NewEvent(kind, vector, product, name))
        spaces.add(catalog.space)
    if args.photo:
        embedder = open_model(args)
        space = embedder.card.space
        names, vectors = embed_every(embedder, args.photo)
        if catalog is not None and catalog.contents.accepts(space):
            space, vectors = catalog.space, unit_queries(catalog.contents, vectors)
        for name, vector in zip(names, vectors, strict=True):
            events.append(NewEvent("photo", vector, name=Path(name).name))
        spaces.add(space)
    if len(spaces) > 1:
        first, second = sorted(spaces)
        raise DataError(f"catalog and model are of two spaces, {first!r} and {second!r}")
    home = str(Path(catalog_path).resolve()) if catalog_path else ""
    with Profile(args.profile, create=True) as profile:
        profile.log_all(events, space=spaces.pop(), at=at, catalog=home)
        total = len(profile.events())
    print(f"{args.profile}: {len(events)} logged, {total} events in all")
    return 0


def _show(args: argparse.Namespace) -> int:
    with Profile(args.profile) as profile:
        events, space, home = profile.events(), profile.space, profile.metadata("catalog")
    catalog = Catalog.open(home) if home and Path(home).exists() else None
    if catalog is not None and not catalog.contents.accepts(space):
        catalog = None  # its similarities are of other vectors
    interests, weights = interests_of(events, catalog)
    kinds = Counter(event.kind for event in events)
    weighted = list(zip(events, weights, strict=True))
    if args.json:
        summary = {
            "file": args.profile,
            "space": space,
            "events": len(events),
            "kinds": dict(kinds),
            "interests": [
                {
                    "share": round(interest.weight, 4),
                    "about": events[interest.medoid].name,
                    "events": [events[n].number for n in interest.members],
                }
                for interest in interests
            ],
            "log": [
                event.to_dict() | {"weight": round(float(weight), 4)} for event, weight in weighted
            ],
        }
        print(json.dumps(summary, ensure_ascii=False))
        return 0
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    print(f"{args.profile}: {len(events)} events{f' ({counts})' if counts else ''}")
    for interest in interests:
        names = list(dict.fromkeys(events[n].name for n in interest.members))
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        print(printable(f"  {interest.weight:4.0%}  {', '.join(names[:4])}{more}"))
    for event, weight in weighted[-10:]:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(event.at))
        print(printable(f"  {when}  {event.kind:<8}{weight:+6.2f}  {event.name}"))
    return 0


def _forget(args: argparse.Namespace) -> int:
    if args.all == bool(args.ids):
        raise UsageError("expected the ids of products, or --all")
    with Profile(args.profile) as profile:
        known = {event.product for event in profile.events()}
        ids = [product if product in known else clean_id(product) for product in args.ids]
        if missing := [product for product in ids if product not in known]:
            hint = did_you_mean(missing[0], filter(None, known))
            raise ProfileError(
                f"{args.profile}: no event of {missing[0]!r}; nothing was removed{hint}"
            )
        removed = profile.forget(None if args.all else ids)
        print(f"{args.profile}: {removed} removed, {len(profile.events())} events left")
    return 0


def _export(args: argparse.Namespace) -> int:
    if args.out is not None:
        check_file(
            args.out, inputs=[args.profile], is_ours=holds('"events"'), example="profile.json"
        )
    with Profile(args.profile) as profile:
        text = profile.export(vectors=args.vectors)
    if args.out is None:
        print(text)
        return 0
    with atomic_writer(args.out, private=True) as stream:  # as the profile itself
        stream.write(f"{text}\n".encode())
    print(f"{args.out}: {Path(args.out).stat().st_size:,} bytes")
    return 0


def _seconds(text: str) -> float:
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            return float(calendar.timegm(time.strptime(text.rstrip("Z"), form)))
        except ValueError:
            continue
    raise DataError(f"time {text!r}: expected 2026-11-23 or 2026-11-23T14:05 (UTC)")
