"""Times of repeated runs: warm-up, enough runs, percentiles and spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WARM_UP = 3
"""Runs that are thrown away: caches fill, threads start, lazily made tables are made."""

MIN_RUNS = 12
MAX_RUNS = 400


@dataclass(frozen=True)
class Times:
    """Times of one act, ms."""

    runs: int
    p50: float
    p90: float
    p99: float
    """With fewer than 100 runs this is nearly the slowest."""
    low: float
    spread: float
    """(p90 - p10) / p50: above 0.5 the machine was busy with something else, measure again."""

    @classmethod
    def of(cls, spent: Sequence[float]) -> Times:
        """From times in ms, at least one."""
        low, p10, p50, p90, p99 = np.percentile(spent, [0, 10, 50, 90, 99]).tolist()
        return cls(len(spent), p50, p90, p99, low, (p90 - p10) / p50 if p50 else 0.0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, ms rounded to a tenth of a microsecond."""
        return {key: round(value, 4) for key, value in vars(self).items()}


def repeat(act: Callable[[], Any], seconds: float) -> Times:
    """Time one act for some seconds, 12 to 400 runs behind the warm-up."""
    return interleaved({"": act}, seconds)[""]


def interleaved(acts: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Times]:
    """Time several acts in turn, round by round, so that a busy moment falls on all of them.

    Every round has another order: what ran before leaves a cache and threads that still spin.

    Args:
        acts: What to time, by name.
        seconds: For all of them together.
    """
    for act in acts.values():
        for _ in range(WARM_UP):
            act()
    spent: dict[str, list[float]] = {name: [] for name in acts}
    generator = np.random.default_rng(0)
    end = time.perf_counter() + seconds
    for done in range(MAX_RUNS):
        if done >= MIN_RUNS and time.perf_counter() > end:
            break
        for name in generator.permutation(list(acts)).tolist():
            act = acts[name]
            start = time.perf_counter()
            act()
            spent[name].append((time.perf_counter() - start) * 1e3)
    return {name: Times.of(times) for name, times in spent.items()}
