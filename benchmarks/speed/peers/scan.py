"""The ten nearest of many stored rows: every index on the same rows, and opening a catalog."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.peers import adapters
from benchmarks.speed.peers.ratios import Row, in_ms
from shelflens import Catalog
from shelflens.bench.samples import random_queries, random_rows
from shelflens.bench.timing import interleaved
from shelflens.catalog.simd import kernel
from shelflens.catalog.topk import top_products, top_products_with_numpy


def scan(n: int, dim: int, seconds: float, *, graph: bool) -> Row:
    """One query, one thread, the ten nearest of n stored rows."""
    rows, scales = random_rows(n, dim)
    first = np.arange(n)
    wide = rows.astype(np.float32) * scales[:, np.newaxis]
    # Queries near stored rows, as a photo is near its product.
    queries = wide[:: max(1, n // 40)][:40] + 0.7 * random_queries(40, dim)
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    oracle = _oracle(rows, scales, queries)
    words = rows.reshape(-1)[: rows.size // 8 * 8].view(np.uint64)
    turn = _Turn(queries)

    def ours(query: NDArray[np.float32], threads: int = 1) -> Any:
        return top_products(rows, scales, first, query[np.newaxis], 10, threads=threads)[0][0]

    def bare(query: NDArray[np.float32]) -> Any:
        return top_products_with_numpy(rows, scales, first, query[np.newaxis], 10)[0][0]

    asks: dict[str, Callable[[Any], Any]] = {"shelflens": ours, "shelflens, NumPy alone": bare}
    cores = os.cpu_count() or 1
    if cores > 1:
        asks[f"shelflens, {cores} threads"] = partial(ours, threads=cores)
    recall = {name: _recall(ask, queries, oracle) for name, ask in asks.items()}
    assert set(recall.values()) == {1.0}, recall
    # A million float32 rows four times over would not leave room for the rest.
    for name, build in {**adapters.EXACT, **(adapters.ROUNDED if n < 1_000_000 else {})}.items():
        asks[name] = build(wide)
        recall[name] = _recall(asks[name], queries, oracle)
        assert recall[name] == 1.0 or name not in adapters.EXACT, (name, recall[name])
    acts: dict[str, Callable[[], Any]] = {"reading the bytes": words.max}
    if simd := kernel(False):
        # What is left of a scan is ours: scaling, choosing, and scoring the chosen exactly.
        small = rows[:1].copy()
        acts["its kernel alone"] = lambda: simd.dots(small, rows, 1)
    acts |= {name: partial(turn, ask) for name, ask in asks.items()}
    times = interleaved(acts, seconds)
    row = {
        "products": n,
        "dim": dim,
        "bytes": rows.nbytes,
        "kernel": simd.name if simd else None,
        "recall": recall,
        "ms": {name: spent.to_dict() for name, spent in times.items()},
    }
    return row | ({"hnswlib": _graph(wide, queries, oracle)} if graph else {})


def batch(n: int, dim: int, seconds: float) -> Row:
    """64 queries at once, on one thread and on all."""
    rows, scales = random_rows(n, dim)
    queries, first = random_queries(64, dim), np.arange(n)
    alone = [top_products(rows, scales, first, query[None], 10)[0][0].tolist() for query in queries]
    together = top_products(rows, scales, first, queries, 10)
    assert alone == [indices.tolist() for indices, _ in together]
    cores = os.cpu_count() or 1
    times = interleaved(
        {
            "single": lambda: top_products(rows, scales, first, queries, 10, threads=1),
            "all": lambda: top_products(rows, scales, first, queries, 10, threads=cores),
        },
        seconds,
    )
    return {"queries": 64, "products": n, "dim": dim, "cores": cores, **in_ms(times)}


def opening(n: int, dim: int, folder: Path) -> Row:
    """`Catalog.open` of a file that is in the page cache."""
    path = folder / "large.catalog"
    ids = [f"product {index:07}" for index in range(n)]
    vectors = np.random.default_rng(0).standard_normal((n, dim), dtype=np.float32)
    Catalog(ids, vectors, space="s").save(path)
    times = interleaved({"open": lambda: Catalog.open(path)}, 2.0)
    size = path.stat().st_size
    path.unlink()
    return {"products": n, "dim": dim, "bytes": size, **in_ms(times)}


def _graph(wide: Any, queries: Any, oracle: Any) -> Row:
    """hnswlib: how long building takes, and the time of a query at each recall."""
    begin = time.perf_counter()
    index = adapters.hnswlib_graph(wide)
    built = time.perf_counter() - begin
    rows = []
    for ef in (32, 128, 512, 2048, 8192):
        index.set_ef(ef)

        def ask(query: Any) -> Any:
            return index.knn_query(query, k=10)[0][0]

        recall = _recall(ask, queries, oracle)
        times = interleaved({"ask": partial(_Turn(queries), ask)}, 1.0)
        rows.append({"ef": ef, "recall": recall, "ms": times["ask"].to_dict()})
        if recall >= 0.999:
            break
    return {"build_s": round(built, 1), "asked": rows}


class _Turn:
    """Asks with the next query at every call, so that no answer is in a cache."""

    def __init__(self, queries: NDArray[np.float32]) -> None:
        self._queries, self._next = queries, 0

    def __call__(self, ask: Callable[[Any], Any]) -> Any:
        self._next = (self._next + 1) % len(self._queries)
        return ask(self._queries[self._next])


def _oracle(rows: Any, scales: Any, queries: Any) -> list[set[int]]:
    """The ten nearest of each query in float64, block by block."""
    scores = np.concatenate(
        [
            rows[start : start + 50_000].astype(np.float64) @ queries.T.astype(np.float64)
            for start in range(0, len(rows), 50_000)
        ]
    )
    scores *= scales[:, np.newaxis]
    return [set(np.argpartition(-column, 10)[:10].tolist()) for column in scores.T]


def _recall(ask: Callable[[Any], Any], queries: Any, oracle: Sequence[set[int]]) -> float:
    """recall@10 against the oracle."""
    hits = [
        len(set(np.asarray(ask(query)).tolist()) & right)
        for query, right in zip(queries, oracle, strict=True)
    ]
    return round(float(np.mean(hits)) / 10, 4)
