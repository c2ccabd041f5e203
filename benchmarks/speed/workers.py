"""Embedding with 1, 2 and 4 Ray workers of this machine, beside one thread without Ray.

    python -m benchmarks.speed.workers

embeds the train photos of the Grocery Store Dataset as `shelflens catalog build --ray local` does
with so many cores; each count takes turns with one thread in this process, on the same photos, so
that a busy moment falls on both. The vectors must be the same bytes before a time counts. More
workers than cores share them, which the table says. Needs the [ray] extra; two minutes.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import photos_of
from shelflens import Embedder
from shelflens.model.distributed import LOCAL, distributed

COUNTS = (1, 2, 4)
WARM = 16
"""Photos of each worker before time counts: it opens the network with the first."""


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(libraries=("ray",)) | measure(args.every)
    save(report, "Embedding with Ray workers", markdown(report), "workers", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    columns = ("workers", "photos/s", "one thread, photos/s", "ratio", "efficiency", "note")
    rows = (
        (str(row["workers"]), *(str(row[key]) for key in ("per_s", "one_thread_per_s", "ratio")),
         str(row["efficiency"]), "more than cores" if row["oversubscribed"] else "")
        for row in report["rows"]
    )  # fmt: skip
    return (
        f"{report['photos']} photos, {report['cores']} cores; efficiency is the ratio to one "
        "thread by the workers, or by the cores where those are fewer. All vectors are the same "
        "bytes.\n" + table(columns, rows)
    )


def measure(every: int) -> dict[str, Any]:
    """Photos per second of each number of workers, and of one thread in turn."""
    paths = photos_of("train", every).paths
    single, cores = Embedder.open(threads=1), os.cpu_count() or 1
    single.embed(paths[0])
    rows = []
    for count in COUNTS:
        with patch("os.cpu_count", return_value=count), distributed(Embedder.open(), LOCAL) as many:
            many.embed_many(paths[:1] * WARM * count)
            begin = time.perf_counter()
            spread = many.embed_many(paths)[1]
            middle = time.perf_counter()
            alone = np.stack([single.embed(path) for path in paths])
            end = time.perf_counter()
        if spread.tobytes() != alone.tobytes():
            raise SystemExit(f"{count} workers give other vectors")
        ratio = (end - middle) / (middle - begin)
        rows.append(
            {
                "workers": count,
                "per_s": round(len(paths) / (middle - begin), 1),
                "one_thread_per_s": round(len(paths) / (end - middle), 1),
                "ratio": round(ratio, 2),
                "efficiency": round(ratio / min(count, cores), 2),
                "oversubscribed": count > cores,
            }
        )
    return {"photos": len(paths), "cores": cores, "rows": rows}


if __name__ == "__main__":
    main()
