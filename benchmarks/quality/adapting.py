"""What adapting to the shop brings, without training (`shelflens.catalog.adapt`).

    python -m benchmarks.quality.adapting --cache CACHE --synthetic STORE --out results

The shops of `domains.py`, and Grocery's official test photos against the manufacturers' images,
which the bundled model knows. Of one model, four ways to build the catalog:

    plain         rows are the enrolled images' embeddings
    views         rows are the mean of image and eight random views
    adapted       the same, and the scatter within the views to a power, on rows and queries
    matrix        that matrix alone, on the rows of `plain`

with recall@1 from one reference image and from three photos, and, with every second product left
out of the three-photo catalog, AUROC and FPR@95TPR.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.baselines import Embed, Vectors, unit
from benchmarks.quality.domain_sets import SHOTS, SIDE, Domain, domains
from benchmarks.quality.domains import FIGURES, embedder_of, figures
from benchmarks.quality.grocery import GROCERY, read_split
from shelflens import load_image
from shelflens.catalog.adapt import VIEWS, adaptation_matrix, views
from shelflens.progress import Progress

GROCERY_TEST = "grocery-test"
POWERS = (0.125, 0.25, 0.35, 0.5)
BLOCK = 16


def main() -> None:
    """Measure one model."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--model", default="bundled", help="as in domains.py")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    embed = embedder_of(args.model)
    folder = args.cache / "embeddings" / Path(args.model).stem
    report: dict[str, Any] = {"model": args.model, "views": VIEWS, "rows": {}}
    for shop in [*domains(args.cache, args.synthetic), grocery_test()]:
        images = kept(folder / f"{shop.name}.npy", lambda shop=shop: _in_blocks(embed, shop.pixels))
        enrolled = np.flatnonzero(shop.roles != "query")
        seen = kept(
            folder / f"{shop.name}-views.npy",
            lambda shop=shop, enrolled=enrolled: embedded_views(embed, shop, enrolled),
        )
        report["rows"][shop.name] = ways(shop, images, enrolled, seen)
        print(shop.name, json.dumps(report["rows"][shop.name]), flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "adapting.json").write_text(json.dumps(report, indent=2) + "\n")
    text = table(report)
    (args.out / "adapting.md").write_text(text)
    print(text)


def ways(
    shop: Domain, images: Vectors, enrolled: NDArray[np.int64], seen: Vectors
) -> dict[str, dict[str, float]]:
    """The figures of each way to build the catalog.

    Args:
        shop: The domain.
        images: float32 [n, d], embeddings of all its images.
        enrolled: Indices of those that a catalog may hold, m of them.
        seen: float32 [m, v, d], embeddings of their views.
    """
    averaged = images.copy()
    averaged[enrolled] = enrolled_rows(images[enrolled], seen)
    made = {"plain": figures(shop, images), "views": figures(shop, averaged)}
    # One matrix per catalog: that of reference images and that of photos are different shops.
    for power in POWERS:
        made[f"adapted {power:g}"] = _per_catalog(shop, averaged, enrolled, seen, power)
    made["matrix 0.25"] = _per_catalog(shop, images, enrolled, seen, 0.25)
    return made


def _per_catalog(
    shop: Domain, images: Vectors, enrolled: NDArray[np.int64], seen: Vectors, power: float
) -> dict[str, float]:
    found: dict[str, float] = {}
    for role in ("reference", "shot"):
        mine = shop.roles[enrolled] == role
        if mine.any():
            turned = adapted(images, adaptation_matrix(seen[mine], power=power))
            figures_now = figures(shop, turned)
            first = role == "reference"
            names = [name for name in FIGURES if name.startswith("one") == first]
            found |= {name: figures_now[name] for name in names if name in figures_now}
    return found


def enrolled_rows(images: Vectors, seen: Vectors) -> Vectors:
    """The mean direction of each image [n, d] and its views [n, v, d]."""
    return unit(images + seen.sum(axis=1))


def adapted(vectors: Vectors, matrix: NDArray[np.float64]) -> Vectors:
    """Embeddings multiplied by a matrix, rows of length 1 again."""
    return unit((vectors @ matrix).astype(np.float32))


def embedded_views(embed: Embed, shop: Domain, enrolled: NDArray[np.int64]) -> Vectors:
    """float32 [m, v, d], embeddings of the views of each enrolled image."""
    parts = []
    with Progress(f"views {shop.name}", len(enrolled)) as bar:
        for start in range(0, len(enrolled), BLOCK):
            chosen = enrolled[start : start + BLOCK]
            pixels = np.concatenate([views(shop.pixels[index]) for index in chosen])
            parts.append(embed(pixels).reshape(len(chosen), VIEWS, -1))
            bar.update(start + len(chosen))
    return np.concatenate(parts)


def train_photos() -> dict[int, list[str]]:
    """Grocery's train photos by product, in a random order that is always the same."""
    found: dict[int, list[str]] = {}
    for photo, number in read_split("train"):
        found.setdefault(number, []).append(photo)
    return {
        number: np.random.default_rng(number).permutation(photos).tolist()
        for number, photos in found.items()
    }


def grocery_test() -> Domain:
    """All 81 products: manufacturer's images, three train photos each, the official test photos."""
    rows = [(photo, number, "reference") for photo, number in read_split("iconic")]
    rows += [(photo, number, "query") for photo, number in read_split("test")]
    for number, photos in train_photos().items():
        rows += [(photo, number, "shot") for photo in photos[:SHOTS]]
    pixels = np.stack([load_image(GROCERY / photo, size=SIDE) for photo, _, _ in rows])
    products = np.array([f"{number:02d}" for _, number, _ in rows])
    return Domain(GROCERY_TEST, pixels, products, np.array([role for _, _, role in rows]))


def kept(file: Path, make: Any) -> Vectors:
    """An array on disk; made where it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make())
    made: Vectors = np.load(file)
    return made


def _in_blocks(embed: Embed, pixels: NDArray[np.uint8]) -> Vectors:
    return np.concatenate(
        [embed(pixels[start : start + 64]) for start in range(0, len(pixels), 64)]
    )


def table(report: dict[str, Any]) -> str:
    """Markdown: one block per figure, one row per way."""
    names = list(report["rows"])
    shops = [name for name in names if name != GROCERY_TEST]
    lines = []
    for figure in FIGURES:
        lines += [f"**{figure}**", "", f"| | {' | '.join(names)} | mean of the shops |"]
        lines.append(f"|{' --- |' * (len(names) + 2)}")
        for way in report["rows"][names[0]]:
            cells = [f"{report['rows'][name][way][figure]:.3f}" for name in names]
            mean = np.mean([report["rows"][name][way][figure] for name in shops])
            lines.append(f"| {way} | {' | '.join(cells)} | {mean:.3f} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
