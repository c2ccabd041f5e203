"""Tags: the category of a photo, and how true its confidence is."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.measuring import calibration_error
from benchmarks.quality.shop.store import Photos, Shop, mean
from shelflens import Catalog
from shelflens.discovery.tags import MIN_CONFIDENCE, Tagger


def measure(shop: Shop, full: Catalog, val: Photos, test: Photos) -> dict[str, Any]:
    """Answered, right, and calibration error."""
    tagger = Tagger(full, "category")
    confidence, right = _tagged(shop, tagger, val)
    # The confidence from which 9 in 10 validation photos are answered.
    chosen = float(np.quantile(confidence, 0.1))
    confidence, right = _tagged(shop, tagger, test)
    first = np.argsort(-confidence, kind="stable")[: int(0.9 * len(confidence))]
    left_out = left_out_products(shop)
    smaller = full.remove([shop.ids[index] for index in left_out])
    new = np.isin(test.labels, left_out)
    new_photos = Photos(test.vectors[new], test.labels[new])
    new_confidence, new_right = _tagged(shop, Tagger(smaller, "category"), new_photos)
    return {
        "accuracy": mean(right),
        "default": {"minimum": MIN_CONFIDENCE, **_answered(confidence, right, MIN_CONFIDENCE)},
        "chosen on val": {"minimum": round(chosen, 4), **_answered(confidence, right, chosen)},
        "surest 0.9": {"answered": 0.9, "right": mean(right[first])},
        "0.05 gained": _gained(confidence, right, 0.05),
        "calibration error": round(calibration_error(confidence, right), 4),
        "new products": {
            "accuracy": mean(new_right),
            **_answered(new_confidence, new_right, MIN_CONFIDENCE),
            "calibration error": round(calibration_error(new_confidence, new_right), 4),
        },
    }


def left_out_products(shop: Shop) -> list[int]:
    """Every second product of each category."""
    return [
        index
        for category in sorted(set(shop.categories))
        for index in [n for n, own in enumerate(shop.categories) if own == category][1::2]
    ]


def _tagged(shop: Shop, tagger: Tagger, photos: Photos) -> tuple[Any, Any]:
    tags = [tagger.tag(vector) for vector in photos.vectors]
    right = [
        tag.candidates[0][0] == shop.categories[index]
        for tag, index in zip(tags, photos.labels, strict=True)
    ]
    return np.array([tag.confidence for tag in tags]), np.array(right)


def _answered(confidence: Any, right: Any, minimum: float) -> dict[str, float]:
    answered = confidence >= minimum
    return {
        "answered": mean(answered),
        "right": mean(right[answered]) if answered.any() else 0.0,
    }


def _gained(confidence: Any, right: Any, gain: float) -> dict[str, float]:
    """The largest share answered, highest confidence first, that is right more often by `gain`."""
    order = np.argsort(-confidence, kind="stable")
    rising = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    reached = np.flatnonzero(rising >= right.mean() + gain)
    count = int(reached[-1]) + 1 if len(reached) else 0
    answered = round(count / len(right), 4)
    return {"answered": answered, "right": mean(rising[count - 1]) if count else 0.0}
