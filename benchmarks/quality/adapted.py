"""Catalogs adapted to their shop, as `shelflens catalog build` makes them, and those that are not.

    python -m benchmarks.quality.adapted --cache CACHE --synthetic STORE --out results

The shops of `domains.py` and Grocery's official test photos, each enrolled from one reference
image, from two photos and from three per product; and Grocery's official protocol (`official.py`):

    auto           whether `--adapt auto` adapted it, and by which figures
    @1, @5         recall at 1 and 5, int8 model through `Embedder` and `Catalog`
    AUROC, FPR@95TPR   every second product left out of that catalog
    accepted, false accepts   of enrolled and of left-out products' photos, at the model's threshold

and the cost: CPU time to enrol 1,000 images of one per product, microseconds per query, bytes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import table
from benchmarks.quality.adapting import grocery_test, kept
from benchmarks.quality.baselines import Vectors
from benchmarks.quality.domain_sets import Domain, domains
from benchmarks.quality.measuring import photos_of
from shelflens import Calibration, Catalog, Embedder
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.enrol import adapted_rows
from shelflens.evaluation.measure.metrics import auroc, fpr_at_tpr

IMAGES = {"one": ("reference", 1), "two": ("shot", 2), "three": ("shot", 3)}
"""Enrolled per product: role and how many."""
WAYS = ("plain", "auto")
FIGURES = ("@1", "@5", "auroc", "fpr_at_95_tpr", "accepted", "false_accepts")
REPEATS = 400


def main() -> None:
    """Measure every shop, and the cost."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    embedder = Embedder.open()
    folder = args.cache / "embeddings" / "bundled"
    report: dict[str, Any] = {"shops": {}}
    shops = [*domains(args.cache, args.synthetic), grocery_test()]
    for shop in shops:
        images = kept(
            folder / f"{shop.name}.npy",
            lambda shop=shop: embedder.embed_many(list(shop.pixels))[1],
        )
        report["shops"][shop.name] = {
            name: _shop(embedder, shop, images, role, count)
            for name, (role, count) in IMAGES.items()
        }
        print(shop.name, json.dumps(report["shops"][shop.name]), flush=True)
    report["official"] = official(embedder)
    objects = next(shop for shop in shops if shop.name == "objects")
    report["cost"] = cost(embedder, list(objects.pixels[objects.of("reference")]))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "adapted.json").write_text(json.dumps(report, indent=2) + "\n")
    text = markdown(report)
    (args.out / "adapted.md").write_text(text)
    print(text)


def _shop(
    embedder: Embedder, shop: Domain, images: Vectors, role: str, count: int
) -> dict[str, Any]:
    enrolled = first_of_each(shop, role, count)
    queries = shop.of("query")
    labels = shop.products[enrolled].tolist()
    rows, adaptation, verdict = adapted_rows(
        list(shop.pixels[enrolled]), images[enrolled], labels, embedder
    )
    made: dict[str, Any] = {"verdict": str(verdict), "adapted": verdict.adapted}
    half = set(np.unique(shop.products)[::2].tolist())
    for way, vectors, by in zip(
        WAYS, (images[enrolled], rows), (Adaptation(), adaptation), strict=True
    ):
        made[way] = _figures(
            labels, vectors, by, images[queries], shop.products[queries], half, embedder
        )
    return made


def first_of_each(shop: Domain, role: str, count: int) -> NDArray[np.int64]:
    """Indices of the first images of a role of each product, at most so many."""
    seen: dict[str, int] = {}
    chosen = []
    for index in shop.of(role).tolist():
        product = str(shop.products[index])
        seen[product] = seen.get(product, 0) + 1
        if seen[product] <= count:
            chosen.append(index)
    return np.array(chosen, np.int64)


def _figures(
    labels: list[str],
    rows: Vectors,
    adaptation: Adaptation,
    queries: Vectors,
    asked: NDArray[np.str_],
    half: set[str],
    embedder: Embedder,
) -> dict[str, float]:
    whole = Catalog(labels, rows, space="s", adaptation=adaptation)
    found = [[match.id for match in matches] for matches in whole.match_many(queries, 5)]
    pairs = list(zip(found, asked.tolist(), strict=True))
    kept_rows = [index for index, label in enumerate(labels) if label in half]
    part = Catalog(
        [labels[index] for index in kept_rows], rows[kept_rows], space="s", adaptation=adaptation
    )
    scores = np.array([matches[0].score for matches in part.match_many(queries, 1)])
    known = np.array([product in half for product in asked])
    threshold = Calibration.from_dict(embedder.card.calibration).threshold
    return {
        "@1": float(np.mean([own in ids[:1] for ids, own in pairs])),
        "@5": float(np.mean([own in ids for ids, own in pairs])),
        "auroc": auroc(scores[known], scores[~known]),
        "fpr_at_95_tpr": fpr_at_tpr(scores[known], scores[~known]),
        "accepted": float(np.mean(scores[known] >= threshold)),
        "false_accepts": float(np.mean(scores[~known] >= threshold)),
    }


