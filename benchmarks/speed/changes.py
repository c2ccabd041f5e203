"""What a change of a catalog costs: time, memory and bytes written, by its size.

    python -m benchmarks.speed.changes

makes catalogs of 1,000, 100,000 and 1,000,000 products (256 dimensions, one image each, random
vectors) and lets a process of its own do each step on a copy: open, match, look for an id that is
not there, add, remove, confirm, diff, apply. `copy` is the file copied by Python and made durable,
which no change can do without. Steps take turns. Times are the median of the runs, and of what each
took longer than the copy of the same turn; CPU seconds are the minimum; memory is the peak above
that of the imported package, without what is mapped from files (`own`), and with it; bytes are
those handed to the system to write. Needs Linux and 3 GiB of disk. Ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens import Catalog, CatalogError
from shelflens.catalog.apply import apply
from shelflens.catalog.confirm import confirm
from shelflens.catalog.diff import diff, save_delta
from shelflens.catalog.lock import opened_to_change

DIM = 256
TARGETS = {"seconds": 1.0, "own_mib": 50.0}
"""Of add, remove and confirm in a million products, beside the copy of the file."""


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measured(args.step[0], Path(args.step[1]))))
        return
    report = stamp(seed=0) | {"runs": args.runs, "rows": measure(args.sizes, args.runs)}
    save(report, "Changing a catalog", markdown(report), "changes", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    columns = {
        "products": "products",
        "step": "step",
        "seconds": "s",
        "beside_copy": "s beside the copy",
        "cpu": "CPU s",
        "own_mib": "own MiB",
        "peak_mib": "with mapped MiB",
        "written_mib": "written MiB",
    }
    rows = [[f"{row[key]:,}" if key == "products" else str(row[key]) for key in columns]
            for row in report["rows"]]  # fmt: skip
    named = [
        row
        for row in report["rows"]
        if row["products"] == 1_000_000 and row["step"] in ("add", "remove", "confirm")
    ]
    note = ""
    if named:
        beside, cpu, own = (
            max(row[key] for row in named) for key in ("beside_copy", "cpu", "own_mib")
        )
        note = (
            f"\nOne product added, removed or confirmed in 1,000,000: at most {beside} s beside "
            f"the copy (target {TARGETS['seconds']}), {cpu} s of the processor with it, {own} MiB "
            f"(target {TARGETS['own_mib']}).\n"
        )
    sizes = {row["products"]: row for row in report["rows"] if row["step"] == "diff"}
    deltas = ", ".join(f"{row['delta_bytes']:,.0f} bytes" for row in sizes.values())
    return (
        f"{DIM} dimensions, one image per product; median of {report['runs']} runs.\n{note}\n"
        f"The delta (one product added, one removed, one confirmed: {changed_bytes()} changed "
        f"bytes): {deltas}.\n{table(columns.values(), rows)}"
    )


def changed_bytes() -> int:
    """Of the records and rows that the result of `diff` has and its base has not."""
    record = len(json.dumps({"id": "new", "attributes": {"name": "New"}}, separators=(",", ":")))
    return record + 2 * (DIM + 4 + 8)


def measure(sizes: list[int], runs: int) -> list[dict[str, Any]]:
    """Every step at every size."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run(["make", str(size)], folder)
            found: dict[str, list[dict[str, float]]] = {step: [] for step in STEPS}
            for _ in range(runs):  # in turn: a busy moment of the machine falls on all of them
                for step in STEPS:
                    found[step].append(run([step], folder))
            rows += [{"products": size, "step": step, **_summary(found, step)} for step in STEPS]
            print(rows[-len(STEPS) :], file=sys.stderr)
    return rows


def _summary(found: dict[str, list[dict[str, float]]], step: str) -> dict[str, float]:
    """The median of the runs; CPU seconds are the minimum, which is least disturbed."""
    summary = {
        key: statistics.median(taken[key] for taken in found[step]) for key in found[step][0]
    }
    pairs = zip(found[step], found["copy"], strict=True)
    summary["beside_copy"] = statistics.median(a["seconds"] - b["seconds"] for a, b in pairs)
    summary["cpu"] = min(taken["cpu"] for taken in found[step])
    return {key: round(value, 4 if value < 1 else 2) for key, value in summary.items()}


