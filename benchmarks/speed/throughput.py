"""How busy the cores are while a catalog is built.

    python -m benchmarks.speed.throughput

embeds the train photos of the Grocery Store Dataset as `shelflens catalog build` does, on all
cores, and one after the other on one thread; both take turns in parts of 200 photos, so that a busy
moment falls on both. Target: at least 0.95 of (cores x the rate of one thread). One minute.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.measuring import photos_of
from benchmarks.speed.paired import against_one_thread, arguments
from shelflens import Embedder

PART = 200
TARGET = 0.95


def main() -> None:
    """Measure and write."""
    args = arguments(__doc__)
    report = stamp() | build(args.every)
    title = "Building a catalog on all cores"
    save(report, title, markdown(report), "throughput", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    return (
        f"{report['photos']} photos; {report['of_ideal']} of the ideal, {report['cores']} cores "
        f"times one thread (target {TARGET}); {report['cpu_ratio']} times the processor time.\n"
        + table(
            ("threads", "photos/s", "processor ms per photo"),
            ((row["threads"], str(row["per_s"]), str(row["cpu_ms"])) for row in report["rows"]),
        )
    )


def build(every: int) -> dict[str, Any]:
    """What all cores cost, and one thread, and their share of the ideal."""
    paths = photos_of("train", every).paths
    many, single = Embedder.open(), Embedder.open(threads=1)
    cores = os.cpu_count() or 1
    together, alone = against_one_thread(many, single, paths, PART, partial(np.allclose, atol=1e-3))
    rows = [
        {
            "threads": name,
            "per_s": round(len(paths) / cost.wall, 1),
            "cpu_ms": round(cost.cpu / len(paths) * 1e3, 2),
        }
        for name, cost in (("all cores", together), ("one", alone))
    ]
    return {
        "photos": len(paths),
        "cores": cores,
        "rows": rows,
        "of_ideal": round(alone.wall / together.wall / cores, 3),
        "cpu_ratio": round(together.cpu / alone.cpu, 3),
    }


if __name__ == "__main__":
    main()
