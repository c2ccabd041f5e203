"""ShelfLens beside its rivals, on the same photos and the same vectors, in one run.

    python benchmarks/peers/run.py          measure, write results/MACHINE.json and README.md
    python benchmarks/peers/run.py --check  measure, and compare ratios with the committed file
    python benchmarks/peers/run.py --quick  a look, in about a minute; writes nothing
    python benchmarks/peers/run.py --table  README.md again from the committed files

The first call makes the environment `.venv-peers` in the root of the repository (about 600 MB) and
every call goes on inside it. Nothing is timed before its answer was compared with a float64 oracle.
Rivals and ShelfLens take turns, round by round, so a busy moment falls on all. About ten minutes.

With --check, a ratio may be worse than the committed one by at most BAND; exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv-peers"

BAND = 0.35
"""Ratios of two runs of one idle machine stay within 0.15; of a busy one within this, mostly."""


def main() -> int:
    """Enter the environment, measure, tell."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, help="a .tflite (default: bundled)")
    parser.add_argument("--onnx", type=Path, help="the int8 .onnx of the same training")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if Path(sys.prefix).resolve() != ENVIRONMENT:
        _make_environment()
        return subprocess.call([ENVIRONMENT / "bin" / "python", __file__, *sys.argv[1:]])
    from benchmarks.speed.peers import tables

    if args.table:
        tables.write(HERE / "results", ROOT / "benchmarks" / "README.md")
        return 0
    from benchmarks.speed.peers import measures

    with tempfile.TemporaryDirectory() as folder:
        report = measures.everything(args.model, args.onnx, quick=args.quick, folder=Path(folder))
    print(tables.of_report(report))
    path = HERE / "results" / f"{machine(report['device'])}.json"
    if args.check:
        return check(json.loads(path.read_text()), report) if path.exists() else _nothing(path)
    if not args.quick:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n")
        tables.write(path.parent, ROOT / "benchmarks" / "README.md")
        print(f"written: {path.relative_to(ROOT)}, benchmarks/README.md")
    return 0


def machine(device: dict[str, Any]) -> str:
    """A file name for this kind of machine."""
    what = device.get("board") or device.get("processor") or platform.machine()
    return re.sub(r"[^a-z0-9]+", "-", f"{what} {device['cores']} cores".lower()).strip("-")


def check(committed: dict[str, Any], now: dict[str, Any]) -> int:
    """Print every ratio of both; 1 when one is worse by more than BAND."""
    before = {row["what"]: row["ratio"] for row in committed["ratios"]}
    bad = 0
    for row in now["ratios"]:
        old = before.get(row["what"])
        worse = old is not None and row["ratio"] > old * (1 + BAND)
        bad += worse
        print(f"{'WORSE' if worse else 'ok':<7}{row['what']:<60}{old!s:>8}{row['ratio']:>8}")
    print(f"{bad} of {len(now['ratios'])} ratios are worse than committed by more than {BAND:.0%}")
    return 1 if bad else 0


def _nothing(path: Path) -> int:
    print(f"{path}: nothing committed for this machine; run without --check first")
    return 1


def _make_environment() -> None:
    """Create it when it is not there; ShelfLens itself comes from this working tree."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print("making .venv-peers ...", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        install: list[str | Path] = [python, "-m", "pip", "install", "-q"]
        subprocess.check_call([*install, "-r", HERE / "requirements.txt"])
        subprocess.check_call([*install, "--no-deps", "-e", ROOT])
    # One thread for every matrix product: rivals are compared thread by thread.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")


if __name__ == "__main__":
    sys.exit(main())
