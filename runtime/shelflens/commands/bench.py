"""`shelflens bench`: how fast this device is, and what to choose for it."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from shelflens.bench.examine import examine
from shelflens.bench.report import NOT_MEASURED, text, write_charts
from shelflens.commands.outputs import check_file, holds
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.model.embedder import BUNDLED_MODEL

HELP = "Measure photo to answer on this device, and recommend engine, threads and model."
EXAMPLES = (
    "bench --quick",
    "bench --model build/int8.tflite build/float32.tflite --out bench",
)


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
    if args.out and args.out.is_dir():
        name = "bench.json"
        check_file(args.out / name, is_ours=holds('"not_measured"'), example=name)
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
