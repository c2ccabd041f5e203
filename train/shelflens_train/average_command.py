"""`shelflens average` on the command line. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from shelflens.model.quiet import without_greeting

HELP = "Average the weights of several fine-tunes of one start into a better one."
EXAMPLES = (
    "average runs/seed-0 runs/seed-1 --out runs/average",
    "average runs/seed-0 --out runs/half --start-share 0.5",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="finished runs from one start on the same DATASET: other seeds, other options; "
        "a run that is named twice counts twice",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="the new run folder")
    parser.add_argument(
        "--start-share",
        type=float,
        default=0.0,
        help="weight averaging with the start (WiSE-FT): share of the start weights in the result "
        "(default: 0.0)",
    )
    parser.add_argument(
        "--size",
        type=int,
        help="side of the images it takes, pixels: larger is slower and sees more "
        "(default: that of the runs)",
    )


def run(args: argparse.Namespace) -> int:
    """Average, and say what each run and the result find; 1 as for `train`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with ten lines
    with without_greeting():
        from shelflens_train.average_runs import average
        from shelflens_train.report import outcome

    metrics = average(args.runs, args.out, start_share=args.start_share, size=args.size)
    for part in metrics["averaged"]:
        print(f"seed {part['seed']}: recall@1 {part['val_recall_at_1']:.3f}")
    print(f"together: recall@1 {metrics['val_recall_at_1']:.3f}")
    return outcome(metrics, args.out)
