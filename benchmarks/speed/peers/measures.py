"""What is measured, and the ratios that the issue's targets are about."""

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
from numpy.typing import NDArray

from benchmarks.speed.peers import adapters
from shelflens import Catalog, Embedder, load_image
from shelflens.bench.device import describe, state
from shelflens.bench.measure import LOOKUP
from shelflens.bench.samples import PHOTOS, directions, draw, unit, write_catalog
from shelflens.bench.timing import Times, interleaved
from shelflens.catalog.simd import kernel
from shelflens.catalog.topk import nearest, with_numpy_alone
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.progress import Progress

SAME_VECTOR = 0.999
"""Cosine between two engines on the same pixels: the same file, the same numbers but rounding."""

Row = dict[str, Any]


def everything(model: Path | None, onnx: Path | None, *, quick: bool, folder: Path) -> Row:
    """All measurements of this machine, as JSON values."""
    model = model or BUNDLED_MODEL
    seconds = 1.0 if quick else 12.0
    embedder = Embedder.open(model)
    device = describe()
    report: Row = {"schema": "shelflens-peers/1", "quick": quick, "device": device}
    sizes = ((20_000, 128),) if quick else ((100_000, 128), (100_000, 256), (1_000_000, 64))
    steps = Progress("peers", 5 + len(sizes), unit="steps")
    with steps as bar:
        products = 10_000 if quick else 100_000
        store = write_catalog(folder / "store.catalog", products, embedder.card)
        report["photos"] = photos(model, embedder, Catalog.open(store), seconds, folder)
        bar.update(1, "photos")
        report["embed"] = embed(model, onnx, embedder, seconds)
        bar.update(2, "embed")
        report["scan"] = []
        for n, dim in sizes:
            report["scan"].append(scan(n, dim, seconds, graph=(n, dim) == sizes[0]))
            bar.update(2 + len(report["scan"]), f"scan of {n:,}")
        report["batch"] = batch(products, 128, seconds)
        report["opening"] = opening(20_000 if quick else 1_000_000, 64, folder)
        bar.update(4 + len(sizes), "opening")
        report["start"] = start(model, store, folder, 3 if quick else 12)
        bar.update(5 + len(sizes), "starts")
    report["retriever"] = adapters.mediapipe_store(model)
    report["installed"] = {name: installed(name) for name in ("shelflens", "mediapipe")}
    report["after"] = state()
    report["ratios"] = ratios(report)
    return report


def photos(
    model: Path, embedder: Embedder, catalog: Catalog, seconds: float, folder: Path
) -> list[Row]:
    """File to answer, beside MediaPipe's file to embedding with the same model file."""
    theirs, close = adapters.mediapipe_embedder(model)
    size = embedder.card.size
    rows = []
    try:
        for name, (width, height) in PHOTOS.items():
            path = folder / f"{width}.jpg"
            path.write_bytes(draw(width, height))
            small = folder / f"{width}.png"
            _write_png(small, load_image(path, size=size))
            same = float(theirs(str(small)) @ embedder.embed_pixels(load_image(small)[None])[0])
            assert same > SAME_VECTOR, f"MediaPipe on the same pixels: cosine {same}"
            times = interleaved(
                {
                    "answer": lambda one=path: catalog.answer(embedder.embed(one)),  # type: ignore[misc]
                    "full_decode": lambda one=path: load_image(load_image(one), size=size),  # type: ignore[misc]
                    "decode": lambda one=path: embedder.load(one),  # type: ignore[misc]
                    "mediapipe": lambda one=path: theirs(str(one)),  # type: ignore[misc]
                },
                seconds,
            )
            apart = float(theirs(str(path)) @ embedder.embed(path))
            rows.append(
                {
                    "photo": name,
                    "bytes": path.stat().st_size,
                    "cosine_same_pixels": round(same, 5),
                    "cosine_own_decoding": round(apart, 4),
                    **_ms(times),
                }
            )
    finally:
        close()
    return rows


def embed(model: Path, onnx: Path | None, embedder: Embedder, seconds: float) -> list[Row]:
    """`Embedder.embed_pixels` beside the bare interpreter, the same file and threads."""
    pixels = embedder.load(draw(348, 348))[np.newaxis]
    ours = embedder.embed_pixels(pixels)[0]
    rows = []
    for threads in sorted({1, min(4, os.cpu_count() or 1)}):
        one = Embedder.open(model, threads=threads)
        acts: dict[str, Callable[[], Any]] = {
            "shelflens": partial(one.embed_pixels, pixels),
            "litert": adapters.litert_invoke(model, threads, pixels),
        }
        assert float(acts["litert"]() @ ours) > SAME_VECTOR
        if onnx:
            acts["onnxruntime"] = adapters.onnx_run(onnx, threads, pixels)
            assert float(acts["onnxruntime"]() @ ours) > 0.9, "not of the same training"
        rows.append({"threads": threads, **_ms(interleaved(acts, seconds / 2))})
    return rows


