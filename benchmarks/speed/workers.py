"""Embedding with 1, 2 and 4 Ray workers of this machine, beside one thread without Ray.

    python -m benchmarks.speed.workers

embeds the train photos of the Grocery Store Dataset as `shelflens catalog build --ray local` does
with so many cores; each count takes turns with one thread in this process, in parts of 330 photos,
so that a busy moment falls on both. Ray runs its workers at niceness 15; here at 0, as the thread
beside them. The vectors must be the same bytes before a time counts. More workers than cores share
them, which the table says. Needs the [ray] extra; five minutes.
"""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.measuring import photos_of
from benchmarks.speed.paired import against_one_thread, arguments
from shelflens import Embedder
from shelflens.model.distributed import LOCAL, distributed

COUNTS = (1, 2, 4)
PART = 330
WARM = 16
"""Photos of each worker before time counts: it opens the network with the first."""


def main() -> None:
    """Measure and write."""
    args = arguments(__doc__)
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    report = stamp(libraries=("ray",)) | measure(args.every)
    save(report, "Embedding with Ray workers", markdown(report), "workers", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    return (
        f"{report['photos']} photos, {report['cores']} cores, other work beside it. Speed-up is "
        "the time of one thread by the time of the workers; efficiency divides it by the workers, "
        "or by the cores where those are fewer. Processor time is of all processes of Ray, and "
        f"does not depend on other work. All vectors are the same bytes.\n{rows_of_workers(report)}"
    )


def rows_of_workers(report: dict[str, Any]) -> str:
    """A row for each number of workers."""
    columns = (
        "workers", "photos/s", "one thread, photos/s", "speed-up", "efficiency",
        "processor ms per photo", "one thread", "",
    )  # fmt: skip
    keys = (
        "workers", "per_s", "one_thread_per_s", "speed_up", "efficiency", "cpu_ms",
        "one_thread_cpu_ms",
    )  # fmt: skip
    return table(
        columns,
        (
            (*(str(row[key]) for key in keys), "more than cores" if row["oversubscribed"] else "")
            for row in report["rows"]
        ),
    )


def same_bytes(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    """Whether vectors are the same to the last bit."""
    return found.tobytes() == expected.tobytes()


def measure(every: int) -> dict[str, Any]:
    """What each number of workers costs, and one thread in turn."""
    paths = photos_of("train", every).paths
    single, cores = Embedder.open(threads=1), os.cpu_count() or 1
    single.embed(paths[0])
    rows = []
    for count in COUNTS:
        with patch("os.cpu_count", return_value=count), distributed(Embedder.open(), LOCAL) as many:
            many.embed_many(paths[:1] * WARM * count)
            spread, alone = against_one_thread(many, single, paths, PART, same_bytes)
        speed_up = alone.wall / spread.wall
        rows.append(
            {
                "workers": count,
                "per_s": round(len(paths) / spread.wall, 1),
                "one_thread_per_s": round(len(paths) / alone.wall, 1),
                "speed_up": round(speed_up, 2),
                "efficiency": round(speed_up / min(count, cores), 2),
                "cpu_ms": round(spread.cpu / len(paths) * 1e3, 1),
                "one_thread_cpu_ms": round(alone.cpu / len(paths) * 1e3, 1),
                "oversubscribed": count > cores,
            }
        )
    return {"photos": len(paths), "cores": cores, "rows": rows}


if __name__ == "__main__":
    main()
