"""Instructions of the scan and of decoding: a cost that does not depend on what else runs.

    python benchmarks/instructions.py                count, write instructions.json
    python benchmarks/instructions.py --check        count, fail when one grew by more than 3 %

Needs valgrind (`apt install valgrind`), Linux. Each act is run once and many times in a new process
under `valgrind --tool=callgrind`; their difference is its cost, the start left out. Many, for two
starts of Python differ by some millions. About two minutes. Valgrind shows programs a
processor without AVX-512, so NumPy and the kernels take their AVX2 code (x86-64); the counts say
whether our code does more work than before, not how fast a processor does it.
`perf stat -e instructions` would count the real code; virtual machines mostly do not support it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

RESULT = Path(__file__).with_name("instructions.json")
BAND = 0.03
REPEATS = 16

ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""One thread, and the same order of sets and tables each time."""

PREPARE = """
import numpy as np
from shelflens import load_image
from shelflens.bench.samples import directions, draw, unit
from shelflens.catalog.topk import nearest, with_numpy_alone
from shelflens.catalog.simd import kernel
"""
ROWS = """
rows, scales = directions({n}, {dim})
first, query = np.arange({n}), unit(1, {dim})
kernel(False)
"""

ACTS = {
    "scan 20,000 x 128, kernel": "nearest(rows, scales, first, query, 10, threads=1)",
    "scan 20,000 x 128, NumPy": "with_numpy_alone(rows, scales, first, query, 10)",
    "decode 12 MP to 224 pixels": "load_image(photo, size=224)",
    "decode 348 pixels to 224": "load_image(photo, size=224)",
}
PHOTOS = {"decode 12 MP to 224 pixels": (4032, 3024), "decode 348 pixels to 224": (348, 348)}


def main() -> int:
    """Count, compare or write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    counts = {name: cost(name) for name in ACTS}
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    bad = 0
    for name, count in counts.items():
        old = before.get(name)
        worse = args.check and old is not None and count > old * (1 + BAND)
        bad += worse
        change = f"{count / old - 1:+.1%}" if old else "new"
        print(f"{'WORSE' if worse else 'ok':<7}{name:<34}{count:>16,}  {change}")
    if not args.check:
        RESULT.write_text(json.dumps(counts, indent=1) + "\n")
    return 1 if bad else 0


def cost(name: str) -> int:
    """Instructions of one act."""
    repeats = REPEATS * (10 if name.startswith("scan") else 1)  # short: the starts differ by more
    return each(partial(counted, name), repeats)


def each(count: Callable[[int], int], repeats: int = REPEATS) -> int:
    """Instructions of one act, from a count of a process that does it so often."""
    return (count(1 + repeats) - count(1)) // repeats


def script(prepare: str, act: str, times: int) -> str:
    """A program that prepares, then does an act so often; tests/device/counting.py takes it too."""
    return f"{PREPARE}{prepare}\nfor _ in range({times}):\n    {act}\n"


def counted(name: str, times: int) -> int:
    """Instructions of a process that does the act so often.

    Raises:
        RuntimeError: valgrind says something else.
    """
    rows = ROWS.format(n=20_000, dim=128)
    photo = f"photo = draw{PHOTOS[name]}\n" if name in PHOTOS else ""
    code = script(f"{rows}{photo}", ACTS[name], times)
    environment = os.environ | ALONE
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command = [*tool, sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"valgrind: {done.stderr.strip()[-500:]}")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
