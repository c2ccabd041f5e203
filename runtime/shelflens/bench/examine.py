"""All measurements of a device, one after the other, as `bench.json` holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelflens import Catalog, Embedder
from shelflens.bench import measure
from shelflens.bench.choose import choose
from shelflens.bench.device import describe, state
from shelflens.bench.report import NOT_MEASURED
from shelflens.bench.samples import synthetic_photo, write_catalog
from shelflens.model.quiet import without_greeting
from shelflens.progress import Progress

SCHEMA = "shelflens-bench/1"
PRODUCTS = 100_000
"""Of the catalog in which photos are looked up."""
SIZES = (1_000, 10_000, 100_000, 1_000_000)
"""Products of the catalogs that are scanned."""


def examine(models: list[Path], *, quick: bool, folder: Path) -> dict[str, Any]:
    """Measure everything.

    Args:
        models: Files to compare.
        quick: Short runs, no catalog of a million products.
        folder: For files that are needed on the way.

    Returns:
        JSON values, described in docs/json.md.
    """
    seconds = 0.25 if quick else 2.0
    sizes = SIZES[:-1] if quick else SIZES
    device = describe()
    with Progress("measuring", len(models) + len(sizes) + 2, unit="steps") as bar:
        engines: list[dict[str, Any]] = []
        for model in models:
            engines += measure.engines(model, seconds)
            bar.update(models.index(model) + 1, "embed")
        chosen = choose(engines)
        path = next(path for path in models if measure.name_of(path) == chosen["model"])
        with without_greeting():
            embedder = Embedder.open(path, engine=chosen["engine"], threads=chosen["threads"])
        store = write_catalog(folder / "store.catalog", PRODUCTS, embedder.card)
        photos = measure.photos(embedder, Catalog.open(store), 4 * seconds)
        bar.update(len(models) + 1, "photos")
        scans: list[dict[str, Any]] = []
        for size in sizes:
            # The rows, and as much again while they are made.
            if size * embedder.card.dim * 3 < measure.free_bytes():
                scans.append(measure.scan(size, embedder.card.dim, 2 * seconds))
            bar.update(len(models) + 1 + len(scans), "scan")
        photo = folder / "photo.jpg"
        photo.write_bytes(synthetic_photo(1632, 1224))
        words = [str(photo), "--catalog", str(store), "--model", str(path)]
        words += ["--engine", chosen["engine"], "--threads", str(chosen["threads"])]
        cold = measure.cold(words, measure.QUICK_STARTS * (1 if quick else 4))
        bar.update(len(models) + len(sizes) + 2, "cold start")
    return {
        "schema": SCHEMA,
        "not_measured": list(NOT_MEASURED),
        "quick": quick,
        "device": device,
        "after": state(),
        "engines": engines,
        "recommended": chosen,
        "photos": photos,
        "scan": scans,
        "cold": {"products": PRODUCTS, **cold},
    }