def scan(n: int, dim: int, seconds: float, *, graph: bool) -> Row:
    """One query, one thread, the ten nearest of n stored rows: every index on the same rows."""
    rows, scales = directions(n, dim)
    first = np.arange(n)
    wide = rows.astype(np.float32) * scales[:, np.newaxis]
    # Queries near stored rows, as a photo is near its product.
    queries = wide[:: max(1, n // 40)][:40] + 0.7 * unit(40, dim)
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    oracle = _oracle(rows, scales, queries)
    words = rows.reshape(-1)[: rows.size // 8 * 8].view(np.uint64)
    turn = _Turn(queries)

    def ours(query: NDArray[np.float32], threads: int = 1) -> Any:
        return nearest(rows, scales, first, query[np.newaxis], 10, threads=threads)[0][0]

    def bare(query: NDArray[np.float32]) -> Any:
        return with_numpy_alone(rows, scales, first, query[np.newaxis], 10)[0][0]

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
    if found := kernel(False):
        # What is left of a scan is ours: scaling, choosing, and scoring the chosen exactly.
        small = rows[:1].copy()
        acts["its kernel alone"] = lambda: found.dots(small, rows, 1)
    acts |= {name: partial(turn, ask) for name, ask in asks.items()}
    times = interleaved(acts, seconds)
    row = {
        "products": n,
        "dim": dim,
        "bytes": rows.nbytes,
        "kernel": found.name if found else None,
        "recall": recall,
        "ms": {name: one.to_dict() for name, one in times.items()},
    }
    return row | ({"hnswlib": _graph(wide, queries, oracle)} if graph else {})


def _graph(wide: Any, queries: Any, oracle: Any) -> Row:
    """hnswlib: how long building takes, and the time of a query at each recall."""
    begin = time.perf_counter()
    index = adapters.hnswlib_graph(wide)
    built = time.perf_counter() - begin
    found = []
    for ef in (32, 128, 512, 2048, 8192):
        index.set_ef(ef)

        def ask(query: Any) -> Any:
            return index.knn_query(query, k=10)[0][0]

        recall = _recall(ask, queries, oracle)
        times = interleaved({"ask": partial(_Turn(queries), ask)}, 1.0)
        found.append({"ef": ef, "recall": recall, "ms": times["ask"].to_dict()})
        if recall >= 0.999:
            break
    return {"build_s": round(built, 1), "asked": found}


def batch(n: int, dim: int, seconds: float) -> Row:
    """64 queries at once, on one thread and on all."""
    rows, scales = directions(n, dim)
    queries, first = unit(64, dim), np.arange(n)
    alone = [nearest(rows, scales, first, one[None], 10)[0][0].tolist() for one in queries]
    together = nearest(rows, scales, first, queries, 10)
    assert alone == [numbers.tolist() for numbers, _ in together]
    cores = os.cpu_count() or 1
    times = interleaved(
        {
            "one": lambda: nearest(rows, scales, first, queries, 10, threads=1),
            "all": lambda: nearest(rows, scales, first, queries, 10, threads=cores),
        },
        seconds,
    )
    return {"queries": 64, "products": n, "dim": dim, "cores": cores, **_ms(times)}


def opening(n: int, dim: int, folder: Path) -> Row:
    """`Catalog.open` of a file that is in the page cache."""
    path = folder / "large.catalog"
    ids = [f"product {number:07}" for number in range(n)]
    vectors = np.random.default_rng(0).standard_normal((n, dim), dtype=np.float32)
    Catalog(ids, vectors, space="s").save(path)
    times = interleaved({"open": lambda: Catalog.open(path)}, 2.0)
    size = path.stat().st_size
    path.unlink()
    return {"products": n, "dim": dim, "bytes": size, **_ms(times)}


def start(model: Path, store: Path, folder: Path, turns: int) -> Row:
    """New processes in turn: our lookup of a photo, MediaPipe's embedding of it."""
    photo = folder / "348.jpg"
    words = [str(photo), "--catalog", str(store), "--model", str(model)]
    commands = {
        "shelflens": [sys.executable, "-c", LOOKUP, "lookup", *words],
        "mediapipe": [sys.executable, "-c", adapters.MEDIAPIPE_START, str(model), str(photo)],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, list[int]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            if turn:
                spent[name].append((time.perf_counter() - begin) * 1e3)
            peaks[name] += map(int, done.stdout.rpartition("peak KiB")[2].split())
    return {
        "products": len(Catalog.open(store)),
        **{f"{name}_ms": Times.of(one).to_dict() for name, one in spent.items()},
        "peak_mib": {name: round(max(one) / 1024, 1) for name, one in peaks.items()},
    }


def installed(name: str) -> dict[str, float]:
    """MiB of a package and of all that it needs, as they lie in this environment."""
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.requirements import Requirement

    sizes: dict[str, float] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in sizes:
            continue
        try:
            found = distribution(one)
        except PackageNotFoundError:
            continue
        files = [Path(str(found.locate_file(file))) for file in found.files or []]
        total = sum(file.stat().st_size for file in files if file.is_file())
        if one == "shelflens":  # from the working tree: what the wheel holds
            package = Path(__file__).parents[2] / "runtime" / "shelflens"
            total = sum(file.stat().st_size for file in package.rglob("*")
                        if file.is_file() and "__pycache__" not in file.parts)  # fmt: skip
        sizes[one] = round(total / 2**20, 1)
        for line in found.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name.lower().replace("_", "-"))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def ratios(report: Row) -> list[Row]:
    """The issue's targets: what, measured, target, met. Smaller is better in every row."""
    found: list[Row] = []

    def row(what: str, ratio: float, target: float) -> None:
        met = ratio <= target
        found.append({"what": what, "ratio": round(ratio, 3), "target": target, "met": met})

    by_name = {one["photo"]: one for one in report["photos"]}
    for name, target in (("12 MP", 1 / 3), ("small", 1.0)):
        one = by_name[name]
        ratio = one["answer_ms"]["p50"] / one["mediapipe_ms"]["p50"]
        row(f"{name} file to answer / MediaPipe file to embedding", ratio, round(target, 3))
    for one in report["embed"]:
        ratio = one["shelflens_ms"]["p50"] / one["litert_ms"]["p50"]
        row(f"embedding call / bare invoke, {one['threads']} threads", ratio, 1.05)
    limits = {(100_000, 128): 2.0, (100_000, 256): 1.4, (1_000_000, 64): 2.0}
    for one in report["scan"]:
        ms = {name: times["p50"] for name, times in one["ms"].items()}
        what = f"scan {one['products']:,} x {one['dim']}"
        threaded = [ms[name] for name in ms if name.endswith(" threads")]
        ours = ms["shelflens"] if one["products"] < 1_000_000 else min(ms["shelflens"], *threaded)
        limit = limits.get((one["products"], one["dim"]), 2.0)
        row(f"{what} / reading the bytes", ours / ms["reading the bytes"], limit)
        for name in ms:
            if not name.startswith(("shelflens", "reading", "its kernel")):
                row(f"{what} / {name}", ours / ms[name], 1.0)
    one = report["batch"]
    gain = one["one_ms"]["p50"] / one["all_ms"]["p50"]
    row(f"64 queries, {one['cores']} cores: cores / speed-up", one["cores"] / gain, 1.25)
    row("opening a large catalog, ms / 10", report["opening"]["open_ms"]["p50"] / 10, 1.0)
    one = report["start"]
    ratio = one["shelflens_ms"]["p50"] / one["mediapipe_ms"]["p50"]
    row("lookup as a new process / MediaPipe's", ratio, 0.35)
    row("peak memory of that process, MiB / 120", one["peak_mib"]["shelflens"] / 120, 1.0)
    sizes = [sum(report["installed"][name].values()) for name in ("shelflens", "mediapipe")]
    row("installed size / MediaPipe's", sizes[0] / sizes[1], 1.0)
    return found


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
    return [set(np.argpartition(-one, 10)[:10].tolist()) for one in scores.T]


def _recall(ask: Callable[[Any], Any], queries: Any, oracle: Sequence[set[int]]) -> float:
    """recall@10 against the oracle."""
    hits = [
        len(set(np.asarray(ask(query)).tolist()) & right)
        for query, right in zip(queries, oracle, strict=True)
    ]
    return round(float(np.mean(hits)) / 10, 4)


def _ms(times: dict[str, Times]) -> Row:
    return {f"{name}_ms": one.to_dict() for name, one in times.items()}


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)
