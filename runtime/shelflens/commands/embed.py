"""`shelflens embed PATHS... --out VECTORS.npy`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from shelflens.commands.arguments import add_model, open_model
from shelflens.errors import DataError
from shelflens.files import atomic_writer
from shelflens.progress import Progress

HELP = "Write the embeddings of photos, one row each in the order given."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("paths", nargs="*", default=[], metavar="PATH", help="photos")
    source.add_argument("--list", type=Path, metavar="FILE", help="text file, one path per line")
    add_model(parser)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="VECTORS.npy", help="float32 [n, d]"
    )


def run(args: argparse.Namespace) -> int:
    """Embed all or nothing: a missing row would shift every row behind it."""
    paths = list(args.paths)
    if args.list is not None:
        try:
            lines = args.list.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"{args.list}: not a text file in UTF-8 ({error})") from error
        paths = [line.strip() for line in lines if line.strip()]
    if not paths:
        raise DataError(f"{args.list}: no paths in it; expected one per line")
    embedder = open_model(args)
    with Progress("embedding", len(paths)) as bar:
        _, vectors = embedder.embed_many(paths, on_done=bar.update)
    with atomic_writer(args.out) as stream:
        np.save(stream, vectors)
    card = embedder.card
    print(f"{args.out}: {len(vectors)} x {card.dim}, space {card.space}", file=sys.stderr)
    return 0
