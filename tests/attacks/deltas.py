"""Deltas that are damaged, made to harm, or whose applying is killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shelflens import Catalog, CatalogError
from shelflens.catalog.apply import apply
from shelflens.catalog.confirm import confirm
from shelflens.catalog.container import Tensors, read_container, write_container
from shelflens.catalog.delta import DELTA
from shelflens.catalog.diff import diff, save_delta
from tests.attacks.damage import SLOW_SECONDS


def shop(folder: Path, *, products: int = 300) -> Path:
    """Write base.catalog, result.catalog and d.delta; gives the path of the delta."""
    rows = np.random.default_rng(5).normal(size=(products + 3, 16)).astype(np.float32)
    ids = [f"p{n}" for n in range(products)]
    base = Catalog(ids, rows[:-3], space="s", attributes={"p0": {"name": "Tea äöü"}})
    base.save(folder / "base.catalog")
    changed = base.remove(["p7", "p8"]).add(["new", "p3", "p3"], rows[-3:])
    changed, _ = confirm(changed, "p9", -rows[0])
    changed.add([], rows[:0], attributes={"p5": {"price": "1"}}).save(folder / "result.catalog")
    first, second = (Catalog.open(folder / f"{name}.catalog") for name in ("base", "result"))
    save_delta(diff(first, second), first, folder / "d.delta")
    return folder / "d.delta"


def tally(folder: Path, deltas: Iterator[bytes]) -> Counter[str]:
    """Apply deltas one after another to the base that `shop` wrote.

    Returns:
        Counts of `refused`, `applied` (the bytes of the result), `other result`, `changed although
        refused`, `raw exception`, `slow`.
    """
    base, result = ((folder / f"{name}.catalog").read_bytes() for name in ("base", "result"))
    store, odd = folder / "store.catalog", folder / "odd.delta"
    store.write_bytes(base)
    counts: Counter[str] = Counter()
    for data in deltas:
        odd.unlink(missing_ok=True)
        odd.write_bytes(data)
        start = time.monotonic()
        try:
            apply(store, odd)
            counts["applied" if store.read_bytes() == result else "other result"] += 1
            store.unlink()
            store.write_bytes(base)
        except CatalogError as error:
            counts["refused"] += 1
            counts["raw exception"] += "\n" in str(error)
            counts["changed although refused"] += store.read_bytes() != base
        except Exception:
            counts["raw exception"] += 1
        counts["slow"] += time.monotonic() - start > SLOW_SECONDS
    return counts


def broken(counts: Counter[str]) -> int:
    """How many of them broke the promise."""
    return sum(counts.values()) - counts["refused"] - counts["applied"]


def odd_deltas(delta: Path) -> Iterator[tuple[str, bytes]]:
    """Deltas with right checksums that no writer of ours makes: what each is, and its bytes."""
    tensors, metadata = read_container(delta, kind=DELTA)
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    path = delta.with_name("made.delta")

    def written(changed: Tensors, texts: dict[str, str]) -> bytes:
        write_container(path, changed, texts, kind=DELTA)
        return path.read_bytes()

    for name, change in _CHANGES.items():
        changed = {key: np.array(tensor) for key, tensor in tensors.items()}
        change(changed)
        yield name, written(changed, kept)
    for name in tensors:
        yield f"no {name}", written({k: v for k, v in tensors.items() if k != name}, kept)
        yield f"{name} empty", written({**tensors, name: tensors[name][:0]}, kept)
        if len(tensors[name]):
            yield f"{name} cut", written({**tensors, name: tensors[name][:-1]}, kept)
    yield "base of another catalog", written(tensors, {**kept, "base": "0" * 64})
    yield "result of another catalog", written(tensors, {**kept, "result": "0" * 64})
    yield "no base", written(tensors, {"result": kept["result"]})


def packed(numbers: Any) -> np.ndarray:
    """Numbers [k, columns] as a delta has them."""
    table = np.array(numbers, np.int64)
    return np.frombuffer(zlib.compress(table.T.astype("<i8").tobytes()), np.uint8)


def _to(name: str, numbers: Any) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: packed(numbers)})


def _raw(name: str, data: bytes) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: np.frombuffer(data, np.uint8)})


def _record(text: str) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        data = text.encode()
        numbers = np.frombuffer(zlib.decompress(tensors["record_lengths"].tobytes()), "<i8")
        rest = tensors["records"][int(numbers[0]) :].tobytes()
        tensors["records"] = np.frombuffer(data + rest, np.uint8)
        tensors["record_lengths"] = packed([[len(data)], *([n] for n in numbers[1:])])

    return change


_HUGE = 1 << 53
_BOMB = zlib.compress(bytes(1 << 28), 9)
_CHANGES: dict[str, Callable[[Tensors], None]] = {
    **{
        f"{name} {what}": _to(name, numbers)
        for name in ("product_runs", "row_runs")
        for what, numbers in {
            "beyond": [[0, 301, 4]],
            "huge": [[0, _HUGE, 4]],
            "too huge": [[0, _HUGE + 1, 4]],
            "negative": [[0, -1, 4]],
            "new huge": [[0, 300, _HUGE]],
            "gap huge": [[_HUGE, 1, 4]],
            "back": [[0, 200, 0], [399, 200, 4]],
            "nothing": [[0, 300, 0]],
            "empty runs": [[0, 300, 4], *[[0, 0, 0]] * 200],
            "of two columns": [[0, 300]],
            "all twice": [[0, 300, 4], [599, 300, 0]],
        }.items()
    },
    **{
        f"{name} bomb": _raw(name, _BOMB)
        for name in ("product_runs", "row_runs", "row_counts", "record_lengths", "header")
    },
    **{
        f"{name} no stream": _raw(name, b"\xff" * 40)
        for name in ("product_runs", "row_runs", "row_counts", "record_lengths", "header")
    },
    "counts beyond": _to("row_counts", [[_HUGE, 1]]),
    "counts of none": _to("row_counts", [[0, 0]]),
    "counts huge": _to("row_counts", [[0, _HUGE]]),
    "counts huge often": _to("row_counts", [[n, 1 << 31] for n in range(290)]),
    "lengths huge": _to("record_lengths", [[_HUGE]] * 2),
    "lengths zero": _to("record_lengths", [[0]] * 2),
    "record none": _record("{}"),
    "record odd": _record('{"id":"a\\u001b[31m","attributes":{}}'),
    "record deep": _record("[" * 50_000),
    "record of an id that is there": _record('{"id":"p9","attributes":{}}'),
    "record twice": _record('{"id":"new","attributes":{}}'),
    "rows of another length": lambda tensors: tensors.update(rows=tensors["rows"][:, :-1]),
    "rows of zeros": lambda tensors: tensors.update(rows=tensors["rows"] * 0),
    "scales twice": lambda tensors: tensors.update(scales=tensors["scales"] * np.float32(2)),
    "scales not numbers": lambda tensors: tensors.update(
        scales=tensors["scales"] * np.float32(np.nan)
    ),
    "rows as bytes": lambda tensors: tensors.update(rows=tensors["rows"].view(np.uint8)),
    "header plain": _raw("header", b"{}"),
    "header deep": _raw("header", zlib.compress(b"[" * 500_000)),
}


_APPLY = """
import shutil, sys
from shelflens.catalog.apply import apply
base, store, delta = sys.argv[1:]
print("ready", flush=True)
while True:
    apply(store, delta)
    shutil.copy(base, store + ".again")
    import os; os.replace(store + ".again", store)
"""


def kill_during_apply(folder: Path, *, kills: int) -> int:
    """Kill a process that applies a delta again and again.

    Returns:
        How often the catalog was neither the base nor the result.
    """
    delta = shop(folder, products=4000)
    base, store = folder / "base.catalog", folder / "store.catalog"
    whole = [base.read_bytes(), (folder / "result.catalog").read_bytes()]
    shutil.copy(base, store)
    wrong, generator = 0, random.Random(0)
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", _APPLY, str(base), str(store), str(delta)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(generator.uniform(0, 0.05))
            writer.kill()
            writer.wait()
        wrong += store.read_bytes() not in whole
        shutil.copy(base, folder / "again")
        (folder / "again").replace(store)
    return wrong
