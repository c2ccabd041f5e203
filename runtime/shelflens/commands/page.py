"""`shelflens page build | check`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.trust_option import add_trust, open_trust

HELP = "Make a web app that recognises products in a phone's browser, offline, on any static host."
EXAMPLES = (
    "page build --catalog store.catalog --out page",
    "page build --catalog store.catalog --images products.csv --out page",
    "page build --catalog store.catalog --out page --find",
    "page check https://shop.example/app/",
    "page check https://192.168.1.20:8443/ --authority shelflens.crt",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="build | check")
    build = acts.add_parser("build", help="write the web app into a folder")
    add_catalog(build)
    build.add_argument("--out", required=True, type=Path, metavar="DIR")
    build.add_argument(
        "--model", type=Path, help=".tflite from shelflens export (default: the bundled one)"
    )
    build.add_argument(
        "--find",
        nargs="?",
        const="",
        metavar="FINDER",
        help="look for products in a photo and answer for each; with the bundled finder, or this "
        ".tflite from shelflens export of one (default: off, the photo as it is)",
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

    check = acts.add_parser("check", help="whether a host serves it as phones need it")
    check.add_argument("url", metavar="URL", help="of the folder; the only thing that is asked")
    check.add_argument(
        "--authority",
        type=Path,
        metavar="FILE",
        help="trust this certificate too, as phones do that installed it",
    )
    check.add_argument("--token-file", type=Path, metavar="FILE", help="the token of serve")


def run(args: argparse.Namespace) -> int:
    """Build, or check a host."""
    return ACTS[args.act](args)


def _build(args: argparse.Namespace) -> int:
    from shelflens.finding.finder import BUNDLED_FINDER
    from shelflens.webapp.build import build

    out = build(
        Path(args.catalog),
        args.out,
        model=args.model,
        images=args.images,
        columns=columns_of(args),
        title=args.title,
        finder=None if args.find is None else Path(args.find) if args.find else BUNDLED_FINDER,
        vendor=args.vendor,
        trust=open_trust(args),
    )
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{out}: {len(files)} files, {size / 2**20:.1f} MiB, for any static host (https)")
    return 0


def _check(args: argparse.Namespace) -> int:
    from shelflens.console import printable
    from shelflens.webapp.check import check_host
    from shelflens.webapp.host_client import HostClient

    token = args.token_file.read_text(encoding="utf-8").strip() if args.token_file else None
    faults = 0
    for finding in check_host(args.url, HostClient(authority=args.authority, token=token)):
        faults += finding.is_fault
        mark = "FAULT" if finding.is_fault else "ok"
        print(printable(f"{mark:<6}{finding.what:<9}{finding.text}"), flush=True)
    print(f"{args.url}: {faults or 'no'} fault{'s' * (faults != 1)}")
    return 1 if faults else 0


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {"build": _build, "check": _check}
