"""What benchmarks of two ways to do the same share: their arguments, and what a call costs."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS
from shelflens import Embedder

P = ParamSpec("P")
T = TypeVar("T")
Alike = Callable[[NDArray[np.float32], NDArray[np.float32]], bool]


class Cost(NamedTuple):
    """Seconds on the clock, and of processors: the first depend on who else is at work."""

    wall: float = 0.0
    cpu: float = 0.0

    def plus(self, more: Cost) -> Cost:
        """Of both."""
        return Cost(self.wall + more.wall, self.cpu + more.cpu)


def arguments(description: str | None) -> argparse.Namespace:
    """The part of the photos, `every`, and the folder of the result, `out`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=raw)
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def one_by_one(embedder: Embedder, photos: Sequence[Path]) -> NDArray[np.float32]:
    """The embeddings of photos without `embed_many`, float32 [n, d]."""
    return np.stack([embedder.embed(photo) for photo in photos])


def against_one_thread(
    many: Embedder, single: Embedder, photos: Sequence[Path], part: int, alike: Alike
) -> tuple[Cost, Cost]:
    """The cost of `many.embed_many`, and of `single` one by one, in turn for so many photos.

    Raises:
        SystemExit: the vectors of the two are not alike.
    """
    together, alone = Cost(), Cost()
    for start in range(0, len(photos), part):
        asked = photos[start : start + part]
        (_, found), cost = timed(many.embed_many, asked)
        together = together.plus(cost)
        expected, cost = timed(one_by_one, single, asked)
        alone = alone.plus(cost)
        if not alike(found, expected):
            raise SystemExit("these give other vectors than one thread")
    return together, alone


def timed(act: Callable[P, T], *args: P.args, **options: P.kwargs) -> tuple[T, Cost]:
    """What a call gives, and its cost; that of processes which this one started is counted too."""
    before, begin = _processes(), time.perf_counter()
    result = act(*args, **options)
    wall, after = time.perf_counter() - begin, _processes()
    return result, Cost(wall, sum(after[pid] - before.get(pid, 0.0) for pid in after))


def _processes() -> dict[int, float]:
    """Processor seconds of this process and its descendants, by process id (Linux)."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = path.read_text().rpartition(") ")[2].split()
        except OSError:  # ended meanwhile
            continue
        pid = int(path.parent.name)
        parents[pid] = int(values[1])
        seconds[pid] = (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
    ours, size = {os.getpid()}, 0
    while size < len(ours):
        size = len(ours)
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    return {pid: seconds[pid] for pid in ours if pid in seconds}
