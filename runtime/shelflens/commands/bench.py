"""`shelflens bench`: how fast this device is, and what to choose for it."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from shelflens import Catalog, Embedder
from shelflens.bench import measure
from shelflens.bench.choose import choose
from shelflens.bench.device import describe, state
from shelflens.bench.report import NOT_MEASURED, text, write_charts
from shelflens.bench.samples import synthetic_photo, write_catalog
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.quiet import without_greeting
from shelflens.progress import Progress

HELP = "Measure photo to answer on this device, and recommend engine, threads and model."

SCHEMA = "shelflens-bench/1"
PRODUCTS = 100_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model",
        nargs="+",
        type=Path,
        default=[BUNDLED_MODEL],
        metavar="FILE",
        help=".tflite and .onnx files to compare (default: bundled)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="under 30 seconds, to 100,000 products"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write bench.json and the charts")


def run(args: argparse.Namespace) -> int:
    """Measure, report, recommend."""
    if args.out and args.out.exists() and not args.out.is_dir():
        raise DataError(f"{args.out}: is a file; give a folder for the results")
    if not args.json:
        print(f"Not measured: {'; '.join(NOT_MEASURED)}.\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = examine(args.model, quick=args.quick, folder=Path(folder))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        write_text(args.out / "bench.json", json.dumps(report, indent=1) + "\n")
        write_charts(report, args.out)
    print(json.dumps(report) if args.json else text(report))
    return 0


def examine(models: list[Path], *, quick: bool, folder: Path) -> dict[str, Any]:
    """Measure everything; the result is described in runtime/README.md."""
    seconds = 0.25 if quick else 2.0
    sizes = SIZES[:-1] if quick else SIZES
    device = describe()
    with Progress("measuring", len(models) + len(sizes) + 2, unit="steps") as bar:
        engines: list[dict[str, Any]] = []
        for model in models:
            engines += measure.engines(model, seconds)
            bar.update(models.index(model) + 1, "embed")
        chosen = choose(engines)
        path = next(path for path in models if measure.name_of(path) == chosen["model"])
        with without_greeting():
            embedder = Embedder.open(path, engine=chosen["engine"], threads=chosen["threads"])
        store = write_catalog(folder / "store.catalog", PRODUCTS, embedder.card)
        photos = measure.photos(embedder, Catalog.open(store), 4 * seconds)
        bar.update(len(models) + 1, "photos")
        scans: list[dict[str, Any]] = []
        for size in sizes:
            # The rows, and as much again while they are made.
            if size * embedder.card.dim * 3 < measure.free_bytes():
                scans.append(measure.scan(size, embedder.card.dim, 2 * seconds))
            bar.update(len(models) + 1 + len(scans), "scan")
        photo = folder / "photo.jpg"
        photo.write_bytes(synthetic_photo(1632, 1224))
        words = [str(photo), "--catalog", str(store), "--model", str(path)]
        words += ["--engine", chosen["engine"], "--threads", str(chosen["threads"])]
        cold = measure.cold(words, measure.QUICK_STARTS * (1 if quick else 4))
        bar.update(len(models) + len(sizes) + 2, "cold start")
    return {
        "schema": SCHEMA,
        "not_measured": list(NOT_MEASURED),
        "quick": quick,
        "device": device,
        "after": state(),
        "engines": engines,
        "recommended": chosen,
        "photos": photos,
        "scan": scans,
        "cold": {"products": PRODUCTS, **cold},
    }
