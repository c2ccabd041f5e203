"""What the first numbers of an embedding find: `shelflens catalog build --dim`.

    python -m benchmarks.quality.dims --cache CACHE --synthetic STORE

The domains, their images and CACHE are those of `benchmarks.quality.shops`. For every length:

    bytes        of a catalog file per product, one image and one name each
    scan         processor time of one exact search among 100,000 rows, one thread, beside that of
                 the longest rows, by turns in one process; in brackets without a kernel (`[fast]`)
    grocery      official test photos: recall@1 fine, coarse and from the studio images; of the five
                 products most like a product, how many are of its category (category axes cut, in
                 brackets without them)
    NAME         recall@1 of a domain's photos from one reference image per product, in a catalog as
                 `build_catalog` makes it, adapted where it adapts. The bundled network saw other
                 photos of all but `packs`
    answers      the episodes of `benchmarks.quality.shops`, judged by the coefficients of the
                 model's card, which were fitted on whole embeddings: of photos of enrolled
                 products, answered `match` and right, and `unknown`; of what is not enrolled,
                 answered `match`, of the same shelf and of another one; of all answered
                 `match`, right
    refitted     the same with coefficients fitted at this length, on the other domains

Embedding Grocery takes two minutes of one core, once per model (CACHE keeps it), the rest ten.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality import official
from benchmarks.quality.measuring import Vectors, embedded, photos_of
from benchmarks.quality.shops import figures
from benchmarks.quality.shops.episodes import Photos, built, episodes_of
from benchmarks.quality.shops.fit import Fitted, fit
from benchmarks.quality.shops.stock import Shop, load_shops
from shelflens import Catalog, Embedder
from shelflens.bench.samples import random_queries, random_rows
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.default_calibration import Rise
from shelflens.catalog.posterior import Posterior
from shelflens.catalog.prefix import prefix
from shelflens.catalog.topk import top_products, top_products_with_numpy
from shelflens.dataset import Dataset
from shelflens.discovery.similar import similar

DIMS = (256, 192, 128, 96, 64, 32)
EPISODES = 40
"""Per domain."""
SCANNED, TURNS, SEARCHES = 100_000, 9, 20
SIMILAR = 5
ANSWERS = (
    "enrolled: match, right",
    "enrolled: unknown",
    "same shelf: match",
    "elsewhere: match",
    "match right",
)


def main() -> None:
    """Measure, and write dims.json and dims.md."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True, help="of benchmarks.recipe.images")
    parser.add_argument("--synthetic", type=Path, help="a synthetic store; not for a full cache")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--dims", nargs="*", type=int, default=list(DIMS))
    parser.add_argument("--episodes", type=int, default=EPISODES, help="per domain")
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    embedder = Embedder.open(threads=1)
    shops = load_shops(args.cache, args.synthetic, embedder)
    grocery = load_grocery(args.cache, embedder)
    report = stamp(seed=args.seed, card=embedder.card)
    ways: dict[str, Callable[..., Any]] = {
        "scan": partial(top_products, threads=1),
        "scan, NumPy": top_products_with_numpy,
    }
    scans = {name: scan_times(way, args.dims) for name, way in ways.items()}
    report["rows"] = []
    for dim in args.dims:
        row: dict[str, Any] = {"dim": dim, "bytes": bytes_per_product(dim)}
        row |= {name: times[dim] / times[args.dims[0]] for name, times in scans.items()}
        row |= of_grocery(grocery, dim, embedder)
        row |= of_shops([cut(shop, dim) for shop in shops], embedder, args.episodes, args.seed)
        report["rows"].append(row)
        print(row, flush=True)
    save(report, "Shortened embeddings", markdown(report), "dims", args.out)


def load_grocery(cache: Path, embedder: Embedder) -> dict[str, tuple[Dataset, Vectors]]:
    """Grocery's splits and their embeddings, kept below the cache."""
    found = {}
    for name in ("train", "test", "iconic"):
        file = cache / "embeddings" / embedder.card.space / f"official-{name}.npy"
        photos = photos_of(name)
        if not file.exists():
            np.save(file, embedded(embedder, photos, name))
        found[name] = photos, np.load(file)
    return found


def cut(shop: Shop, dim: int) -> Shop:
    """The shop as a catalog of this length sees it."""
    views = prefix(shop.views.reshape(-1, shop.views.shape[-1]), dim)
    return replace(
        shop, vectors=prefix(shop.vectors, dim), views=views.reshape(*shop.views.shape[:2], dim)
    )


def bytes_per_product(dim: int, products: int = 1000) -> int:
    """Of a file with one image of each product, and a name."""
    ids = [f"50000000{number:05}" for number in range(products)]
    attributes = {product: {"name": f"Product {product}"} for product in ids}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.catalog"
        made = Catalog(ids, random_queries(products, dim), space="s", attributes=attributes)
        made.save(path)
        return round(path.stat().st_size / products)