def run(words: list[str], folder: Path) -> dict[str, float]:
    """One step in a process of its own."""
    if words[0] == "make":
        make(folder, int(words[1]))
        return {}
    shutil.copy(folder / "base.catalog", folder / "store.catalog")
    os.sync()  # what this wrote is not written on the step's time
    command = [sys.executable, "-m", "benchmarks.speed.changes", "--step", words[0], str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def make(folder: Path, size: int) -> None:
    """Write base.catalog, and result.catalog with the three changes."""
    generator = np.random.default_rng(0)
    rows = np.empty((size, DIM), np.float32)
    for start in range(0, size, 50_000):  # no second copy of a million in float64
        part = rows[start : start + 50_000]
        part[:] = generator.standard_normal(part.shape, np.float32)
    ids = [f"49{number:011}" for number in range(size)]
    attributes = {
        key: {"name": f"Product {number}, 500 g", "price": "1.99", "category": "tea"}
        for number, key in enumerate(ids)
    }
    Catalog(ids, rows, space="random", attributes=attributes).save(folder / "base.catalog")
    changed = Catalog.open(folder / "base.catalog").remove([ids[size // 2]])
    changed, _ = confirm(changed, ids[size // 3], vector())
    changed = changed.add(["new"], -vector()[np.newaxis], attributes={"new": {"name": "New"}})
    changed.save(folder / "result.catalog")
    base, result = (Catalog.open(folder / f"{name}.catalog") for name in ("base", "result"))
    save_delta(diff(base, result), base, folder / "d.delta")


def vector() -> np.ndarray:
    """A query."""
    return np.random.default_rng(1).normal(size=DIM).astype(np.float32)


def _changed(folder: Path, change: Callable[[Catalog], Catalog]) -> None:
    store = folder / "store.catalog"
    with opened_to_change(store) as catalog:
        change(catalog).save(store)


def _unknown(folder: Path) -> None:
    catalog = Catalog.open(folder / "store.catalog")
    for _ in range(10):
        try:
            catalog.index_of("unknown")
        except CatalogError:
            continue
        raise AssertionError("found")


def _diff(folder: Path) -> None:
    base, result = (Catalog.open(folder / f"{name}.catalog") for name in ("base", "result"))
    save_delta(diff(base, result), base, folder / "made.delta")


def _copy(folder: Path) -> None:
    with (folder / "base.catalog").open("rb") as source, (folder / "copy").open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())


STEPS: dict[str, Callable[[Path], object]] = {
    "copy": _copy,
    "open": lambda folder: Catalog.open(folder / "store.catalog"),
    "open and match": lambda folder: Catalog.open(folder / "store.catalog").match(vector()),
    "open, and 10 x an unknown id": _unknown,
    "add": lambda folder: _changed(
        folder,
        lambda catalog: catalog.add(
            ["new"], vector()[np.newaxis], attributes={"new": {"name": "New"}}
        ),
    ),
    "remove": lambda folder: _changed(
        folder, lambda catalog: catalog.remove([catalog.at(len(catalog) // 2).id])
    ),
    "confirm": lambda folder: _changed(
        folder, lambda catalog: confirm(catalog, catalog.at(len(catalog) // 3).id, vector())[0]
    ),
    "diff": _diff,
    "apply": lambda folder: apply(folder / "store.catalog", folder / "d.delta"),
}


def measured(step: str, folder: Path) -> dict[str, float]:
    """Do a step, and say what it took: seconds, CPU seconds, MiB of memory, MiB written."""
    np.ones((4, 4), np.float32) @ np.ones((4, 4), np.float32)  # threads of BLAS are there
    before, written = _peak(), _written()
    own_before = own = _own()
    ended = threading.Event()

    def sample() -> None:
        nonlocal own
        while not ended.wait(0.001):
            own = max(own, _own())

    sampler = threading.Thread(target=sample)
    sampler.start()
    start, cpu = time.perf_counter(), time.process_time()
    STEPS[step](folder)
    seconds, spent = time.perf_counter() - start, time.process_time() - cpu
    ended.set()
    sampler.join()
    found = {
        "seconds": seconds,
        "cpu": spent,
        "own_mib": (own - own_before) / 1024,
        "peak_mib": (_peak() - before) / 1024,
        "written_mib": (_written() - written) / 2**20,
    }
    if step == "diff":
        found["delta_bytes"] = (folder / "made.delta").stat().st_size
    return found


def _own() -> int:
    """KiB of memory that are mapped from no file."""
    return _field("status", "RssAnon:")


def _peak() -> int:
    return _field("status", "VmHWM:")  # getrusage has the parent's


def _written() -> int:
    return _field("io", "wchar:")


def _field(file: str, name: str) -> int:
    for line in Path(f"/proc/self/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise OSError(f"no {name} in /proc; measure on Linux")


if __name__ == "__main__":
    main()
