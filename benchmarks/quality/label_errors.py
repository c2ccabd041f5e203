"""How often a label that the report doubts is wrong: labels are swapped on purpose, and named.

    python -m benchmarks.quality.label_errors --cache CACHE --synthetic STORE

In each domain (`domain_sets.py`) a share of the labels is changed to the most similar product
("look-alikes") or to any ("random"), in three draws; with a share of 0 every label that is named
is right. Enrolled are studio images and three photos of each product, or three photos and all
further ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shops.stock import Shop, load_shops
from shelflens import Embedder
from shelflens.dataset import LabelledImage
from shelflens.evaluation.findings.label_errors import label_errors

DRAWS = 3
SWAPS = (("none", 0.0), ("look-alikes", 0.005), ("look-alikes", 0.02), ("random", 0.02))
STOCKS = (("reference", "shot"), ("reference",), ("shot", "further"))


def main() -> None:
    """Print precision and recall."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path)
    args = parser.parse_args()
    shops = load_shops(args.cache, args.synthetic, Embedder.open())
    print("| swapped | share | enrolled | photos | wrong | named | of these wrong | by domain |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, share in SWAPS:
        for roles in STOCKS:
            counts = np.array(
                [
                    sum(counted(shop, roles, name, share, draw) for draw in range(DRAWS))
                    for shop in shops
                ]
            )
            domains = ", ".join(
                f"{shop.name} {hits}/{named}"
                for shop, (_, _, named, hits) in zip(shops, counts.tolist(), strict=True)
            )
            photos, wrong, named, hits = counts.sum(axis=0).tolist()
            cells = (name, share, "+".join(roles), photos, wrong, named, hits, domains)
            print(f"| {' | '.join(map(str, cells))} |")


def counted(
    shop: Shop, roles: tuple[str, ...], swapped: str, share: float, draw: int
) -> NDArray[np.int64]:
    """Photos, wrong labels, labels named, and wrong ones among these: int64 [4]."""
    generator = np.random.default_rng([20261127, draw])
    stocked = np.unique(shop.products[shop.roles == "further"])
    chosen = np.isin(shop.roles, roles)
    asked = shop.roles == "query"
    if "further" in roles:
        chosen, asked = (part & np.isin(shop.products, stocked) for part in (chosen, asked))
    enrolled = np.flatnonzero(chosen)
    rows = np.concatenate([enrolled, np.flatnonzero(asked)])
    vectors, truth = shop.vectors[rows], shop.products[rows]
    names, owners = np.unique(truth, return_inverse=True)
    means = np.stack([vectors[owners == owner].mean(axis=0) for owner in range(len(names))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    nearest = (means @ means.T - 2 * np.eye(len(names))).argmax(axis=1)
    labels = truth.copy()
    for row in generator.permutation(len(rows))[: round(share * len(rows))].tolist():
        alike = nearest[owners[row]]
        labels[row] = names[alike if swapped == "look-alikes" else generator.integers(len(names))]
    wrong = labels != truth
    items = [LabelledImage(Path(str(row)), str(label)) for row, label in enumerate(labels)]
    found = label_errors(items, labels.tolist(), vectors, len(enrolled))
    hits = sum(bool(wrong[int(error.path.name)]) for error in found if error.path)
    return np.array([len(rows), int(wrong.sum()), len(found), hits])


if __name__ == "__main__":
    main()
