"""How busy the cores are while a catalog is built.

    python -m benchmarks.speed.throughput

embeds the train photos of the Grocery Store Dataset as `shelflens catalog build` does, on all
cores, and one after the other on one thread; both take turns in parts of 200 photos, so that a busy
moment falls on both. Target: at least 0.9 of (cores x the rate of one thread). One minute.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import photos_of
from shelflens import Embedder

PART = 200
TARGET = 0.9


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp() | build(args.every)
    title = "Building a catalog on all cores"
    save(report, title, markdown(report), "throughput", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    rates = ((name, str(rate)) for name, rate in report["photos_per_s"].items())
    return (
        f"{report['photos']} photos; {report['of_ideal']} of the ideal, {report['cores']} cores "
        f"times one thread (target {TARGET}).\n{table(('threads', 'photos/s'), rates)}"
    )


def build(every: int) -> dict[str, Any]:
    """Photos per second on all cores and on one thread, and their share of the ideal."""
    paths = photos_of("train", every).paths
    many, single = Embedder.open(), Embedder.open(threads=1)
    cores = os.cpu_count() or 1
    spent = {"all cores": 0.0, "one": 0.0}
    for start in range(0, len(paths), PART):
        part = paths[start : start + PART]
        begin = time.perf_counter()
        together = many.embed_many(part)[1]
        middle = time.perf_counter()
        alone = np.stack([single.embed(path) for path in part])
        end = time.perf_counter()
        assert np.allclose(together, alone, atol=1e-3), "all cores give other vectors"
        spent["all cores"] += middle - begin
        spent["one"] += end - middle
    rates = {name: round(len(paths) / seconds, 1) for name, seconds in spent.items()}
    share = round(spent["one"] / spent["all cores"] / cores, 3)
    return {"photos": len(paths), "cores": cores, "photos_per_s": rates, "of_ideal": share}


if __name__ == "__main__":
    main()
