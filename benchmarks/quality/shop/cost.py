"""What the questions cost: 100,000 random products, one thread, beside one plain scan.

    python -m benchmarks.quality.shop.cost --seed 0

prints JSON. A process of its own, since thread pools read their size when they are loaded; the
lowest of 25 runs in turn, since a shared machine only ever adds time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.provenance import ROOT
from shelflens import Catalog, Embedder
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.rows import quantize_rows
from shelflens.catalog.scores import row_scores
from shelflens.discovery.events import Event
from shelflens.discovery.recommend import recommend
from shelflens.discovery.similar import similar

PRODUCTS = 100_000
SINGLE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measured_alone(seed: int) -> dict[str, Any]:
    """The figures of `measure`, from a process with one thread."""
    command = [sys.executable, "-m", "benchmarks.quality.shop.cost", "--seed", str(seed)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | SINGLE, stdout=subprocess.PIPE, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(measure(Embedder.open().card.dim, parser.parse_args().seed)))


def measure(dim: int, seed: int) -> dict[str, Any]:
    """Milliseconds."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(PRODUCTS, dim)).astype(np.float32)
    attributes = {
        f"product-{n}": {"name": f"Product {n}", "category": f"c{n % 40}", "price": str(n % 90)}
        for n in range(PRODUCTS)
    }
    axes = CategoryAxes.of(generator.normal(size=(48, dim)))  # as many as a model may have
    catalog = Catalog(
        list(attributes), matrix, space="cost", attributes=attributes, category_axes=axes
    )
    rows, scales = quantize_rows(matrix)
    query = matrix[7] / np.linalg.norm(matrix[7])
    events = [
        Event(n, 1e9, "like", f"product-{n}", "", catalog.mean_direction(n * 997))
        for n in range(10)
    ]
    product = "product-50000"
    asks: dict[str, Callable[[], object]] = {
        "plain scan": lambda: row_scores(rows, scales, query),
        "match": lambda: catalog.match(query),
        "similar": lambda: similar(catalog, product),
        "similar, diverse": lambda: similar(catalog, product, diverse=0.3),
        "similar, where": lambda: similar(catalog, product, where=["category=c7", "price<30"]),
        "recommend, 10 events": lambda: recommend(catalog, events, now=1e9),
        "recommend, where": lambda: recommend(catalog, events, where=["price<30"], now=1e9),
    }
    spent: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(26):  # in turn, so that a busy moment hits all alike
        for name, ask in asks.items():
            start = time.perf_counter()
            ask()
            spent[name].append((time.perf_counter() - start) * 1e3)
    lowest = {name: min(times[1:]) for name, times in spent.items()}
    scan = lowest["plain scan"]
    return {
        "products": PRODUCTS,
        "dim": dim,
        "ms": {name: round(ms, 2) for name, ms in lowest.items()},
        "times a scan": {name: round(ms / scan, 2) for name, ms in lowest.items()},
    }


if __name__ == "__main__":
    main()
