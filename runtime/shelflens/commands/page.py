"""`shelflens page build`."""

from __future__ import annotations

import argparse
from pathlib import Path

from shelflens.commands.arguments import add_columns, columns_of
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.trust_option import add_trust, open_trust

HELP = "Make a web app that recognises products in a phone's browser, offline, on any static host."
EXAMPLES = (
    "page build --catalog store.catalog --out page",
    "page build --catalog store.catalog --images products.csv --out page",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="build")
    build = acts.add_parser("build", help="write the web app into a folder")
    add_catalog(build)
    build.add_argument("--out", required=True, type=Path, metavar="DIR")
    build.add_argument(
        "--model", type=Path, help=".tflite from shelflens export (default: the bundled one)"
    )
    add_trust(build)
    build.add_argument(
        "--images",
        type=Path,
        metavar="DATASET",
        help="the folder or CSV the catalog was built from; shows products by their images",
    )
    add_columns(build)
    build.add_argument("--title", default="ShelfLens", help="headline (default: ShelfLens)")
    build.add_argument(
        "--vendor",
        type=Path,
        metavar="NODE_MODULES",
        help="a folder with the engine's npm packages (default: fetched by npm, once)",
    )


def run(args: argparse.Namespace) -> int:
    """Build, and report the size."""
    from shelflens.webapp.build import build

    out = build(
        Path(args.catalog),
        args.out,
        model=args.model,
        images=args.images,
        columns=columns_of(args),
        title=args.title,
        vendor=args.vendor,
        trust=open_trust(args),
    )
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{out}: {len(files)} files, {size / 2**20:.1f} MiB, for any static host (https)")
    return 0
