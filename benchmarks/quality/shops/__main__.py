"""Match, ambiguous or unknown, in shops that the posterior's coefficients were not fitted on.

    python -m benchmarks.quality.shops --cache CACHE --synthetic STORE
    python -m benchmarks.quality.shops --cache CACHE --synthetic STORE --fit

The domains, their images and CACHE are those of `benchmarks.quality.domains`; the embeddings are
the bundled int8 model's. Each domain gives episodes: from 3 products to three quarters of them are
enrolled, with one reference image or one to three photos each, and asked are other photos of these,
of the rest of the domain ("same shelf") and of other domains ("elsewhere"), 80 of each at most.
Photos of enrolled products weigh as much as the rest, the same shelf as much as elsewhere. Each
domain is judged with coefficients that are fitted on the other domains, without calibration, on the
scores of `Catalog`, by the rule of `decide`. Left out of the fit is not left out of the network:
the bundled one was trained on groceries and synthetic packs, with photos of garments and objects as
auxiliary images.

Beside it stands the rule before: a threshold on the first score, a margin and a logistic curve,
with the values that the bundled model's card still holds.

The last table calibrates: half of a domain enrolled, 50 of its photos and 50 of what is not, judged
on the rest.

With --fit, only the coefficients fitted on all domains are printed: the defaults of `Posterior`
and of the web app. Three minutes with a full cache.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp
from benchmarks.quality.shops import figures, rules
from benchmarks.quality.shops.calibrated import calibrated
from benchmarks.quality.shops.episodes import Photos, episodes_of
from benchmarks.quality.shops.fit import Fitted, fit
from benchmarks.quality.shops.report import draw, markdown
from benchmarks.quality.shops.stock import Shop, load_shops
from shelflens.catalog.calibration import Calibration

EPISODES = 80
"""Per domain."""


def main() -> None:
    """Fit, judge, write shops.json, shops.md and shops.png."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True, help="of benchmarks.recipe.images")
    parser.add_argument("--synthetic", type=Path, help="a synthetic store; not for a full cache")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--episodes", type=int, default=EPISODES, help="per domain")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--fit", action="store_true", help="print the coefficients and end")
    args = parser.parse_args()
    shops = load_shops(args.cache, args.synthetic)
    asked = {shop.name: episodes_of(shop, shops, args.episodes, args.seed) for shop in shops}
    if args.fit:
        print(json.dumps(fit(list(asked.values())).values(), indent=1))
        return
    report = stamp(seed=args.seed, libraries=("matplotlib",)) | measure(shops, asked)
    args.out.mkdir(parents=True, exist_ok=True)
    draw(report, args.out / "shops.png")
    save(report, "Decisions in shops left out", markdown(report), "shops", args.out)


def measure(shops: list[Shop], asked: dict[str, list[Photos]]) -> dict[str, Any]:
    """All figures."""
    default = Calibration()
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
        "coefficients": fit(list(asked.values())).values(),
        "min_probability": default.min_probability,
        "left_out": {name: posterior.values() for name, posterior in posteriors.items()},
        "posterior": judged,
        "mean": figures.mean(judged),
        "today": {name: figures.of_domain(photos, rules.score_and_margin)
                  for name, photos in asked.items()},
        "minimums": [minimums(asked, posteriors, value) for value in rules.MINIMUMS],
        "calibrate": {shop.name: calibrated(shop, shops, posteriors[shop.name]) for shop in shops},
        "decide_us": figures.decision_time(),
    }  # fmt: skip


def minimums(
    asked: dict[str, list[Photos]], posteriors: dict[str, Fitted], minimum: float
) -> dict[str, Any]:
    """The figures with another least probability of a match."""
    judged = {
        name: figures.of_domain(
            photos, partial(rules.posterior, fitted=posteriors[name], minimum=minimum)
        )
        for name, photos in asked.items()
    }
    keys = ("match right", "enrolled: match, right")
    rows = {name: {key: row[key] for key in keys} for name, row in judged.items()}
    return {"min_probability": minimum, **rows}


if __name__ == "__main__":
    main()
