"""Match, ambiguous or unknown, in shops that the posterior's coefficients were not fitted on.

    python -m benchmarks.quality.shops --cache CACHE --synthetic STORE --install
    python -m benchmarks.quality.shops --cache CACHE --synthetic STORE

The domains, their images and CACHE are those of `benchmarks.quality.domains`. Each domain gives
episodes: from 3 products to three quarters of them are enrolled as `shelflens catalog build` does,
adapted where it adapts, with one reference image or 1 to 27 photos each, and asked are other photos
of these, of the rest of the domain ("same shelf") and of other domains ("elsewhere"), 80 of each at
most.
Photos of enrolled products weigh as much as the rest, the same shelf as much as elsewhere. Each
domain is judged with coefficients that are fitted on the other domains, without calibration, on the
scores of `Catalog`, by the rule of `decide`. Left out of the fit is not left out of the network:
the bundled one was trained on groceries and synthetic packs, with photos of garments and objects as
auxiliary images.

Beside it stands the rule before: a threshold on the first score, a margin and a logistic curve;
the threshold is the model card's, the margin that which the bundled model had.

The last table calibrates: half of a domain enrolled, 50 of its photos and 50 of what is not, judged
on the rest.

With --install the coefficients fitted on all domains, and the similarity of views from which
catalogs are not adapted, are written into the model's card, and nothing is measured: run it after
the model has changed, and measure then. Embedding takes some five minutes of one core, once per
model (CACHE keeps it), the rest three.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp
from benchmarks.quality.shops import figures, rules
from benchmarks.quality.shops.calibrated import calibrated
from benchmarks.quality.shops.episodes import Photos, episodes_of
from benchmarks.quality.shops.fit import Fitted, fit
from benchmarks.quality.shops.known import known_similarity
from benchmarks.quality.shops.report import draw, markdown
from benchmarks.quality.shops.stock import Shop, load_shops
from shelflens import Embedder, ModelCard
from shelflens.catalog.calibration import Calibration
from shelflens.files import atomic_writer
from shelflens.model.card import CARD_NAME
from shelflens.model.embedder import BUNDLED_MODEL

EPISODES = 80
"""Per domain."""
MIN_PROBABILITY = 0.99
"""Least probability of a match that the card gets: at 0.95 two and a half times as many strange
photos of Grocery's shelf are answered `match` as by the rule before (the experiment's note)."""


def main() -> None:
    """Fit, judge, write shops.json, shops.md and shops.png."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True, help="of benchmarks.recipe.images")
    parser.add_argument("--synthetic", type=Path, help="a synthetic store; not for a full cache")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--episodes", type=int, default=EPISODES, help="per domain")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument(
        "--model", type=Path, default=BUNDLED_MODEL, help=".tflite of shelflens export"
    )
    parser.add_argument("--install", action="store_true", help="write the model's card and end")
    args = parser.parse_args()
    embedder = Embedder.open(args.model)
    shops = load_shops(args.cache, args.synthetic, embedder)
    known = known_similarity(shops)
    asked = {
        shop.name: episodes_of(shop, shops, args.episodes, args.seed, known["known_similarity"])
        for shop in shops
    }
    if args.install:
        install(args.model, embedder.card, known["known_similarity"], fit(list(asked.values())))
        return
    report = stamp(seed=args.seed, card=embedder.card, libraries=("matplotlib",))
    report |= measure(shops, asked, known, embedder.card)
    args.out.mkdir(parents=True, exist_ok=True)
    draw(report, args.out / "shops.png")
    save(report, "Decisions in shops left out", markdown(report), "shops", args.out)


def install(model: Path, card: ModelCard, known: float, fitted: Fitted) -> None:
    """Write what was fitted into the card of a model file."""
    from shelflens_export.metadata import pack_tflite

    threshold = card.calibration["threshold"]
    calibration = {
        "threshold": threshold,
        "known_similarity": known,
        "min_probability": MIN_PROBABILITY,
        **fitted.of_card(),
    }
    with zipfile.ZipFile(model) as archive:
        length = json.loads(archive.read(CARD_NAME))["flatbuffer"]["bytes"]
    data = pack_tflite(model.read_bytes()[:length], replace(card, calibration=calibration))
    with atomic_writer(model) as stream:
        stream.write(data)
    print(f"{model}: {json.dumps(calibration)}")


def measure(
    shops: list[Shop], asked: dict[str, list[Photos]], known: dict[str, Any], card: ModelCard
) -> dict[str, Any]:
    """All figures."""
    default = Calibration.from_dict(card.calibration)
    limit = known["known_similarity"]
    posteriors = {name: fit([part for key, part in asked.items() if key != name]) for name in asked}
    posterior_rule = {
        name: partial(rules.posterior, fitted=posterior, minimum=default.min_probability)
        for name, posterior in posteriors.items()
    }
    judged = {
        name: figures.of_domain(photos, posterior_rule[name]) for name, photos in asked.items()
    }
    return {
        "domains": {
            shop.name: {
                "products": len(set(shop.products.tolist())), "episodes": len(asked[shop.name])
            }
            for shop in shops
        },
        "adapting": known,
        "coefficients": fit(list(asked.values())).values(),
        "min_probability": default.min_probability,
        "left_out": {name: posterior.values() for name, posterior in posteriors.items()},
        "posterior": judged,
        "mean": figures.mean(judged),
        "today": {
            name: figures.of_domain(
                photos, partial(rules.score_and_margin, threshold=default.threshold)
            )
            for name, photos in asked.items()
        },
        "minimums": [minimums(asked, posteriors, value) for value in rules.MINIMUMS],
        "calibrate": {
            shop.name: calibrated(shop, shops, posteriors[shop.name], limit) for shop in shops
        },
        "decide_us": figures.decision_time(),
    }  # fmt: skip


def minimums(
    asked: dict[str, list[Photos]], posteriors: dict[str, Fitted], minimum: float
) -> dict[str, Any]:
    """The figures with another least probability of a match."""
    judged = figures.of_posterior(asked, posteriors, minimum)
    keys = ("match right", "enrolled: match, right")
    rows = {name: {key: row[key] for key in keys} for name, row in judged.items()}
    return {"min_probability": minimum, **rows}


if __name__ == "__main__":
    main()
