"""ShelfLens beside other libraries, on the same photos and the same vectors, in one run.

    python -m benchmarks.speed.peers.run            measure, write results/peers.json and peers.md
    python -m benchmarks.speed.peers.run --check    measure, compare ratios with the committed file
    python -m benchmarks.speed.peers.run --quick    a look, in about a minute; writes nothing

The first call makes the environment `.venv-peers` in the root of the repository (about 600 MB) and
every call goes on inside it. Nothing is timed before its answer was compared with a float64 oracle.
The libraries take turns, round by round, so a busy moment falls on all. About ten minutes.

With --check, a ratio may be worse than the committed one by at most BAND; exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, ROOT, read, save, stamp

HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv-peers"

BAND = 0.35
"""Ratios of two runs of one idle machine stay within 0.15; of a busy one within this, mostly."""


def main() -> int:
    """Enter the environment, measure, write or compare."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, help="a .tflite (default: bundled)")
    parser.add_argument("--onnx", type=Path, help="the int8 .onnx of the same training")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        _make_environment()
        command = [str(ENVIRONMENT / "bin" / "python"), "-m", "benchmarks.speed.peers.run"]
        return subprocess.call([*command, *sys.argv[1:]], cwd=ROOT)
    from benchmarks.speed.peers import measures, report

    libraries = [line.partition("==")[0] for line in requirements()]
    result = stamp(seed="fixed, in shelflens.bench.samples", libraries=libraries)
    with tempfile.TemporaryDirectory() as folder:
        result |= measures.everything(args.model, args.onnx, quick=args.quick, folder=Path(folder))
    if args.check:
        return check(read("peers"), result)
    if args.quick:
        print(report.markdown(result))
        return 0
    save(result, "ShelfLens beside other libraries", report.markdown(result), "peers", args.out)
    for name, content in report.plots(result).items():
        (args.out / f"peers-{name}.svg").write_text(content, encoding="utf-8")
    return 0


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


def requirements() -> list[str]:
    """The lines of requirements.txt that name a library."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _make_environment() -> None:
    """Create it when it is not there; ShelfLens itself comes from this working tree."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print("making .venv-peers ...", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        install: list[str | Path] = [python, "-m", "pip", "install", "-q"]
        subprocess.check_call([*install, "-r", HERE / "requirements.txt"])
        subprocess.check_call([*install, "--no-deps", "-e", ROOT])
    # One thread for every matrix product: libraries are compared thread by thread.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")


if __name__ == "__main__":
    sys.exit(main())
