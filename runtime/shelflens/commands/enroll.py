"""`shelflens catalog build` and `catalog add`: a dataset into a catalog."""

from __future__ import annotations

import argparse
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from shelflens.catalog.calibration import MEASURED
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.goods import goods_line
from shelflens.catalog.lock import opened_to_change, write_lock
from shelflens.commands.arguments import add_adapt, add_model, open_model, positive
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_dataset, open_dataset
from shelflens.commands.dataset_report import REPORT_HEADER, Outcome, report_outcome
from shelflens.commands.embedding import (
    Skipped,
    build_reported,
    embed_dataset,
    note,
    rows_to_enrol,
    with_gpu,
)
from shelflens.commands.outputs import check_file, holds, is_catalog
from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import CatalogError, DataError
from shelflens.ingest.reading import listed
from shelflens.model.embedder import Embedder


def add_build(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `build`."""
    parser.add_argument(
        "data", metavar="DATASET", help="folder with a folder per product, or a CSV"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="STORE.catalog")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a catalog also when it holds what the dataset does not: confirmed photos, a "
        "measured calibration, products added since",
    )
    add_dataset(parser)
    add_adapt(parser)
    parser.add_argument(
        "--dim",
        type=positive,
        help="numbers per row: the first of the model's embedding (default: all); fewer make a "
        "smaller file that is searched faster, and find less",
    )
    parser.add_argument(
        "--ray",
        metavar="local|ADDRESS",
        help="embed with Ray: on the cores or GPUs of this machine, or of a cluster that has the "
        "photos under the same paths",
    )
    add_model(parser)


def add_add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `add`."""
    parser.add_argument(
        "data", metavar="DATASET", help="folder with a folder per product, or a CSV"
    )
    add_catalog(parser)
    add_dataset(parser)
    add_model(parser)


def build(args: argparse.Namespace) -> int:
    """Make a catalog of a dataset; 1 when a product has no photo."""
    check_file(args.out, inputs=[args.data], is_ours=is_catalog, example="store.catalog")
    _check_report(args)
    dataset = open_dataset(args)
    inputs = [*dataset.paths, *([args.model] if args.model else [])]
    check_file(args.out, inputs=inputs, is_ours=is_catalog, example="store.catalog")
    if not args.force:
        _require_nothing_lost(args.out, dataset, args.data)
    skipped = Skipped()
    with _spread_out(open_model(args), dataset, args.ray) as embedder:
        catalog, images, vectors, how, left_out, neighbours = build_reported(
            embedder,
            dataset,
            source=args.data,
            adapt=args.adapt,
            dim=args.dim,
            skipped=skipped,
        )
    _require_all(args, dataset, images)
    with write_lock(args.out):
        catalog.save(args.out)
    said = f"; {how}" if how else ""
    print(f"{args.out}: {size_line(catalog, args.out)}{said}{_skipped(dataset, images)}")
    if line := goods_line(neighbours, *left_out, products=len(catalog)):
        print(printable(line))
    outcome = Outcome(dataset, images, vectors, skipped.errors)
    return 0 if report_outcome(outcome, args.report) else 1


def _spread_out(
    embedder: Embedder, dataset: Dataset, ray: str | None
) -> AbstractContextManager[Embedder]:
    if ray is None:
        return nullcontext(with_gpu(embedder, dataset))
    from shelflens.model.distributed import distributed

    return distributed(embedder, ray, report=note)


def _check_report(args: argparse.Namespace) -> None:
    if args.report is not None:
        ours = holds(f"{REPORT_HEADER}\n")
        check_file(args.report, inputs=[args.data], is_ours=ours, example="report.csv")


def _require_nothing_lost(out: Path, dataset: Dataset, source: str) -> None:
    """Refuse to drop what building again cannot bring back."""
    try:
        old = Catalog.open(out)
    except (CatalogError, FileNotFoundError):  # damaged: building again is what mends it
        return
    confirmed = old.provenance.confirmed
    held = [f"{confirmed} confirmed photos"] if confirmed else []
    held += ["a measured calibration"] if old.calibration.basis == MEASURED else []
    images = Counter(dataset.labels)
    if added := [product_id for product_id in old.ids if product_id not in images]:
        held.append(f"{len(added)} products that {source} has not ({listed(added)})")
    numbers = old.provenance.of_rows(old.row_count).tolist()
    enrolled = Counter(key for key, number in zip(old.row_ids, numbers, strict=True) if not number)
    more = sum((Counter({key: enrolled[key] for key in images}) - images).values())
    held += [f"{more} more images of its products"] if more else []
    if held:
        raise CatalogError(
            f"{out}: holds {' and '.join(held)}, which building again would drop; "
            "shelflens catalog add keeps them, --force drops them"
        )


def _require_all(args: argparse.Namespace, dataset: Dataset, images: list[LabelledImage]) -> None:
    count = len(dataset.items) - len(images)
    if args.strict and count:
        raise DataError(f"{args.data}: --strict: {count} photos could not be read, listed above")


def add(args: argparse.Namespace) -> int:
    """Add a dataset to a catalog; 1 when a product has no photo."""
    _check_report(args)
    catalog = Catalog.open(args.catalog)
    dataset = open_dataset(args)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    embedder = with_gpu(embedder, dataset)
    skipped = Skipped()
    images, vectors = embed_dataset(embedder, dataset, source=args.data, on_error=skipped.add)
    _require_all(args, dataset, images)
    ids = [image.product for image in images]
    rows = rows_to_enrol(embedder, catalog, images, vectors)
    # Opened again: another command may have changed it.
    with opened_to_change(args.catalog, space=embedder.card.space) as catalog:
        grown = catalog.add(ids, rows, attributes=dataset.attributes)
        grown.save(args.catalog)
    new = grown.row_count - catalog.row_count
    known = len(images) - new
    print(
        f"{args.catalog}: {new} images added"
        + (f", {known} were there already" if known else "")
        + f"; {size_line(grown, Path(args.catalog))}{_skipped(dataset, images)}"
    )
    outcome = Outcome(dataset, images, vectors, skipped.errors)
    return 0 if report_outcome(outcome, args.report) else 1


def size_line(catalog: Catalog, path: Path) -> str:
    """What a catalog holds, and the size of its file."""
    size = path.stat().st_size
    return (
        f"{len(catalog)} products, {catalog.row_count} images, {size / 1024:.0f} KiB, "
        f"space {catalog.space}"
    )


def _skipped(dataset: Dataset, images: list[LabelledImage]) -> str:
    count = len(dataset.items) - len(images)
    return f"; {count} photos skipped, listed above" if count else ""
