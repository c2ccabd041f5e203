"""Shops that nobody trained on: one figure to steer a general embedding by.

    shelflens synthesize --out STORE --products 80 --photos 5 --seed 20261127
    python -m benchmarks.recipe.images --clones CLONES --out CACHE
    python -m benchmarks.quality.domains --cache CACHE --synthetic STORE --out results \\
        --model bundled=bundled imagenet=imagenet mediapipe=mediapipe ours=RUN/model.keras \\
        --saw bundled=groceries,synthetic,garments,objects

Domains and their images are those of `domain_sets.py`. Every model, of any kind, embeds the same
pixels, and is asked through `shelflens.Catalog`:

    one@1, one@5      recall at 1 and 5, gallery = one reference image per product
    three@1           recall at 1, gallery = three photos per product
    AUROC, FPR@95TPR  every second product left out of the three-photo gallery

A model that has a domain in its training data has not left it out. `--saw` names those: the figure
is then shown in brackets. `mean` counts the domains that none of the models saw, `mean (all)` every
domain. The one figure to steer by is the mean of one@1 and three@1 over the domains that none saw.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.baselines import (
    BATCH,
    Embed,
    Vectors,
    imagenet_mobilenet,
    litert,
    mediapipe,
    unit,
)
from benchmarks.quality.domain_sets import Domain, domains
from shelflens import Catalog, Embedder
from shelflens.evaluation.measure.metrics import auroc, fpr_at_tpr
from shelflens.progress import Progress

FIGURES = ("one@1", "one@5", "three@1", "auroc", "fpr_at_95_tpr")


def main() -> None:
    """Measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, metavar="NAME=WHAT")
    parser.add_argument("--saw", nargs="*", default=[], metavar="NAME=DOMAIN,DOMAIN")
    parser.add_argument("--dims", nargs="*", type=int, default=[], help="prefixes to measure too")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    saw = {name: tuple(seen.split(",")) for name, seen in _pairs(args.saw)}
    shops = domains(args.cache, args.synthetic)
    report: dict[str, Any] = {
        "domains": {shop.name: _counts(shop) for shop in shops},
        "saw": saw,
        "models": {},
    }
    for name, what in _pairs(args.model):
        embed = embedder_of(what)
        vectors = {shop.name: embedded(embed, shop, name, args.cache) for shop in shops}
        for dim in [None, *args.dims]:
            shown = name if dim is None else f"{name}, first {dim}"
            saw.setdefault(shown, saw.get(name, ()))
            report["models"][shown] = {
                shop.name: figures(shop, prefix(vectors[shop.name], dim)) for shop in shops
            }
    args.out.mkdir(parents=True, exist_ok=True)
    text = table(report)
    (args.out / "domains.json").write_text(json.dumps(report, indent=2) + "\n")
    (args.out / "domains.md").write_text(text)
    print(text)


def embedder_of(what: str) -> Embed:
    """A function from pixels to unit vectors.

    Args:
        what: "imagenet" or "mediapipe" (frozen), "bundled" or a `.tflite` of ours, run through
            `Embedder`, "bundled-features" (what the bundled model's head sees, [1280], float32),
            or a Keras model file, run as it is.
    """
    if what == "imagenet":
        return imagenet_mobilenet()
    if what == "mediapipe":
        return mediapipe()
    if what == "bundled-features":
        return _bundled_features()
    if what.endswith(".keras"):
        import keras

        network = keras.models.load_model(what, compile=False)
        return lambda pixels: unit(np.asarray(network(pixels.astype(np.float32), training=False)))
    embedder = Embedder.open(None if what == "bundled" else what)
    return lambda pixels: embedder.embed_many(list(pixels))[1]


def _bundled_features() -> Embed:
    import tensorflow as tf

    from shelflens_train.backbones import feature_network
    from shelflens_train.general.start import bundled_network

    network = feature_network(bundled_network(size=224))
    return litert(tf.lite.TFLiteConverter.from_keras_model(network).convert(), 1.0, 0.0)


