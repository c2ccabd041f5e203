"""Would a scan of the first dimensions, and a bound for the rest, beat the scan of whole rows?

    python -m benchmarks.speed.prefix_scan --rows rows.npy --queries queries.npy

Embeddings of photos, float32 [m, d] (`shelflens embed`), are replicated with noise to --count rows:
each copy moves as the views of one image do, by the covariance in --views, float32 [i, v, d]. The
prefix scan as it would be shipped stands in `Prefix`: it is exact, and asserted to be before
anything is timed. Beside it, in the same run, the libraries of `benchmarks.speed.peers`.

Run in the environment that `benchmarks.speed.peers.run` makes; a minute per 100,000 rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import table
from benchmarks.speed.peers import adapters
from shelflens.catalog.rows import quantize_rows
from shelflens.catalog.scores import kth_score_floor
from shelflens.catalog.simd import Kernel, kernel
from shelflens.catalog.topk import top_products, top_products_with_numpy

K = 10
SURE = 32
"""Rows with the highest bounds that are scored first: the k-th of them is the limit."""

FALL_BACK = 0.05
"""Share of rows that may be left behind the prefix; with more, all rows are read."""


class Prefix:
    """The k nearest rows, exactly, from a short form of every row and a bound for the rest.

    The short form of a unit row x is `scale * small` on p orthonormal axes U. For a unit query q,
    q.x = (U'q).(scale * small) + (U'q).(U'x - scale * small) + q_t.x_t, the last two bounded by
    Cauchy and Schwarz with the lengths that are stored.
    """

    def __init__(
        self, rows: NDArray[np.int8], scales: NDArray[np.float32], axes: NDArray[np.float32]
    ) -> None:
        """Store the short form of unit rows `scales * rows`, int8 [n, d], on axes, [d, p]."""
        self.rows, self.scales, self.axes = rows, scales, axes
        n, p = len(rows), axes.shape[1]
        self.small = np.empty((n, p), np.int8)
        self.small_scales, self.errors, self.tails = np.empty((3, n), np.float32)
        for start in range(0, n, 50_000):
            part = slice(start, start + 50_000)
            unit = rows[part].astype(np.float32) * scales[part, np.newaxis]
            inside = unit @ axes
            peak = np.abs(inside).max(axis=1, keepdims=True) / 127
            self.small[part] = np.rint(inside / peak)
            self.small_scales[part] = peak[:, 0]
            error = inside - self.small[part] * peak
            self.errors[part] = np.linalg.norm(error, axis=1) + 1e-6
            self.tails[part] = np.sqrt(np.maximum(1 - (inside**2).sum(axis=1), 0)) + 1e-6
        self.left: list[float] = []

    def ask(self, query: NDArray[np.float32], simd: Kernel | None) -> NDArray[np.int64]:
        """Indices of the ten nearest rows."""
        inside = query @ self.axes
        length = float(np.sqrt(inside @ inside))
        tail = np.float32(np.sqrt(max(1 - length**2, 0)) + 1e-6)
        if simd is None:
            bounds = _float_dots(self.small, inside)
            rounding = 1e-4
        else:
            step = np.abs(inside).max() / np.float32(127)
            rounded = np.rint(inside / step).astype(np.int8)
            bounds = np.empty(len(self.rows), np.float32)
            for start in range(0, len(bounds), 131_072):
                part = slice(start, start + 131_072)
                bounds[part] = simd.dots(rounded[np.newaxis], self.small[part], 1)[0]
            bounds *= step
            rounding = float(np.linalg.norm(inside - rounded * step)) * 1.001 + 1e-5
        bounds *= self.small_scales
        bounds += tail * self.tails
        bounds += np.float32(length) * self.errors
        bounds += np.float32(rounding)
        sure = np.flatnonzero(bounds >= kth_score_floor(bounds, SURE))
        limit = np.partition(self._exact(query, sure), len(sure) - K)[len(sure) - K]
        near = np.flatnonzero(bounds >= np.float32(limit - 1e-6))
        self.left.append(len(near) / len(bounds))
        if self.left[-1] > FALL_BACK:
            return _whole(self.rows, self.scales, query, simd)
        scores = self._exact(query, near)
        best = np.argsort(-scores, kind="stable")[:K]
        return near[best]

    def _exact(self, query: NDArray[np.float32], near: NDArray[np.int64]) -> NDArray[np.float64]:
        exact = np.empty(len(near))
        for start in range(0, len(near), 512):
            part = near[start : start + 512]
            wide = self.rows[part].astype(np.float64)
            exact[start : start + 512] = wide @ query.astype(np.float64) * self.scales[part]
        return exact


def _float_dots(rows: NDArray[np.int8], query: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.empty(len(rows), np.float32)
    size = max(1, (2 << 20) // (4 * rows.shape[1]))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        np.einsum("nd,d->n", rows[part].astype(np.float32), query, out=found[part])
    return found


def _whole(rows: Any, scales: Any, query: Any, simd: Kernel | None) -> NDArray[np.int64]:
    """The scan as it is."""
    first = np.arange(len(rows))
    if simd is None:
        return top_products_with_numpy(rows, scales, first, query[np.newaxis], K)[0][0]
    return top_products(rows, scales, first, query[np.newaxis], K, threads=1)[0][0]


def replicated(
    base: NDArray[np.float32], views: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """`count` unit rows: the base, and copies that differ from it as views of an image do."""
    moved = (views - views.mean(axis=1, keepdims=True)).reshape(-1, views.shape[-1])
    spread = np.linalg.cholesky(np.cov(moved.T) + 1e-9 * np.eye(moved.shape[1])).astype(np.float32)
    generator = np.random.default_rng(0)
    rows = base[np.arange(count) % len(base)].copy()
    for start in range(len(base), count, 50_000):
        part = rows[start : start + 50_000]
        part += generator.standard_normal(part.shape, dtype=np.float32) @ spread.T
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def measure(rows: Any, queries: Any, seconds: float, *, libraries: bool) -> dict[str, Any]:
    """Shares that are left, and times beside each other."""
    small, scales = quantize_rows(rows)
    wide = small.astype(np.float32) * scales[:, np.newaxis]
    simd, dim = kernel(False), rows.shape[1]
    oracle = [set(np.argsort(-(wide @ query.astype(np.float64)))[:K].tolist()) for query in queries]
    own = np.eye(dim, dtype=np.float32)
    sample = wide[:: max(1, len(wide) // 50_000)]
    principal = np.linalg.eigh(sample.T @ sample)[1][:, ::-1].astype(np.float32)
    asks: dict[str, Callable[[Any], Any]] = {
        "whole rows": partial(_ask_whole, small, scales, simd),
        "whole rows, NumPy": partial(_ask_whole, small, scales, None),
    }
    prefixes = {}
    for name, axes, p in [
        ("first 64", own, 64), ("first 96", own, 96), ("first 128", own, 128),
        ("64 principal", principal, 64), ("96 principal", principal, 96),
    ]:  # fmt: skip
        prefix = prefixes[name] = Prefix(small, scales, axes[:, :p])
        asks[name] = partial(_ask_prefix, prefix, simd)
        asks[f"{name}, NumPy"] = partial(_ask_prefix, prefix, None)
    recall = {name: _recall(ask, queries, oracle) for name, ask in asks.items()}
    assert set(recall.values()) == {1.0}, recall
    left = {name: _shares(prefix.left) for name, prefix in prefixes.items()}
    if libraries:
        for name, build in {**adapters.EXACT, "faiss SQ8": adapters.faiss_sq8}.items():
            asks[name] = build(wide)
            recall[name] = _recall(asks[name], queries, oracle)
        for name, graph, widths in (
            ("faiss IVF, probes", adapters.faiss_ivf, (4, 16, 64, 256, 1024)),
            ("hnswlib, ef", adapters.hnswlib_ask, (32, 128, 512, 2048)),
            ("usearch, expansion", adapters.usearch_ask, (32, 128, 512, 2048)),
        ):  # fmt: skip
            widen = graph(wide)
            for width in widths:
                found = _recall(widen(width), queries, oracle)
                if found >= 0.999 or width == widths[-1]:
                    asks[f"{name} {width}"] = widen(width)
                    recall[f"{name} {width}"] = found
                    break
    words = small.reshape(-1)[: small.size // 8 * 8].view(np.uint64)
    acts: dict[str, Callable[[], Any]] = {"reading the bytes": words.max}
    acts |= {name: partial(_all, ask, queries) for name, ask in asks.items()}
    times = cpu_times(acts, seconds)
    read = times["reading the bytes"]
    per_query = {name: spent / len(queries) for name, spent in times.items()}
    per_query["reading the bytes"] = read
    lines = {
        name: {"ms": round(ms, 3), "reading": round(ms / read, 2), "recall": recall.get(name)}
        for name, ms in per_query.items()
    }
    return {"rows": len(rows), "dim": dim, "kernel": simd and simd.name, "left": left, "of": lines}


def cpu_times(acts: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Median CPU time of each act, ms; the acts take turns, round by round."""
    spent: dict[str, list[float]] = {name: [] for name in acts}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(spent["reading the bytes"]) < 3:
        for name, act in acts.items():
            begin = time.process_time()
            act()
            spent[name].append((time.process_time() - begin) * 1000)
    return {name: float(np.median(each)) for name, each in spent.items()}


def _ask_whole(rows: Any, scales: Any, simd: Any, query: Any) -> Any:
    return _whole(rows, scales, query, simd)


def _ask_prefix(prefix: Prefix, simd: Any, query: Any) -> Any:
    return prefix.ask(query, simd)


def _all(ask: Callable[[Any], Any], queries: Any) -> None:
    for query in queries:
        ask(query)


def _recall(ask: Callable[[Any], Any], queries: Any, oracle: Any) -> float:
    hits = [
        len(set(np.asarray(ask(query)).tolist()) & right)
        for query, right in zip(queries, oracle, strict=True)
    ]
    return round(float(np.mean(hits)) / K, 4)


def _shares(left: list[float]) -> dict[str, float]:
    names = ("mean", "p50", "p90", "fall_back")
    shares = (np.mean(left), *np.percentile(left, (50, 90)), np.mean(np.array(left) > FALL_BACK))
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


def markdown(result: dict[str, Any]) -> str:
    """Both tables."""
    shares = table(
        (f"{result['rows']:,} x {result['dim']}: rows left", "mean", "p50", "p90", "fall back"),
        ((name, *row.values()) for name, row in result["left"].items()),
    )
    ordered = sorted(result["of"].items(), key=lambda item: item[1]["ms"])
    times = table(
        (f"one query, one thread ({result['kernel']})", "CPU ms", "x reading", "recall@10"),
        ((name, row["ms"], row["reading"], row["recall"] or "") for name, row in ordered),
    )
    return f"{shares}\n{times}"


def main() -> int:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rows", type=Path, required=True, metavar="ROWS.npy")
    parser.add_argument("--queries", type=Path, required=True, metavar="QUERIES.npy")
    parser.add_argument("--views", type=Path, required=True, metavar="VIEWS.npy")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=40, help="queries (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--without-libraries", action="store_true", help="ours alone")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    base, queries, views = (np.load(path) for path in (args.rows, args.queries, args.views))
    rows = replicated(base, views, args.count)
    result = measure(
        rows, queries[: args.asked], args.seconds, libraries=not args.without_libraries
    )
    print(json.dumps(result, indent=2) if args.json else markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