def scan_times(search: Callable[..., Any], dims: list[int]) -> dict[int, float]:
    """Processor seconds of one search, by length."""
    kept = {dim: (*random_rows(SCANNED, dim), random_queries(1, dim)) for dim in dims}
    spent: dict[int, list[float]] = {dim: [] for dim in dims}
    first = np.arange(SCANNED)
    for _ in range(TURNS):
        for dim, (rows, scales, query) in kept.items():
            start = time.process_time()
            for _ in range(SEARCHES):
                search(rows, scales, first, query, 10)
            spent[dim].append((time.process_time() - start) / SEARCHES)
    return {dim: float(np.median(times)) for dim, times in spent.items()}


def of_grocery(
    grocery: dict[str, tuple[Dataset, Vectors]], dim: int, embedder: Embedder
) -> dict[str, float]:
    """The official protocol, and how many similar products are of one category."""
    vectors = {name: prefix(whole, dim) for name, (_, whole) in grocery.items()}
    row = official.figures(vectors, {name: photos for name, (photos, _) in grocery.items()})
    axes = CategoryAxes.from_card(embedder.card.category_axes).prefix(dim)
    photos = grocery["iconic"][0]
    shares = {}
    for name, used in (("similar", axes), ("similar, no axes", CategoryAxes())):
        catalog = Catalog(photos.labels, vectors["iconic"], space="s", category_axes=used)
        shares[name] = _similar_share(catalog, photos)
    return {key: row[key] for key in ("fine", "coarse", "iconic")} | shares


def _similar_share(catalog: Catalog, photos: Dataset) -> float:
    category = {product: texts["category"] for product, texts in photos.attributes.items()}
    sizes = {name: list(category.values()).count(name) for name in category.values()}
    shares = []
    for product in catalog.ids:
        if (rest := sizes[category[product]] - 1) < 2:
            continue
        found = similar(catalog, product, k=SIMILAR)
        right = sum(category[match.id] == category[product] for match in found)
        shares.append(right / min(SIMILAR, rest))
    return float(np.mean(shares))


def of_shops(shops: list[Shop], embedder: Embedder, episodes: int, seed: int) -> dict[str, Any]:
    """Recall by domain, and the answers."""
    values = embedder.card.calibration
    known, minimum = values["known_similarity"], values["min_probability"]
    shipped = Fitted(Posterior.from_dict(values["posterior"]), Rise.from_dict(values["rise"]))
    asked = {shop.name: episodes_of(shop, shops, episodes, seed, known) for shop in shops}
    own = {name: fit([part for key, part in asked.items() if key != name]) for name in asked}
    return {
        "recall": {shop.name: recall(shop, known) for shop in shops},
        "answers": _answers(asked, dict.fromkeys(asked, shipped), minimum),
        "refitted": _answers(asked, own, minimum),
        "coefficients": fit(list(asked.values())).values(),
    }


def recall(shop: Shop, known_similarity: float) -> float:
    """recall@1 from one reference image per product."""
    catalog = built(shop, np.flatnonzero(shop.roles == "reference"), known_similarity)
    asked = (shop.roles == "query") & np.isin(shop.products, catalog.ids)
    found = [matches[0].id for matches in catalog.match_many(shop.vectors[asked], 1)]
    return float(np.mean(np.array(found) == shop.products[asked]))


def _answers(
    asked: dict[str, list[Photos]], fitted: dict[str, Fitted], minimum: float
) -> dict[str, float]:
    mean = figures.mean(figures.of_posterior(asked, fitted, minimum))
    return {key: mean[key] for key in (*ANSWERS, "ece")}


def markdown(report: dict[str, Any]) -> str:
    """Three tables: cost and Grocery, the domains, the answers."""
    rows = report["rows"]
    names = list(rows[0]["recall"])
    lines = ["What is found, and what it costs."]
    lines.append(
        table(
            ["dim", "bytes", "scan (NumPy)", "fine", "coarse", "iconic", "similar (no axes)"],
            (
                [
                    *(row["dim"], row["bytes"], f"{row['scan']:.2f} ({row['scan, NumPy']:.2f})"),
                    *(f"{row[key]:.3f}" for key in ("fine", "coarse", "iconic")),
                    f"{row['similar']:.3f} ({row['similar, no axes']:.3f})",
                ]
                for row in rows
            ),
        )
    )
    lines.append("recall@1 from one reference image, by domain.")
    lines.append(
        table(
            ["dim", *names, "mean"],
            (
                [
                    row["dim"],
                    *(f"{row['recall'][name]:.3f}" for name in names),
                    f"{np.mean(list(row['recall'].values())):.3f}",
                ]
                for row in rows
            ),
        )
    )
    for key, text in (
        ("answers", "Answers by the card's coefficients, mean over the domains."),
        ("refitted", "Answers by coefficients fitted at this length on the other domains."),
    ):
        lines.append(text)
        lines.append(
            table(
                ["dim", *ANSWERS, "calibration error"],
                (
                    [row["dim"], *(f"{row[key][name]:.4f}" for name in (*ANSWERS, "ece"))]
                    for row in rows
                ),
            )
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
