"""`shelflens train` on the command line. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from shelflens.model.quiet import without_greeting
from shelflens.options import add_options, from_options
from shelflens_train.config import GROUPS, TrainConfig
from shelflens_train.finder.config import GROUP, FinderConfig

HELP = "Fine-tune a MobileNet embedding on photos of your products, or train a product finder."
EXAMPLES = (
    "train products.csv --out runs/first",
    "train photos --out runs/second --weights bundled --val val.csv",
    "train cut-outs --task finder --backgrounds photos --out runs/finder",
)

TASKS = ("embedding", "finder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "data", nargs="+", metavar="DATASET", help="folder with a folder per product, or a CSV"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run folder")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument(
        "--task",
        choices=TASKS,
        default="embedding",
        help="finder: DATASET holds products with alpha or on a plain ground (default: embedding)",
    )
    add_options(parser, TrainConfig, groups=GROUPS)
    add_options(parser, FinderConfig, groups=(GROUP,))


def run(args: argparse.Namespace) -> int:
    """Train, and say what it brought; 1 when the bundled model is as good or better."""
    if args.task == "finder":
        return _train_finder(args)
    config = from_options(TrainConfig, args, data=tuple(args.data))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with ten lines
    with without_greeting():
        from shelflens_train.run import train

    metrics = train(config, args.out, resume=args.resume)
    if not metrics:  # a worker of a cluster: the chief says it
        return 0
    from shelflens_train.report import outcome

    return outcome(metrics, args.out)


def _train_finder(args: argparse.Namespace) -> int:
    shared = {"name": args.name, "license": args.license, "seed": args.seed}
    config = from_options(FinderConfig, args, data=tuple(args.data), **shared)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_greeting():
        from shelflens_train.finder.run import train_finder

    metrics = train_finder(config, args.out, resume=args.resume)
    print(
        f"mask IoU {metrics['mask_iou']:.3f}, box AP50 {metrics['box_ap50']:.3f} on "
        f"{metrics['scenes']} scenes of the training's own products; next: shelflens export "
        f"{args.out} --out DIR"
    )
    return 0
