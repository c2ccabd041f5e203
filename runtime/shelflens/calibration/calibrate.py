"""Measures a catalog's threshold, margin and confidence on labelled photos.

Photos of enrolled products say how high the right product scores; photos of other things, or the
same photos with their own product left out, say how high a wrong one does. Nothing is fitted but a
threshold, a margin and three numbers of a curve, each drawn towards the model's default (the
threshold for unknown things by way of what the catalog's own products say), so that a handful of
photos changes little. Only embeddings are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.logistic import fit_logistic
from shelflens.calibration.thresholds import OWN_PRIOR, PRIOR, margin_for, threshold_for
from shelflens.catalog.answer import DEFAULT_CALIBRATION, MEASURED, MOST_LEAD, STEEP, Match
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.scores import SHORTLIST
from shelflens.errors import CatalogError, DataError

FAR = 0.01
"""Target share of strangers that are taken for a product."""

PRECISION = 0.98
"""Target share of right products among the answers `match` to photos of enrolled ones."""

STRANGERS = 0.5
"""Share of strangers among the photos that the confidence is made for."""

SAME_PICTURE = 0.999
"""Cosine similarity from which a query is a picture of the catalog itself, rounded to int8."""

_BLOCK = 8
"""Queries compared with all pictures at once."""

_RIDGE = np.array([1.0, 0.01, 0.01])
"""Of the curve: one over the variance of its height and slopes about the default's."""


@dataclass(frozen=True)
class Scored:
    """How photos came out: one entry each."""

    score: NDArray[np.float64]
    """Of the first product."""
    lead: NDArray[np.float64]
    """Over the second, `MOST_LEAD` at most."""
    right: NDArray[np.bool_]
    """Whether the first product is the right one; never, for strangers."""
    kinds: list[str]
    """What each shows."""

    @classmethod
    def of(cls, found: Sequence[Sequence[Match]], kinds: Sequence[str]) -> Scored:
        """From the matches of each photo, best first."""
        scores = [[one.score for one in matches[:2]] for matches in found]
        lead = [a[0] - a[1] if len(a) > 1 else MOST_LEAD for a in scores]
        right = [matches[0].id == kind for matches, kind in zip(found, kinds, strict=True)]
        return cls(
            np.array([a[0] for a in scores]),
            np.minimum(np.array(lead), MOST_LEAD),
            np.array(right),
            list(kinds),
        )

    def strangers(self) -> Scored:
        """The same, of things that are not enrolled: whatever comes first is wrong."""
        return replace(self, right=np.zeros(len(self.score), bool))


