"""`shelflens catalog calibrate`, and how a calibration is told to people."""

from __future__ import annotations

import argparse
import json
from typing import Any

from shelflens.calibration.calibrate import FAR, STRANGERS, calibrate, check
from shelflens.catalog.answer import DEFAULT, DEFAULT_CALIBRATION, MEASURED
from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, embed_photos, open_model
from shelflens.dataset import read_dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("catalog", metavar="STORE.catalog")
    parser.add_argument(
        "--queries",
        required=True,
        metavar="DATA",
        help="photos of the catalog's products, other than those it was built from",
    )
    parser.add_argument(
        "--unknowns",
        metavar="DATA",
        help="photos of things that are not in the catalog (default: the queries again, each with "
        "its own product left out)",
    )
    parser.add_argument(
        "--far",
        type=float,
        default=FAR,
        metavar="SHARE",
        help="of unknown things, how many may be taken for a product (default: %(default)s)",
    )
    parser.add_argument(
        "--strangers",
        type=float,
        default=STRANGERS,
        metavar="SHARE",
        help="of all photos looked up later, how many show unknown things; confidence depends "
        "on it (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, and put the result into the file; it is replaced at once."""
    catalog = Catalog.open(args.catalog)
    photos = read_dataset(args.queries)
    others = read_dataset(args.unknowns) if args.unknowns else None
    rates = {"far": args.far, "strangers": args.strangers}
    names = others.labels if others else []
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    # Before minutes of embedding, not after.
    check(catalog, photos.labels, names, given=others is not None, **rates)
    products, queries, _ = embed_photos(embedder, photos, source=args.queries)
    given: dict[str, Any] = {}
    if others:
        kinds, unknowns, _ = embed_photos(embedder, others, source=args.unknowns)
        given = {"unknowns": unknowns, "kinds": kinds}
    catalog.calibration = calibrate(
        catalog,
        queries,
        products,
        **given,
        **rates,
        default=embedder.card.calibration,
    )
    catalog.save(args.catalog)
    if args.json:
        print(json.dumps(catalog.calibration))
    else:
        print("\n".join([f"{args.catalog}: calibrated", *(f"  {one}" for one in told(catalog))]))
    return 0


def told(catalog: Catalog) -> list[str]:
    """A catalog's calibration in lines for people."""
    facts = {**DEFAULT_CALIBRATION, **catalog.calibration}
    if facts["basis"] != MEASURED:
        return [
            f"{DEFAULT}: threshold {facts['threshold']}, margin {facts['margin']}, not measured "
            "with this catalog (shelflens catalog calibrate)"
        ]
    if "far_interval" not in facts:  # measured by another writer
        return [", ".join(f"{key} {value}" for key, value in facts.items())]
    low, high = facts["threshold_interval"]
    least, most = facts["far_interval"]
    others = f"{facts['unknowns']} of unknown things" if facts["unknowns"] else "products left out"
    rest = "its products left out" if facts["unknowns"] else "the model's default"
    lines = [
        f"measured with {facts['queries']} photos of its products and {others}",
        f"threshold {facts['threshold']} (95 % sure: {low} to {high}); "
        f"{facts['weight']:.0%} from these, the rest from {rest}",
        f"of unknown things {facts['far_measured']:.1%} are taken for a product "
        f"({least:.1%} to {most:.1%}); target {facts['far']:.1%}",
        f"margin {facts['margin']}; of the photos {facts['matched']:.0%} are answered match"
        + (f", {facts['matched_right']:.1%} of these right" if facts["matched"] else "")
        + f"; {facts['accepted'] - facts['matched']:.0%} ambiguous, "
        f"{1 - facts['accepted']:.0%} unknown",
    ]
    if not facts["unknowns"]:
        lines.append("things unlike anything on sale were not tried: give some with --unknowns")
    if (facts["products"], facts["pictures"]) != (len(catalog), catalog.row_count):
        lines.append(
            f"the catalog had {facts['products']} products and {facts['pictures']} pictures then: "
            "calibrate again"
        )
    return lines
