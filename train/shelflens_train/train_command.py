"""`shelflens train` on the command line. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from shelflens.model.quiet import without_greeting
from shelflens.options import add_options, from_options
from shelflens_train.config import GROUPS, TrainConfig

HELP = "Fine-tune a MobileNet embedding on photos of your products."
EXAMPLES = (
    "train products.csv --out runs/first",
    "train photos --out runs/second --weights bundled --val val.csv",
    "train products.csv --out runs/first --resume",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "data", nargs="+", metavar="DATASET", help="folder with a folder per product, or a CSV"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run folder")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    add_options(parser, TrainConfig, groups=GROUPS)


def run(args: argparse.Namespace) -> int:
    """Train, and say where the result is."""
    config = from_options(TrainConfig, args, data=tuple(args.data))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with ten lines
    with without_greeting():
        from shelflens_train.run import train

    metrics = train(config, args.out, resume=args.resume)
    if metrics:
        print(
            f"recall@1 {metrics['val_recall_at_1']:.3f} on {metrics['val_queries']} held-out "
            f"photos; next: shelflens export {args.out} --out DIR"
        )
    return 0
