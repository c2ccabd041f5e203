"""Whether the line that `catalog build` prints about its goods is true, in shops left out.

    python -m benchmarks.quality.goods --cache CACHE --synthetic STORE

From each domain (`domain_sets.py`) 5, 15, 40 and 120 products are enrolled with two, three or
eight images each, three times; other photos of the same products then say what the catalog finds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.quality.shops.stock import Shop, load_shops
from shelflens import Catalog, Embedder
from shelflens.catalog.adapt import left_out_recall
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.goods import FITS, UNKNOWN
from shelflens.catalog.interval import wilson

DRAWS = 3
SIZES = (5, 15, 40, 120)
STOCKS = ((("shot",), 2), (("shot",), 3), (("shot", "further"), 8))


def main() -> None:
    """Print what is found where the goods are said to be known, unknown, or nothing is said."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path)
    args = parser.parse_args()
    generator = np.random.default_rng(20261127)
    said: dict[str, list[float]] = {"known": [], "nothing": [], "not known": []}
    for shop in load_shops(args.cache, args.synthetic, Embedder.open()):
        for roles, images in STOCKS:
            for size in SIZES:
                for _ in range(DRAWS):
                    if found := tried(shop, roles, images, size, generator):
                        said[found[0]].append(found[1])
    print("| said | shops | recall@1, mean | lowest | highest |")
    print("| --- | --- | --- | --- | --- |")
    for name, recalls in said.items():
        figures = (np.mean(recalls), min(recalls), max(recalls))
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        print(f"| {name} | {len(recalls)} | {cells} |")


def tried(
    shop: Shop, roles: tuple[str, ...], images: int, size: int, generator: np.random.Generator
) -> tuple[str, float] | None:
    """What is said of one catalog, and recall@1 of other photos; None for too small a domain."""
    stocked = shop.products[shop.roles == ("further" if "further" in roles else "query")]
    if size > len(products := np.unique(stocked)):
        return None
    enrolled = generator.permutation(products)[:size]
    rows: list[int] = []
    for product in enrolled:
        own = np.flatnonzero((shop.products == product) & np.isin(shop.roles, roles))
        rows += generator.permutation(own)[:images].tolist()
    labels, vectors = shop.products[rows].tolist(), shop.vectors[rows]
    asked = np.flatnonzero((shop.roles == "query") & np.isin(shop.products, enrolled))
    left_out = left_out_recall(vectors, labels, Adaptation())
    low, high = wilson(left_out.without, left_out.asked)
    matches = Catalog(labels, vectors, space=shop.name).match_many(shop.vectors[asked], 1)
    right = [found[0].id == own for found, own in zip(matches, shop.products[asked], strict=True)]
    said = "known" if low >= FITS else "not known" if high < UNKNOWN else "nothing"
    return said, float(np.mean(right))


if __name__ == "__main__":
    main()