def official(embedder: Embedder) -> dict[str, Any]:
    """Grocery's official protocol: fine and coarse from the train photos, iconic from one image."""
    splits = {name: photos_of(name, 1) for name in ("train", "test", "iconic")}
    vectors = {name: embedder.embed_many(part.paths)[1] for name, part in splits.items()}
    category = {
        product: columns["category"] for product, columns in splits["test"].attributes.items()
    }
    test = splits["test"].labels
    made: dict[str, Any] = {}
    for name in ("train", "iconic"):
        labels = splits[name].labels
        rows, adaptation, verdict = adapted_rows(
            splits[name].paths, vectors[name], labels, embedder
        )
        made[f"{name} verdict"] = str(verdict)
        for way, part, by in zip(
            WAYS, (vectors[name], rows), (Adaptation(), adaptation), strict=True
        ):
            catalog = Catalog(labels, part, space="s", adaptation=by)
            best = [matches[0].id for matches in catalog.match_many(vectors["test"], 1)]
            pairs = list(zip(best, test, strict=True))
            recall = float(np.mean([first == own for first, own in pairs]))
            if name == "iconic":
                made[f"iconic {way}"] = recall
                continue
            made[f"fine {way}"] = recall
            coarse = [category[first] == category[own] for first, own in pairs]
            made[f"coarse {way}"] = float(np.mean(coarse))
    return made


def cost(
    embedder: Embedder, pixels: list[NDArray[np.uint8]], products: int = 1000
) -> dict[str, float]:
    """CPU time per 1,000 images, microseconds per query, bytes; decoding of files not counted."""
    generator, images = np.random.default_rng(0), len(pixels)
    start = time.process_time()
    vectors = embedder.embed_many(pixels)[1]
    plain = time.process_time() - start
    start = time.process_time()
    _, adaptation, _ = adapted_rows(pixels, vectors, [str(n) for n in range(images)], embedder)
    adapting = time.process_time() - start
    ids = [str(n) for n in range(products)]
    rows = generator.normal(size=(products, embedder.card.dim)).astype(np.float32)
    calibration = Calibration()
    catalogs = {
        way: Catalog(ids, rows, space="s", calibration=calibration, adaptation=by)
        for way, by in (("plain", Adaptation()), ("adapted", adaptation))
    }
    spent: dict[str, list[float]] = {way: [] for way in catalogs}
    sizes = {}
    for number in range(REPEATS):
        for way, catalog in catalogs.items():
            start = time.perf_counter()
            catalog.match(rows[number], 5)
            spent[way].append((time.perf_counter() - start) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        for way, catalog in catalogs.items():
            catalog.save(Path(folder) / way)
            sizes[way] = (Path(folder) / way).stat().st_size
    paired = np.array(spent["adapted"]) - np.array(spent["plain"])
    return {
        "cpu_s_per_1000_plain": plain * 1000 / images,
        "cpu_s_per_1000_auto": (plain + adapting) * 1000 / images,
        "match_us_plain": float(np.median(spent["plain"])),
        "match_us_more_paired": float(np.median(paired)),
        "bytes_plain": sizes["plain"],
        "bytes_more": sizes["adapted"] - sizes["plain"],
    }


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    lines = []
    for images in IMAGES:
        heading = ["shop", "auto", *(f"{figure} plain, auto" for figure in FIGURES)]
        rows = []
        for shop, counts in report["shops"].items():
            made = counts[images]
            cells = [f"{made['plain'][name]:.3f}, {made['auto'][name]:.3f}" for name in FIGURES]
            rows.append([shop, made["verdict"], *cells])
        lines += [f"**{images} per product**", table(heading, rows)]
    for name in ("official", "cost"):
        values = report[name].items()
        rows = [[key, f"{v:.3f}" if isinstance(v, float) else v] for key, v in values]
        lines += [f"**{name}**", table(["what", "figure"], rows)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
