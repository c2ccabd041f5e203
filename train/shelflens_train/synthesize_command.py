"""`shelflens synthesize` on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "Make a store of synthetic products: studio images and phone photos."
EXAMPLES = (
    "synthesize --out shop",
    "synthesize --out shop --products 100 --photos 5 --held-out 20",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder to write the store into"
    )
    parser.add_argument("--products", type=int, default=24, help="enrolled products (default: 24)")
    parser.add_argument("--photos", type=int, default=3, help="photos per product (default: 3)")
    parser.add_argument(
        "--held-out", type=int, default=0, help="further products, in no catalog (default: 0)"
    )
    parser.add_argument("--quality", type=int, default=85, help="of the JPEG files (default: 85)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes another store")


def run(args: argparse.Namespace) -> int:
    """Write the store."""
    from shelflens.errors import UsageError
    from shelflens_train.synthetic.store import synthesize_store

    try:
        synthesize_store(
            args.out,
            products=args.products + args.held_out,
            photos=args.photos,
            seed=args.seed,
            held_out=args.held_out,
            quality=args.quality,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(f"{args.out}: studio.csv, photos.csv, all.csv" + (", unknown.csv" * bool(args.held_out)))
    return 0
