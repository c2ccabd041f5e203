"""Which engine, how many threads and which model to use here, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NEAR = 1.05
"""A choice within 5 % of the fastest is as good; the one with fewer threads leaves cores free."""

MAX_RECALL_LOSS = 0.01
"""recall@1 that a faster model may lose against the most accurate one."""


def choose(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The best of the rows of `measure.engines`, and why.

    Judged by the 90th percentile: the slow case is what a customer notices.
    """
    models = dict.fromkeys(row["model"] for row in rows)
    best = [_best_setting([row for row in rows if row["model"] == model]) for model in models]
    known = [row["accuracy"] for row in best if row["accuracy"] is not None]
    good = [row for row in best if row["accuracy"] is not None] if known else best
    if known:
        good = [row for row in good if row["accuracy"] >= max(known) - MAX_RECALL_LOSS]
    row = min(good, key=_slow)
    why = f"{_slow(row):.1f} ms or less in 9 of 10 runs"
    if len(best) > 1 and known:
        why += f"; recall@1 within {MAX_RECALL_LOSS} of the best of {len(best)} models"
    return {"model": row["model"], "engine": row["engine"], "threads": row["threads"], "why": why}


def _best_setting(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of the rows of one model."""
    fastest = min(map(_slow, rows))
    near = [row for row in rows if _slow(row) <= NEAR * fastest]
    return min(near, key=lambda row: (row["threads"], _slow(row)))


def _slow(row: dict[str, Any]) -> float:
    return float(row["embed_ms"]["p90"])
