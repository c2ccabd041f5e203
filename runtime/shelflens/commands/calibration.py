"""`shelflens catalog calibrate`, and how a calibration is shown to people."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.calibrate import Calibrated, calibrate
from shelflens.calibration.check import all_enrolled, check_request
from shelflens.calibration.fit import FALSE_ACCEPT_RATE, UNKNOWN_SHARE
from shelflens.catalog.calibration import DEFAULT, MEASURED, Calibration, Measurement
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.default_calibration import default_calibration
from shelflens.catalog.lock import opened_to_change
from shelflens.commands.arguments import add_model, open_model
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.embedding import embed_dataset
from shelflens.dataset import LabelledImage, read_dataset, read_unlabelled
from shelflens.errors import DataError
from shelflens.model.embedder import Embedder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_catalog(parser)
    parser.add_argument(
        "--queries",
        required=True,
        metavar="DATASET",
        help="photos of the catalog's products, other than those it was built from",
    )
    parser.add_argument(
        "--unknowns",
        metavar="DATASET",
        help="photos of things that are not in the catalog, labelled or not (default: the queries "
        "again, each with its own product left out)",
    )
    parser.add_argument(
        "--false-accept-rate",
        type=float,
        default=FALSE_ACCEPT_RATE,
        metavar="SHARE",
        help="of unknown things, how many may be answered with a product (default: %(default)s)",
    )
    parser.add_argument(
        "--unknown-share",
        type=float,
        default=UNKNOWN_SHARE,
        metavar="SHARE",
        help="of all photos looked up later, how many show unknown things; confidence depends "
        "on it (default: %(default)s)",
    )
    parser.add_argument(
        "--force", action="store_true", help="also when answers to other photos get worse by it"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_columns(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, and put the result into the file; it is replaced at once."""
    catalog = Catalog.open(args.catalog)
    columns = columns_of(args)
    queries = read_dataset(args.queries, columns=columns)
    unknowns = read_unlabelled(args.unknowns, columns=columns) if args.unknowns else None
    shares = {"false_accept_rate": args.false_accept_rate, "unknown_share": args.unknown_share}
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    # Before minutes of embedding, not after.
    check_request(catalog, queries.labels, unknowns.labels if unknowns else None, **shares)
    images, vectors = embed_dataset(embedder, queries, source=args.queries)
    images, vectors = _new(catalog, embedder, images, vectors)
    given: dict[str, Any] = {}
    if unknowns:
        shown, unknown_vectors = embed_dataset(embedder, unknowns, source=args.unknowns)
        given = {"unknowns": unknown_vectors, "unknown_labels": _labels(shown)}
    # Opened again: another command may have changed it.
    with opened_to_change(args.catalog, space=embedder.card.space) as catalog:
        done = calibrate(
            catalog,
            vectors,
            _labels(images),
            **given,
            **shares,
            default=default_calibration(catalog, embedder.card.calibration),
        )
        if not (done.better or args.force):
            lines = "\n".join(comparison_lines(done))
            print(lines, file=sys.stderr)
            raise DataError(
                f"{args.catalog}: left as it was, since answers to photos that were not measured "
                "with would be worse; give more photos of more products, or --force"
            )
        calibrated = catalog.with_calibration(done.calibration)
        calibrated.save(args.catalog)
    if args.json:
        print(json.dumps({**done.calibration.to_dict(), "comparison": done.comparison()}))
        return 0
    print(f"{args.catalog}: calibrated")
    for line in (*calibration_lines(calibrated), "", *comparison_lines(done)):
        print(f"  {line}".rstrip())
    return 0


def _new(
    catalog: Catalog,
    embedder: Embedder,
    images: list[LabelledImage],
    vectors: NDArray[np.float32],
) -> tuple[list[LabelledImage], NDArray[np.float32]]:
    """The photos that are no images of an adapted catalog; see `new_photos` for others."""
    if not catalog.adaptation:
        return images, vectors
    from shelflens.catalog.enrol import enrolled_already

    known = enrolled_already(catalog, [image.path for image in images], vectors, embedder)
    if known.all():
        raise all_enrolled(len(images))
    kept = [image for image, is_known in zip(images, known, strict=True) if not is_known]
    return kept, vectors[~known]


def comparison_lines(done: Calibrated) -> list[str]:
    """Before and after, on photos that were not measured with, as a table for people."""
    rows = [
        ("photos of your products: match, and right", done.before.right, done.after.right),
        ("photos of your products: match, but wrong", done.before.wrong, done.after.wrong),
        ("a product of the same shelf that is not enrolled: match", done.before.same_shelf,
         done.after.same_shelf),
        ("photos of unknown things: match", done.before.unknown, done.after.unknown),
    ]  # fmt: skip
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{'of photos that it was not measured with':<{width}}  before   after"]
    for name, before, after in rows:
        if before is not None and after is not None:
            lines.append(f"{name:<{width}}  {before:6.1%}  {after:6.1%}")
    return lines


def calibration_lines(catalog: Catalog) -> list[str]:
    """A catalog's calibration in lines for people."""
    calibration = catalog.calibration
    if calibration.basis != MEASURED:
        return [
            f"{DEFAULT}: match from probability {calibration.min_probability:g}, not measured with "
            "this catalog (shelflens catalog calibrate)"
        ]
    if calibration.measurement is None:  # measured by another writer
        return [", ".join(f"{key} {value}" for key, value in calibration.to_dict().items())]
    lines = _measured_lines(calibration, calibration.measurement)
    then = (calibration.measurement.products, calibration.measurement.rows)
    if then != (len(catalog), catalog.row_count):
        lines.append(
            f"the catalog had {then[0]} products and {then[1]} images then: calibrate again"
        )
    return lines


def _measured_lines(calibration: Calibration, measurement: Measurement) -> list[str]:
    low, high = measurement.min_probability_interval
    low_rate, high_rate = measurement.false_accept_rate_interval
    unknowns, rest = "products left out", "the model's default"
    if measurement.unknowns:
        unknowns, rest = f"{measurement.unknowns} of unknown things", "its products left out"
    right = measurement.matched_right
    lines = [
        f"measured with {measurement.queries} photos of its products and {unknowns}",
        f"match from probability {calibration.min_probability:.3f} (95 % interval: {low:.3f} to "
        f"{high:.3f}); "
        f"{measurement.weight:.0%} from these, the rest from {rest}",
        f"of unknown things {measurement.measured_false_accept_rate:.1%} are answered match "
        f"({low_rate:.1%} to {high_rate:.1%}); target {measurement.false_accept_rate:.1%}",
        f"of the photos {measurement.matched:.0%} are answered match"
        + (f", {right:.1%} of these right" if right is not None else "")
        + f"; {measurement.accepted - measurement.matched:.0%} ambiguous, "
        f"{1 - measurement.accepted:.0%} unknown",
    ]
    if not measurement.unknowns:
        lines.append("things unlike anything on sale were not tried: give some with --unknowns")
    return lines


def _labels(images: list[LabelledImage]) -> list[str]:
    return [image.product for image in images]