def embedded(embed: Embed, shop: Domain, name: str, cache: Path) -> Vectors:
    """Embeddings of a domain's images, float32 [n, d]; kept below the cache for other looks."""
    parts = []
    with Progress(f"{name} {shop.name}", len(shop.pixels)) as bar:
        for start in range(0, len(shop.pixels), BATCH):
            parts.append(embed(shop.pixels[start : start + BATCH]))
            bar.update(start + len(parts[-1]))
    vectors = np.concatenate(parts)
    folder = cache / "embeddings" / name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{shop.name}.npy", vectors)
    return vectors


def prefix(vectors: Vectors, dim: int | None) -> Vectors:
    """The first `dim` numbers (None: all) as embeddings of length 1."""
    shortened: Vectors = unit(vectors[:, :dim])
    return shortened


def figures(shop: Domain, vectors: Vectors) -> dict[str, float]:
    """The figures of one model in one domain.

    Args:
        shop: The domain.
        vectors: float32 [n, d], embeddings of its images, rows of length 1.
    """
    queries = shop.of("query")
    asked = shop.products[queries]
    from_one, _ = ranked(shop, vectors, shop.of("reference"), queries)
    from_three, _ = ranked(shop, vectors, shop.of("shot"), queries)
    enrolled = set(np.unique(shop.products)[::2].tolist())
    shots = np.array([index for index in shop.of("shot") if shop.products[index] in enrolled])
    _, scores = ranked(shop, vectors, shots, queries)
    known = np.array([product in enrolled for product in asked])
    return {
        "one@1": _recall(from_one, asked, 1),
        "one@5": _recall(from_one, asked, 5),
        "three@1": _recall(from_three, asked, 1),
        "auroc": auroc(scores[known], scores[~known]),
        "fpr_at_95_tpr": fpr_at_tpr(scores[known], scores[~known]),
    }


def ranked(
    shop: Domain, vectors: Vectors, gallery: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[list[list[str]], NDArray[np.float64]]:
    """The five best products of each query, and the best score, through the device's catalog."""
    catalog = Catalog(shop.products[gallery].tolist(), vectors[gallery], space="domains")
    found = [catalog.match(vectors[query], k=5) for query in queries]
    ids = [[match.id for match in matches] for matches in found]
    return ids, np.array([matches[0].score for matches in found])


def _recall(found: Sequence[Sequence[str]], asked: NDArray[np.str_], k: int) -> float:
    pairs = zip(found, asked, strict=True)
    return float(np.mean([product in products[:k] for products, product in pairs]))


def table(report: dict[str, Any]) -> str:
    """Markdown: one block per figure, one row per model."""
    names = list(report["domains"])
    saw = report["saw"]
    left_out = [name for name in names if not any(name in seen for seen in saw.values())]
    lines = [f"Left out by every model: {', '.join(left_out) or 'none'}.", ""]
    lines += [_line(["model", "to steer by", "all domains"]), _line(["---"] * 3)]
    for model, rows in report["models"].items():
        means = [f"{steering(rows, part):.3f}" if part else "" for part in (left_out, names)]
        lines.append(_line([model, *means]))
    lines.append("")
    heading = ["model", *names, "mean", "mean (all)"]
    for figure in FIGURES:
        lines += [f"**{figure}**", "", _line(heading), _line(["---"] * len(heading))]
        for model, rows in report["models"].items():
            seen = saw.get(model, ())
            cells = [
                f"({rows[name][figure]:.3f})" if name in seen else f"{rows[name][figure]:.3f}"
                for name in names
            ]
            means = [
                f"{np.mean([rows[name][figure] for name in part]):.3f}" if part else ""
                for part in (left_out, names)
            ]
            lines.append(_line([model, *cells, *means]))
        lines.append("")
    return "\n".join(lines)


def steering(rows: dict[str, dict[str, float]], part: Sequence[str]) -> float:
    """The mean of one@1 and three@1 over some domains."""
    return float(np.mean([[rows[name]["one@1"], rows[name]["three@1"]] for name in part]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _counts(shop: Domain) -> dict[str, int]:
    roles, numbers = np.unique(shop.roles, return_counts=True)
    counted = dict(zip(roles.tolist(), numbers.tolist(), strict=True))
    return {"products": len(np.unique(shop.products)), **counted}


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, what) for name, _, what in (word.partition("=") for word in words)]


if __name__ == "__main__":
    main()
