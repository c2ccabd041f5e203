"""How much fits: bytes, times and memory of catalogs from a thousand to ten million rows.

`python -m benchmarks.quoted` writes the table into docs/how-to/scale.md. Bytes follow from the
format, and a test compares them with files; what is measured is of `benchmarks/results/`; what is
arithmetic stands here with its assumption.
"""

from __future__ import annotations

from typing import Any

from benchmarks.provenance import read, table

ROWS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
DIM = 256

RECORD = 80
"""Bytes of a product's record, assumed: an id, a name and a price."""

GIGABYTES_PER_SECOND = {"Pi 5": 9.0, "Pi 4": 4.0}
"""Memory read by one core, assumed."""

SCAN_PER_READING = 1.75
"""Of a scan with a kernel beside reading the bytes, 256 dimensions, one thread; measured on x86-64
(results/peers.md), assumed for Arm."""

MACHINES, CORES = 10, 8
"""Of the cluster in the last column, assumed; nothing is lost to waiting."""


def catalog_bytes(n: int, dim: int, record: int = RECORD) -> int:
    """Bytes of the tensors of a catalog with one row per product, more than 256 products.

    Each has dim bytes and a scale, its record, two bounds and an entry of the index; two bounds
    stand at the end.
    """
    return n * (dim + 4 + record + 8 + 8 + 8) + 16


def photo_seconds() -> float:
    """From a small photo's file to its answer on one core, measured."""
    (row,) = (row for row in read("peers")["photos"] if row["photo"] == "small")
    return float(row["answer_ms"]["p50"]) / 1000


def scan_milliseconds() -> float:
    """A scan of 100,000 x 256 on one thread, measured."""
    scans: list[dict[str, Any]] = read("peers")["scan"]
    (scan,) = (scan for scan in scans if (scan["products"], scan["dim"]) == (100_000, DIM))
    return float(scan["ms"]["shelflens"]["p50"])


def capacity() -> str:
    """The table of docs/how-to/scale.md."""
    head = (
        "rows", "file, 256 dims", "128 dims", "scan, x86-64", *GIGABYTES_PER_SECOND,
        "embed, one core", f"{MACHINES} x {CORES} cores", "delta of 1 % new",
    )  # fmt: skip
    return table(head, (_row(n) for n in ROWS))


def _row(n: int) -> tuple[str, ...]:
    pis = [
        _time(n * DIM / (speed * 1e9) * SCAN_PER_READING) for speed in GIGABYTES_PER_SECOND.values()
    ]
    embedding = n * photo_seconds()
    return (
        f"{n:,}",
        _bytes(catalog_bytes(n, DIM)),
        _bytes(catalog_bytes(n, DIM // 2)),
        _time(scan_milliseconds() / 1000 * n / 100_000),
        *pis,
        _time(embedding),
        _time(embedding / (MACHINES * CORES)),
        _bytes(n // 100 * (DIM + 4 + RECORD)),
    )


def _bytes(count: float) -> str:
    units = [("GB", 1e9), ("MB", 1e6), ("KB", 1e3)]
    name, size = next((unit for unit in units if count >= 0.9995 * unit[1]), ("B", 1.0))
    return f"{_digits(count / size)} {name}"


def _time(seconds: float) -> str:
    units = [("h", 3600.0), ("min", 60.0), ("s", 1.0)]
    name, size = next((unit for unit in units if seconds >= 0.95 * unit[1]), ("ms", 0.001))
    return f"{_digits(seconds / size)} {name}"


def _digits(number: float) -> str:
    """Two digits that count, never fewer than those before the point."""
    return f"{number:.0f}" if number >= 9.95 else f"{number:.2g}"
