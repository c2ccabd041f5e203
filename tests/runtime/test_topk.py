"""The exact scan: the same products as scoring every row in float64, with every kernel."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens.catalog import simd, topk
from shelflens.catalog.rows import quantize_rows
from shelflens.catalog.topk import top_products

KERNELS: dict[str, Callable[[], simd.Kernel]] = {
    "simsimd": simd._simsimd,
    "numkong": simd._numkong,
}


@pytest.fixture(params=["numpy", *KERNELS], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The scan with NumPy alone, and with each kernel for any number of queries."""
    name = str(request.param)
    if name != "numpy" and not importlib.util.find_spec(name):
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    found = KERNELS[name]() if name in KERNELS else None
    monkeypatch.setattr(topk, "kernel", lambda several: found)
    # Small blocks and parts, so that small catalogs are cut up and shared out too.
    monkeypatch.setattr(topk, "_BLOCK_BYTES", 1 << 10)
    for size in ("_KERNEL_THREAD_BYTES", "_PYTHON_THREAD_BYTES", "_BLOCK_SCORES"):
        monkeypatch.setattr(topk, size, 1 << 10)
    return name


def by_definition(
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    query: NDArray[np.float32],
    k: int,
) -> tuple[list[int], list[float]]:
    """Every row in float64 by plain sums, the best of each product, equal ones in order."""
    exact = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1) * scales
    best = [part.max() for part in np.split(exact.astype(np.float32), first_rows[1:])]
    order = sorted(range(len(best)), key=lambda product: (-best[product], product))[:k]
    return order, [float(best[product]) for product in order]


def catalog(
    n: int, products: int, dim: int, clusters: int, seed: int
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Rows of which many are the same or nearly so, and 11 queries near to some of them."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(clusters, dim))
    near = centres[generator.integers(0, clusters, n)]
    near = near + generator.choice([0, 0, 1e-3, 0.3], n)[:, None] * generator.normal(size=(n, dim))
    rows, scales = quantize_rows(near.astype(np.float32))
    starts = np.sort(generator.choice(np.arange(1, n), min(products, n) - 1, replace=False))
    queries = near[generator.integers(0, n, 11)] + 0.1 * generator.normal(size=(11, dim))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return rows, scales, np.concatenate([[0], starts]), queries.astype(np.float32)


@settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    n=st.integers(1, 600),
    products=st.integers(1, 600),
    dim=st.sampled_from([1, 2, 31, 64, 100, 256]),
    clusters=st.integers(1, 40),
    k=st.integers(1, 40),
    count=st.integers(1, 11),
    threads=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_equals_scoring_every_row_in_float64(
    n: int, products: int, dim: int, clusters: int, k: int, count: int, threads: int, seed: int
) -> None:
    rows, scales, first, queries = catalog(n, products, dim, clusters, seed)
    found = top_products(rows, scales, first, queries[:count], k, threads=threads)
    assert len(found) == count
    for (indices, scores), query in zip(found, queries, strict=False):
        expected, right = by_definition(rows, scales, first, query, k)
        assert indices.tolist() == expected
        assert scores.tolist() == pytest.approx(right, abs=1e-7)


def test_a_larger_catalog_on_threads() -> None:
    rows, scales, first, queries = catalog(30_000, 20_000, 48, 500, 1)
    for threads in (1, 4):
        for query, (indices, _) in zip(
            queries, top_products(rows, scales, first, queries, 10, threads=threads), strict=True
        ):
            assert indices.tolist() == by_definition(rows, scales, first, query, 10)[0]


def test_rows_wider_than_a_kernel_sums_exactly() -> None:
    dim = simd.MAX_DIM + 1
    rows, scales, first, queries = catalog(50, 50, dim, 5, 0)
    indices, _ = top_products(rows, scales, first, queries[:1], 3)[0]
    assert indices.tolist() == by_definition(rows, scales, first, queries[0], 3)[0]


def test_an_error_on_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, scales, first, queries = catalog(2000, 2000, 16, 5, 0)

    def fail(*_: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(topk, "_candidates", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        top_products(rows, scales, first, queries, 3, threads=3)


def test_a_kernel_that_multiplies_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def saturating(
        queries: NDArray[np.int8], rows: NDArray[np.int8], threads: int
    ) -> NDArray[np.float32]:
        found = queries.astype(np.int32) @ rows.astype(np.int32).T
        wrong: NDArray[np.float32] = np.clip(found, -(2**15), 2**15 - 1).astype(np.float32)
        return wrong

    assert not simd._right(saturating)
    monkeypatch.undo()
    monkeypatch.setattr(simd, "_simsimd", lambda: simd.Kernel("wrong", saturating, True))
    monkeypatch.setattr(simd, "_numkong", lambda: simd.Kernel("wrong too", saturating, False))
    simd.kernel.cache_clear()
    try:
        assert simd.kernel(False) is None
        assert simd.kernel(True) is None
    finally:
        simd.kernel.cache_clear()
