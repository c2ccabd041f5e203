"""From scored photos to a threshold, a margin and a curve of confidence."""

from __future__ import annotations

import numpy as np

from shelflens.calibration.logistic import fit_logistic
from shelflens.calibration.scores import ScoredPhotos, Scores, hardest_half
from shelflens.calibration.thresholds import (
    OWN_PRIOR,
    PRIOR,
    Threshold,
    margin_for,
    threshold_for,
)
from shelflens.catalog.calibration import DEFAULT_SLOPE, MEASURED, Calibration, Measurement
from shelflens.errors import CatalogError

FALSE_ACCEPT_RATE = 0.01
"""Target share of unknown things that are answered with a product."""

PRECISION = 0.98
"""Target share of right products among the answers `match` to photos of enrolled ones."""

UNKNOWN_SHARE = 0.5
"""Share of unknown things among the photos that the confidence is made for."""

_RIDGE = np.array([1.0, 0.01, 0.01])
"""Of the curve: one over the variance of its height and slopes about the default's."""


def fit_calibration(
    photos: ScoredPhotos,
    *,
    false_accept_rate: float = FALSE_ACCEPT_RATE,
    unknown_share: float = UNKNOWN_SHARE,
    default: Calibration | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration that the photos suggest, drawn towards a default; see `calibrate`.

    Raises:
        CatalogError: neither products left out nor unknown things.
    """
    default = default or Calibration()
    known, unknown = photos.known, photos.unknown or photos.left_out
    if unknown is None:
        raise CatalogError("calibration: expected unknown things, or products to leave out")
    threshold = _threshold(photos, false_accept_rate, default.threshold, seed)
    accepted = known.score >= threshold.value
    margin = margin_for(
        known.margin[accepted],
        known.right[accepted],
        precision=PRECISION,
        default=default.margin,
    )
    matched = accepted & (known.margin >= margin)
    low, high = threshold.interval
    low_rate, high_rate = threshold.false_accept_rate_interval
    return Calibration(
        threshold=round(threshold.value, 4),
        margin=round(margin, 4),
        confidence=fit_curve(known, unknown, unknown_share, threshold.value, margin),
        basis=MEASURED,
        measurement=Measurement(
            threshold_interval=(round(low, 4), round(high, 4)),
            false_accept_rate=false_accept_rate,
            measured_false_accept_rate=round(threshold.false_accept_rate, 4),
            false_accept_rate_interval=(round(low_rate, 4), round(high_rate, 4)),
            weight=round(threshold.weight, 3),
            accepted=round(float(accepted.mean()), 4),
            matched=round(float(matched.mean()), 4),
            matched_right=round(float(known.right[matched].mean()), 4) if matched.any() else None,
            unknown_share=unknown_share,
            queries=len(known.score),
            unknowns=len(photos.unknown.score) if photos.unknown else 0,
            products=photos.products,
            rows=photos.rows,
        ),
    )


def _threshold(photos: ScoredPhotos, rate: float, default: float, seed: int) -> Threshold:
    """From the model to this catalog's products, from these to what it will be shown."""
    left_out = hardest_half(photos.left_out) if photos.left_out else None
    groups = [group for group in (left_out, photos.unknown) if group]
    for group, prior in zip(groups, (PRIOR, OWN_PRIOR), strict=False):
        threshold = threshold_for(
            group.score,
            group.labels,
            false_accept_rate=rate,
            default=default,
            prior=prior,
            seed=seed,
        )
        default = threshold.value
    return threshold


def fit_curve(
    known: Scores, unknown: Scores, unknown_share: float, threshold: float, margin: float
) -> tuple[float, float, float]:
    """`Calibration.confidence`, fitted with unknown things in a given share."""
    score = np.concatenate([known.score, unknown.score])
    margins = np.concatenate([known.margin, unknown.margin])
    right = np.concatenate([known.right, unknown.right]).astype(np.float64)
    # As much weight in all as there are photos, shared out as asked.
    total = len(score)
    parts = ((1 - unknown_share) / len(known.score), unknown_share / len(unknown.score))
    weights = np.repeat(np.array(parts) * total, [len(known.score), len(unknown.score)])
    # About the threshold and the margin, where the default curve is at one in two.
    inputs = np.stack([np.ones(total), score - threshold, margins - margin], axis=1)
    centre = np.array([0.0, DEFAULT_SLOPE, DEFAULT_SLOPE])
    used = np.array([True, True, True])
    while True:
        curve = np.zeros(3)
        curve[used] = fit_logistic(
            inputs[:, used], right, ridge=_RIDGE[used], centre=centre[used], weights=weights
        )
        if (curve[1:] >= 0).all():
            break
        used[1:] &= curve[1:] >= 0  # monotone: what would fall is left out
    height = curve[0] - curve[1] * threshold - curve[2] * margin
    return round(float(height), 4), round(float(curve[1]), 4), round(float(curve[2]), 4)
