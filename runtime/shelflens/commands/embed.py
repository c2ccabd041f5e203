"""`shelflens embed PATHS... --out VECTORS.npy`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from shelflens.commands.arguments import add_model, open_model
from shelflens.commands.outputs import check_file, is_vectors
from shelflens.commands.photos import embed_every
from shelflens.console import printable
from shelflens.errors import DataError, UsageError
from shelflens.files import atomic_writer

HELP = "Write the embeddings of photos, one row each, and print the photos in this order."
EXAMPLES = (
    "embed photos --out vectors.npy",
    "embed a.jpg b.jpg --out vectors.npy",
    "embed --list paths.txt --out vectors.npy",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "paths", nargs="*", default=[], metavar="PATH", help="photos, or folders of them"
    )
    parser.add_argument("--list", type=Path, metavar="FILE", help="text file, one path per line")
    add_model(parser)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="VECTORS.npy", help="float32 [n, d]"
    )


def run(args: argparse.Namespace) -> int:
    """Embed all or nothing: a missing row would shift every row behind it."""
    paths = list(args.paths)
    if (args.list is None) == (not paths):
        raise UsageError("expected photos, or --list FILE with one path per line")
    if args.list is not None:
        try:
            lines = args.list.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"{args.list}: not a text file in UTF-8 ({error})") from error
        paths = [line.strip() for line in lines if line.strip()]
    if not paths:
        raise DataError(f"{args.list}: no paths in it; expected one per line")
    inputs = [*paths, *([args.list] if args.list else []), *([args.model] if args.model else [])]
    check_file(args.out, inputs=inputs, is_ours=is_vectors, example="vectors.npy")
    embedder = open_model(args)
    names, vectors = embed_every(embedder, paths)
    with atomic_writer(args.out) as stream:
        np.save(stream, vectors)
    card = embedder.card
    for name in names:
        print(printable(name))
    print(f"{args.out}: {len(vectors)} x {card.dim}, space {card.space}", file=sys.stderr)
    return 0
