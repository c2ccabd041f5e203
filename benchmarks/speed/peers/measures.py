"""All measurements of one machine, in order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed.peers import adapters
from benchmarks.speed.peers.photos import embed, photos
from benchmarks.speed.peers.ratios import Row, ratios
from benchmarks.speed.peers.scan import batch, opening, scan
from benchmarks.speed.peers.start import installed, start
from shelflens import Catalog, Embedder
from shelflens.bench.device import describe, state
from shelflens.bench.samples import write_catalog
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.progress import Progress


def everything(model: Path | None, onnx: Path | None, *, quick: bool, folder: Path) -> Row:
    """All measurements of this machine, as JSON values."""
    model = model or BUNDLED_MODEL
    seconds = 1.0 if quick else 12.0
    embedder = Embedder.open(model)
    report: Row = {"quick": quick, "device": describe()}
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
