"""`shelflens export` on the command line. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from shelflens.options import add_options, from_options
from shelflens_export.config import GROUPS, ExportConfig

HELP = "Quantize and convert a trained run, with a quality gate."
EXAMPLES = (
    "export runs/first --out build",
    "export runs/first --out build --formats int8 onnx-int8 --target arm",
    "export runs/first --out build --held-out photos.csv",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of shelflens train")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the files"
    )
    add_options(parser, ExportConfig, groups=GROUPS)


def run(args: argparse.Namespace) -> int:
    """Export, print the gate's table, and return 1 when a file fails the gate."""
    config = from_options(ExportConfig, args)
    # Converters are TensorFlow's: a run trained on JAX is read on TensorFlow all the same.
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    from shelflens_export.finder import export_finder, is_finder

    if is_finder(args.run):
        return 0 if all(each.passed for each in export_finder(args.run, args.out, config)) else 1
    from shelflens_export.export import export_run
    from shelflens_export.report import console

    rows, comparison = export_run(args.run, args.out, config)
    print(console(rows, comparison, args.out))
    return 0 if all(row.passed for row in rows) else 1
