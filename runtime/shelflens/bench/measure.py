"""The measurements; each checks that the answers are right before it times them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from shelflens import Catalog, Embedder, ShelfLensError
from shelflens.bench.samples import PHOTOS, random_queries, random_rows, synthetic_photo
from shelflens.bench.timing import Times, interleaved, repeat
from shelflens.catalog.simd import kernel
from shelflens.catalog.topk import top_products, top_products_with_numpy
from shelflens.errors import ModelError
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.engines import ENGINE_TYPES
from shelflens.model.quiet import without_greeting

BUNDLED = "bundled"
"""What the model in the package is called in a report."""

MIN_AGREEMENT = 0.99
"""Smallest cosine between two engines' vectors of one photo; int8 rounding differs among them."""

QUICK_STARTS = 3
"""Starts of a new process that are timed with --quick; without it, four times as many."""


def threads_to_try() -> list[int]:
    """1, 2, 4 ... up to the cores."""
    cores = os.cpu_count() or 1
    return sorted({*(n for n in (1, 2, 4, 8) if n < cores), min(cores, 8)})


def engines(model: Path, seconds: float) -> list[dict[str, Any]]:
    """One embedding of a decoded photo, with every engine and thread count that works here.

    Raises:
        EngineError: none does.
        ModelError: damaged, or two engines disagree.
    """
    rows: list[dict[str, Any]] = []
    first = None
    for kind in (kind for kind in ENGINE_TYPES if kind.suffix == model.suffix.lower()):
        for threads in threads_to_try():
            try:
                with without_greeting():
                    embedder = Embedder.open(model, engine=kind.name, threads=threads)
            except ShelfLensError:
                continue
            card = embedder.card
            pixels = embedder.load(synthetic_photo(348, 348))[np.newaxis]
            vector = embedder.embed_pixels(pixels)[0]
            first = vector if first is None else first
            if (cosine := float(vector @ first)) < MIN_AGREEMENT:
                raise ModelError(f"{model}: {kind.name} gives another vector (cosine {cosine:.3f})")
            times = repeat(partial(embedder.embed_pixels, pixels), seconds)
            rows.append(
                {
                    "model": name_of(model),
                    "variant": card.variant,
                    "bytes": model.stat().st_size,
                    "accuracy": accuracy(card.metrics),
                    "engine": kind.name,
                    "threads": threads,
                    "embed_ms": times.to_dict(),
                }
            )
    if not rows:
        Embedder.open(model)  # says why
    return rows


def name_of(model: Path) -> str:
    """The path as it was given, or "bundled"."""
    return BUNDLED if model == BUNDLED_MODEL else str(model)


def accuracy(metrics: dict[str, Any]) -> float | None:
    """recall@1 as the model card states it: the official test's, or else the validation's."""
    official = metrics.get("grocery_official_test", {})
    found = official.get("fine", metrics.get("val_recall_at_1"))
    return float(found) if found is not None else None


def photos(embedder: Embedder, catalog: Catalog, seconds: float) -> list[dict[str, Any]]:
    """From the bytes of a photo to an answer, and each step alone."""
    rows = []
    for name, (width, height) in PHOTOS.items():
        data = synthetic_photo(width, height)
        pixels = embedder.load(data)[np.newaxis]
        vector = embedder.embed_pixels(pixels)[0]
        times = interleaved(
            {
                "decode": lambda: embedder.load(data),  # noqa: B023  (called in this round)
                "embed": lambda: embedder.embed_pixels(pixels),  # noqa: B023
                "match": lambda: catalog.answer(vector),  # noqa: B023
                "total": lambda: catalog.answer(embedder.embed(data)),  # noqa: B023
            },
            seconds,
        )
        rows.append(
            {
                "photo": name,
                "width": width,
                "height": height,
                "bytes": len(data),
                "products": len(catalog),
                **{f"{step}_ms": spent.to_dict() for step, spent in times.items()},
            }
        )
    return rows


def scan(products: int, dim: int, seconds: float) -> dict[str, Any]:
    """The exact ten nearest of so many rows, one thread, beside reading those bytes.

    Raises:
        ModelError: the kernel's products are not NumPy's.
    """
    rows, scales = random_rows(products, dim)
    first, query = np.arange(products), random_queries(1, dim)
    words = rows.reshape(-1)[: rows.size // 8 * 8].view(np.uint64)

    def with_kernel() -> Any:
        return top_products(rows, scales, first, query, 10, threads=1)

    def with_numpy() -> Any:
        return top_products_with_numpy(rows, scales, first, query, 10)

    if with_kernel()[0][0].tolist() != with_numpy()[0][0].tolist():
        raise ModelError("the scan's kernel and NumPy find different products; report this")
    found = kernel(False)
    acts: dict[str, Callable[[], Any]] = {"read": words.max, "numpy": with_numpy}
    if found:
        acts["scan"] = with_kernel
    times = interleaved(acts, seconds)
    read = times["read"].p50
    return {
        "products": products,
        "dim": dim,
        "bytes": rows.nbytes,
        "kernel": found[0] if found else None,
        **{f"{name}_ms": spent.to_dict() for name, spent in times.items()},
        "gb_per_s": round(rows.nbytes / read / 1e6, 2),
        "times_of_reading": round(times["scan" if found else "numpy"].p50 / read, 2),
    }


def free_bytes() -> int:
    """Memory that can be had now; a large number where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 1 << 40
    return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10


LOOKUP = """
import sys
from shelflens.cli import main
status = main(sys.argv[1:])
try:
    lines = open("/proc/self/status").readlines()
except OSError:
    lines = []
print("\\npeak KiB", *[line.split()[1] for line in lines if line.startswith("VmHWM")])
sys.exit(status)
"""
"""The command, which then prints its peak memory: what a parent could ask of the system counts the
parent's own memory too, which the child shares before it starts."""


def cold(words: Sequence[str], starts: int) -> dict[str, Any]:
    """`shelflens lookup` as a new process: wall time, and its peak memory (Linux)."""
    command = [sys.executable, "-c", LOOKUP, "lookup", *words]
    spent, peaks = [], []
    for turn in range(starts + 1):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if turn:  # the first one reads the files from the disk
            spent.append((time.perf_counter() - start) * 1e3)
        if done.returncode:
            raise ShelfLensError(f"lookup as a new process: {done.stderr.strip()[-200:]}")
        peaks += [int(word) for word in done.stdout.rpartition("peak KiB")[2].split()]
    peak = round(max(peaks) / 1024, 1) if peaks else None
    return {"wall_ms": Times.of(spent).to_dict(), "peak_mib": peak}
