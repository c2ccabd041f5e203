"""`shelflens evaluate --catalog STORE.catalog | --gallery DATA --queries DATA --out DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, embed_dataset, open_model
from shelflens.dataset import Dataset, read_dataset, read_unlabelled
from shelflens.errors import DataError
from shelflens.evaluation.evaluate import Report, check_labels, evaluate
from shelflens.evaluation.measure.lookups import Embedded
from shelflens.evaluation.report.advice import Todo
from shelflens.evaluation.report.wording import headline, tiles
from shelflens.evaluation.report.write import write
from shelflens.model.embedder import Embedder
from shelflens.progress import Progress
from shelflens.render.product_images import product_images

HELP = "Measure a catalog with photos of your own, and say what to do next."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--catalog", metavar="STORE.catalog", help="the catalog to measure")
    source.add_argument(
        "--gallery", metavar="DATA", help="or the photos to make one of; shown in the report"
    )
    parser.add_argument(
        "--queries",
        required=True,
        metavar="DATA",
        help="photos of enrolled products, not those that are enrolled; labels are product ids",
    )
    parser.add_argument(
        "--unknowns",
        metavar="DATA",
        help="photos of things that are not enrolled: a folder, nested or not, or a CSV",
    )
    parser.add_argument(
        "--pictures",
        metavar="DATA",
        help="with --catalog: the folder or CSV with the products' pictures, for the report",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Embed, measure, write, print what to do."""
    if args.out.exists() and not args.out.is_dir():
        raise DataError(f"{args.out}: is a file; --out is the folder to write the report into")
    if args.pictures and args.gallery:
        raise DataError("--pictures goes with --catalog; with --gallery its own photos are shown")
    queries = read_dataset(args.queries)
    unknowns = read_unlabelled(args.unknowns) if args.unknowns else None
    catalog = Catalog.open(args.catalog) if args.catalog else None
    gallery = Dataset([]) if catalog is not None else read_dataset(args.gallery)
    ids = catalog.ids if catalog is not None else list(dict.fromkeys(gallery.labels))
    check_labels(ids, queries.labels, unknowns.labels if unknowns else [])
    embedder = open_model(args)
    rows: list[Path] = []
    if catalog is None:
        catalog, rows = _made(embedder, gallery, args.gallery)
    catalog.require(embedder.card.space)
    asked = embed_dataset(embedder, queries, source=args.queries)
    others = embed_dataset(embedder, unknowns, source=args.unknowns) if unknowns else None
    card = embedder.card
    with _Bars() as bars:
        report = evaluate(
            catalog,
            Embedded(*asked),
            Embedded(*others) if others else None,
            rows=rows,
            source=Path(args.catalog or args.gallery).name,
            model=f"{card.name} ({card.variant})",
            on_step=bars.step,
        )
    items = write(report, args.out, _pictures(catalog, args.pictures))
    for notice in report.notices:
        print(f"note: {notice}", file=sys.stderr)
    print(_said(report, items, args.out))
    return 0


def _made(embedder: Embedder, gallery: Dataset, source: str) -> tuple[Catalog, list[Path]]:
    """A catalog of the gallery, and the file of each of its rows."""
    items, vectors = embed_dataset(embedder, gallery, source=source)
    card = embedder.card
    catalog = Catalog(
        [item.product for item in items],
        vectors,
        space=card.space,
        attributes=gallery.attributes,
        calibration=card.calibration,
    )
    mine: dict[str, list[Path]] = {}
    for item in items:
        mine.setdefault(item.product, []).append(item.path)
    return catalog, [path for product in catalog.ids for path in mine[product]]


def _pictures(catalog: Catalog, data: str | None) -> Callable[[str], Path | None] | None:
    if data is None and not catalog.mentions('"picture":'):
        return None
    return product_images(catalog, data)


class _Bars:
    """One progress line after the other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._what = ""
        self._bar: Progress | None = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def step(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self._stack.close()
            unit = "catalogs" if what == "fewer photos" else "photos"
            self._bar = self._stack.enter_context(Progress(what, total, unit=unit))
            self._what = what
        if self._bar is not None:
            self._bar.update(done)


def _said(report: Report, items: list[Todo], out: Path) -> str:
    lines = [headline(report), ""]
    lines += [f"  {one.figure:>6}  {one.text} ({one.note})" for one in tiles(report)]
    lines += ["", "what to do next"]
    lines += [f"  {place}. {item.title}" for place, item in enumerate(items, start=1)]
    if not items:
        lines.append("  nothing that these photos show")
    lines += ["", f"report  {out / 'report.html'}  (and report.md, report.json)"]
    return "\n".join(lines)