def calibrate(
    catalog: Catalog,
    queries: NDArray[np.float32],
    products: Sequence[str],
    *,
    unknowns: NDArray[np.float32] | None = None,
    kinds: Sequence[str] = (),
    far: float = FAR,
    strangers: float = STRANGERS,
    default: Mapping[str, Any] = DEFAULT_CALIBRATION,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure what `catalog.calibration` holds.

    Args:
        catalog: The catalog; it is left as it is.
        queries: float32 [m, d], embeddings of photos of enrolled products that are not its
            pictures.
        products: The id of what each shows.
        unknowns: float32 [u, d], photos of things that are not enrolled; without them every query
            is asked again with its own product left out.
        kinds: What each of them shows, under any name. Photos of one thing score alike, and are
            resampled together.
        far: Target share of strangers that are taken for a product.
        strangers: Share of strangers to expect among the photos asked; confidence depends on it.
        default: The model card's `threshold` and `margin`.
        seed: For the resampling.

    Returns:
        `threshold`, `margin`, `confidence`, `basis` and how they were measured, as JSON values.
        runtime/README.md says what each is.

    Raises:
        CatalogError: a catalog without products, or with one and no unknowns.
        DataError: products that are not enrolled, unknowns that are, queries that are pictures of
            the catalog, scores that are all the same, `far` or `strangers` out of range.
    """
    check(catalog, products, kinds, given=unknowns is not None, far=far, strangers=strangers)
    queries, products = _new_photos(catalog, queries, products)
    # One more than is asked for ever: without its own product the shortlist is still whole.
    asked = [catalog.match(vector, SHORTLIST + 1) for vector in queries]
    known = Scored.of([matches[:SHORTLIST] for matches in asked], products)
    left_out = others = None
    if len(catalog) > 1:
        found = [
            [one for one in matches if one.id != own]
            for matches, own in zip(asked, products, strict=True)
        ]
        left_out = Scored.of(found, [f"not {own}" for own in products]).strangers()
    if unknowns is not None:
        others = Scored.of(
            [catalog.match(vector, SHORTLIST) for vector in unknowns],
            [f"unknown {kind}" for kind in kinds],
        ).strangers()
    scores = np.concatenate([one.score for one in (known, left_out, others) if one])
    if np.ptp(scores) < 1e-6:
        raise DataError(
            f"all {len(scores)} photos score {known.score[0]:.3f}; expected scores that differ: "
            "are they one photo, or is the model damaged?"
        )
    return _calibration(catalog, known, left_out, others, far, strangers, default, seed)


def _calibration(
    catalog: Catalog,
    known: Scored,
    left_out: Scored | None,
    others: Scored | None,
    far: float,
    strangers: float,
    default: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    start = {**DEFAULT_CALIBRATION, **default}
    new = [one for one in (left_out, others) if one][-1]
    # From the model to this catalog's products, from these to what it will be shown.
    first, *rest = [one for one in (left_out and hardest_half(left_out), others) if one]
    level = float(start["threshold"])
    bar = threshold_for(first.score, first.kinds, far=far, default=level, prior=PRIOR, seed=seed)
    for one in rest:
        bar = threshold_for(
            one.score, one.kinds, far=far, default=bar.value, prior=OWN_PRIOR, seed=seed
        )
    accepted = known.score >= bar.value
    margin = margin_for(
        known.lead[accepted],
        known.right[accepted],
        precision=PRECISION,
        default=start["margin"],
    )
    matched = accepted & (known.lead >= margin)
    return {
        "threshold": round(bar.value, 4),
        "margin": round(margin, 4),
        "basis": MEASURED,
        "confidence": fit_curve(known, new, strangers, bar.value, margin),
        "threshold_interval": [round(one, 4) for one in bar.interval],
        "far": far,
        "far_measured": round(bar.far, 4),
        "far_interval": [round(one, 4) for one in bar.far_interval],
        "weight": round(bar.weight, 3),
        "accepted": round(float(accepted.mean()), 4),
        "matched": round(float(matched.mean()), 4),
        "matched_right": round(float(known.right[matched].mean()), 4) if matched.any() else None,
        "strangers": strangers,
        "queries": len(known.score),
        "unknowns": len(others.score) if others else 0,
        "products": len(catalog),
        "pictures": catalog.row_count,
    }


def hardest_half(new: Scored) -> Scored:
    """The half of the kinds whose photos score highest.

    Products left out stand for things that are not enrolled, but what a customer holds up is often
    a variant of something enrolled, and a catalog has no variant of many of its products.
    """
    kinds = np.array(new.kinds)
    names = np.unique(kinds)
    heights = np.array([np.quantile(new.score[kinds == one], 0.9) for one in names])
    keep = np.isin(kinds, names[heights >= np.median(heights)])
    return Scored(new.score[keep], new.lead[keep], new.right[keep], kinds[keep].tolist())


def fit_curve(
    known: Scored, new: Scored, strangers: float, threshold: float, margin: float
) -> list[float]:
    """The curve of `decide.chance`, three numbers, fitted with strangers in a given share."""
    score = np.concatenate([known.score, new.score])
    lead = np.concatenate([known.lead, new.lead])
    right = np.concatenate([known.right, new.right]).astype(np.float64)
    # As much weight in all as there are photos, shared out as asked.
    total = len(score)
    parts = ((1 - strangers) / len(known.score), strangers / len(new.score))
    weights = np.repeat(np.array(parts) * total, [len(known.score), len(new.score)])
    # About the threshold and the margin, where the default curve is at one in two.
    inputs = np.stack([np.ones(total), score - threshold, lead - margin], axis=1)
    centre = np.array([0.0, STEEP, STEEP])
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
    return [round(float(one), 4) for one in (height, curve[1], curve[2])]


def check(
    catalog: Catalog,
    products: Sequence[str],
    kinds: Sequence[str],
    *,
    given: bool,
    far: float,
    strangers: float,
) -> None:
    """What can be refused before any photo is embedded; `given` says whether unknowns are.

    Raises:
        CatalogError, DataError: see `calibrate`.
    """
    if not 0 < far <= 0.5:
        raise DataError(f"far: expected a share above 0 and at most 0.5, got {far:g}")
    if not 0 <= strangers < 1:
        raise DataError(f"strangers: expected a share from 0 to below 1, got {strangers:g}")
    if len(catalog) < (1 if given else 2):
        raise CatalogError(
            f"{catalog.path or 'catalog'}: {len(catalog)} products; without unknowns calibrating "
            "needs two, to leave one out; give photos of other things with --unknowns"
        )
    enrolled, asked = set(catalog.ids), dict.fromkeys(products)
    foreign = [one for one in asked if one not in enrolled]
    if not asked or len(foreign) == len(asked):
        raise DataError(
            f"queries: none of {len(asked)} products is in the catalog"
            + (f" (the first is {foreign[0]!r}, the catalog has" if asked else " (it has")
            + f" {catalog.ids[0]!r}); expected the ids that it was built with"
        )
    if foreign:
        raise DataError(
            f"queries: {len(foreign)} of {len(asked)} products are not in the catalog (the first "
            f"is {foreign[0]!r}); photos of things that are not enrolled go to --unknowns"
        )
    if both := [one for one in dict.fromkeys(kinds) if one in enrolled]:
        raise DataError(
            f"unknowns: {both[0]!r} is in the catalog; expected things that are not enrolled"
        )


def _new_photos(
    catalog: Catalog, queries: NDArray[np.float32], products: Sequence[str]
) -> tuple[NDArray[np.float32], list[str]]:
    """The queries that are not pictures of the catalog, which would find themselves."""
    units = np.stack([catalog.unit(vector) for vector in queries])
    blocks = [units[start : start + _BLOCK] for start in range(0, len(units), _BLOCK)]
    nearest = np.concatenate([catalog.row_scores(block).max(axis=1) for block in blocks])
    new = np.flatnonzero(nearest < SAME_PICTURE)
    if not len(new):
        raise DataError(
            f"queries: all {len(queries)} photos are pictures of the catalog itself; expected "
            "other photos of its products: hold some back when building it"
        )
    return queries[new], [products[place] for place in new.tolist()]
