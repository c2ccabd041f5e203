"""`shelflens evaluate --catalog STORE.catalog | --gallery DATASET --queries DATASET --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.default_calibration import default_calibration
from shelflens.commands.arguments import add_adapt, add_model, open_model
from shelflens.commands.catalog_option import add_catalog, require_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.embedding import build_reported, embed_dataset
from shelflens.commands.outputs import check_report_folder
from shelflens.console import printable
from shelflens.dataset import Dataset, read_dataset, read_unlabelled
from shelflens.errors import UsageError
from shelflens.evaluation.checks import check_labels
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.measure.query_results import EmbeddedImages
from shelflens.evaluation.report.commands import Sources
from shelflens.evaluation.report.summary import summary
from shelflens.evaluation.report.write import REPORT_FILES, write_report
from shelflens.progress import ProgressBars
from shelflens.render.product_images import ImageFinder, product_images

HELP = "Measure a catalog with photos of your own, and say what to do next."
EXAMPLES = (
    "evaluate --catalog store.catalog --queries photos.csv --out report",
    "evaluate --gallery products.csv --queries photos.csv --out report",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group()
    add_catalog(source, "the catalog to measure", may_lack=True)
    source.add_argument(
        "--gallery", metavar="DATASET", help="or the images to build one from, shown in the report"
    )
    parser.add_argument(
        "--queries",
        required=True,
        metavar="DATASET",
        help="photos of enrolled products, not those that are enrolled; labels are product ids",
    )
    parser.add_argument(
        "--unknowns",
        metavar="DATASET",
        help="photos of things that are not enrolled: a folder, nested or not, or a CSV",
    )
    parser.add_argument(
        "--images",
        metavar="DATASET",
        help="with --catalog: the folder or CSV with the products' images, for the report",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    add_adapt(parser)
    add_columns(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Embed, measure, write, print what to do."""
    if not args.gallery:
        args.catalog = require_catalog(args, "or --gallery DATASET")
    check_report_folder(args.out, REPORT_FILES)
    if args.images and args.gallery:
        raise UsageError("--images goes with --catalog; with --gallery its own images are shown")
    columns = columns_of(args)
    queries = read_dataset(args.queries, columns=columns)
    unknowns = read_unlabelled(args.unknowns, columns=columns) if args.unknowns else None
    catalog = Catalog.open(args.catalog) if args.catalog else None
    gallery = Dataset([]) if catalog is not None else read_dataset(args.gallery, columns=columns)
    ids = catalog.ids if catalog is not None else list(dict.fromkeys(gallery.labels))
    check_labels(ids, queries.labels, unknowns.labels if unknowns else [])
    embedder = open_model(args)
    row_paths: list[Path] = []
    how = ""
    if catalog is None:
        built = build_reported(embedder, gallery, source=args.gallery, adapt=args.adapt)
        catalog, how = built.catalog, built.how
        row_paths = [image.path for image in built.images]
    catalog.require(embedder.card.space)
    embedded = EmbeddedImages(*embed_dataset(embedder, queries, source=args.queries))
    embedded_unknowns = None
    if unknowns is not None:
        embedded_unknowns = EmbeddedImages(*embed_dataset(embedder, unknowns, source=args.unknowns))
    copies = 0
    if catalog.adaptation:
        from shelflens.catalog.enrol import enrolled_already

        paths = [image.path for image in embedded.items]
        copies = int(enrolled_already(catalog, paths, embedded.vectors, embedder).sum())
    with ProgressBars() as bars:
        evaluation = evaluate(
            catalog,
            embedded,
            embedded_unknowns,
            default=default_calibration(catalog, embedder.card.calibration),
            row_paths=row_paths,
            copies=copies,
            source=Path(args.catalog or args.gallery).name,
            model=f"{embedder.card.name} ({embedder.card.variant})",
            on_step=bars.step,
        )
    sources = Sources(
        out=args.out,
        queries=args.queries,
        catalog=args.catalog,
        gallery=args.gallery or args.images,
        unknowns=args.unknowns,
        model=args.model,
        options=("--columns", args.columns) if args.columns else (),
        adapt=args.adapt,
    )
    advice = write_report(evaluation, args.out, _image_finder(catalog, args), sources=sources)
    if how:
        print(f"note: {how}", file=sys.stderr)
    for notice in evaluation.notices:
        print(printable(f"note: {notice}"), file=sys.stderr)
    print(summary(evaluation, advice))
    print(f"\nreport  {args.out / 'report.html'}  (and report.md, report.json)")
    return 0


def _image_finder(catalog: Catalog, args: argparse.Namespace) -> ImageFinder | None:
    if args.images is None and not catalog.contents.products.mentions('"picture":'):
        return None
    return product_images(catalog, args.images, columns_of(args))
