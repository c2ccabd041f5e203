"""Instructions of the scan and of decoding: a cost that does not depend on what else runs.

    python -m benchmarks.speed.instructions            count, write results/instructions.json
    python -m benchmarks.speed.instructions --check    fail when one grew by more than 3 %

Needs valgrind (`apt install valgrind`), Linux. Each act is run once and many times in a new process
under `valgrind --tool=callgrind`; their difference is its cost, the start left out. Many times,
because two starts of Python differ by some millions. About two minutes. Valgrind shows programs a
processor without AVX-512, so NumPy and the kernels take their AVX2 code (x86-64); the counts say
whether our code does more work than before, not how fast a processor does it.
`perf stat -e instructions` would count the real code; virtual machines mostly do not support it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, read, save, stamp, table

BAND = 0.03
REPEATS = 16

ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""One thread, and the same order of sets and tables each time."""

PREPARE = """
import numpy as np
from shelflens import load_image
from shelflens.bench.samples import random_queries, random_rows, synthetic_photo
from shelflens.catalog.topk import top_products, top_products_with_numpy
from shelflens.catalog.simd import kernel
"""
ROWS = """
rows, scales = random_rows({n}, {dim})
first, query = np.arange({n}), random_queries(1, {dim})
kernel(False)
"""

ACTS = {
    "scan 20,000 x 128, kernel": "top_products(rows, scales, first, query, 10, threads=1)",
    "scan 20,000 x 128, NumPy": "top_products_with_numpy(rows, scales, first, query, 10)",
    "decode 12 MP to 224 pixels": "load_image(photo, size=224)",
    "decode 348 pixels to 224": "load_image(photo, size=224)",
}
PHOTOS = {"decode 12 MP to 224 pixels": (4032, 3024), "decode 348 pixels to 224": (348, 348)}


def main() -> int:
    """Count, then compare or write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(seed="fixed, in shelflens.bench.samples", libraries=("simsimd",))
    counts = {name: cost(name) for name in ACTS}
    if not args.check:
        report["instructions"] = counts
        save(report, "Instructions under valgrind", markdown(report), "instructions", args.out)
        return 0
    before = read("instructions")["instructions"]
    bad = 0
    for name, count in counts.items():
        worse = count > before[name] * (1 + BAND)
        bad += worse
        change = f"{count / before[name] - 1:+.1%}"
        print(f"{'WORSE' if worse else 'ok':<7}{name:<34}{count:>16,}  {change}")
    return 1 if bad else 0


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    counts = report["instructions"]
    return (
        "Instructions of one act, one thread, the start of the process left out. Not a time.\n"
        + table(("act", "instructions"), ((name, f"{count:,}") for name, count in counts.items()))
    )


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
        RuntimeError: valgrind failed.
    """
    rows = ROWS.format(n=20_000, dim=128)
    photo = f"photo = synthetic_photo{PHOTOS[name]}\n" if name in PHOTOS else ""
    code = script(f"{rows}{photo}", ACTS[name], times)
    environment = os.environ | ALONE
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command = [*tool, sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    total = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not total:
        raise RuntimeError(f"valgrind: {done.stderr.strip()[-500:]}")
    return int(total[1])


if __name__ == "__main__":
    sys.exit(main())
