"""Does calibrating with 50 photos and 50 unknown things help? Judged on the rest."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from benchmarks.quality.shops.episodes import ELSEWHERE, KNOWN, SAME_SHELF, enrol
from benchmarks.quality.shops.fit import Fitted
from benchmarks.quality.shops.stock import Shop
from shelflens.calibration.calibrate import calibrate
from shelflens.calibration.judge import judge, mean_judgement
from shelflens.calibration.scores import score_photos
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.default_calibration import Goods

SPLITS = 10
PHOTOS = 50


def calibrated(
    shop: Shop, shops: list[Shop], fitted: Fitted, known_similarity: float
) -> dict[str, Any]:
    """Before and after, mean over the splits; how often it is worse, and how often that is said.

    Half of the products are enrolled with up to three photos. The unknown things are half from
    the same shelf, half from elsewhere, those judged by too.
    """
    default = Calibration(posterior=fitted.posterior)
    elsewhere = shop.elsewhere(shops)
    before, kept, worse, refused, said = [], [], 0, 0, 0
    for split in range(SPLITS):
        generator = np.random.default_rng([split, zlib.crc32(shop.name.encode())])
        products = generator.permutation(np.unique(shop.products))
        asked = enrol(
            shop, elsewhere, generator, products[: len(products) // 2], ["shot"], 3, 400,
            known_similarity,
        )  # fmt: skip
        now = fitted.rise.applied(default, Goods.of(asked.catalog))
        catalog = asked.catalog.with_calibration(now)
        groups = [np.flatnonzero(asked.group == part) for part in (KNOWN, SAME_SHELF, ELSEWHERE)]
        counts = (min(PHOTOS, len(groups[0]) // 2), PHOTOS // 2, PHOTOS // 2)
        parts = [(part[:count], part[count:]) for part, count in zip(groups, counts, strict=True)]
        (own, own_judged), *foreign = parts
        given, rest = (np.concatenate([part[side] for part in foreign]) for side in (0, 1))
        labels = np.array([label or f"elsewhere {i}" for i, label in enumerate(asked.labels)])
        done = calibrate(
            catalog,
            asked.vectors[own],
            labels[own].tolist(),
            unknowns=asked.vectors[given],
            unknown_labels=labels[given].tolist(),
            default=now,
            seed=split,
        )
        photos = score_photos(
            catalog, asked.vectors[own_judged], labels[own_judged].tolist(), asked.vectors[rest],
            labels[rest].tolist(),
        )  # fmt: skip
        first, then = judge(photos, now), judge(photos, done.calibration)
        harmful = then.log_loss > first.log_loss
        worse, refused = worse + harmful, refused + (not done.better)
        said += harmful and not done.better
        before.append(first)
        kept.append(then if done.better else first)
    means = {"before": mean_judgement(before), "after": mean_judgement(kept)}
    return {
        "splits": SPLITS,
        "worse": worse,
        "refused": refused,
        "worse_and_refused": said,
        **{
            name: {"right": m.right, "wrong": m.wrong, "unknown": m.unknown, "log_loss": m.log_loss}
            for name, m in means.items()
        },
    }
