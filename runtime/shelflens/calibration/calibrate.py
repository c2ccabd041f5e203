"""Measures how sure a catalog's answers are, on labelled photos.

Photos of enrolled products say how high the right product scores; photos of unknown things, or the
same photos with their own product left out, say how high a wrong one does. Fitted are two
coefficients of the posterior and the least probability of a match, each drawn towards the model's
default, so that a handful of photos changes little. Only embeddings are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.check import check_request, new_photos
from shelflens.calibration.fit import FALSE_ACCEPT_RATE, UNKNOWN_SHARE, fit_calibration
from shelflens.calibration.judge import Judgement, judge, mean_judgement
from shelflens.calibration.scores import ScoredPhotos, score_photos
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog

TOLERANCE = 0.005
"""Rise of the log loss that is within the noise of a few photos, nats."""

MAX_FALSE_ACCEPTS = (0.05, 0.02)
"""Share answered `match` that a shop can bear, of products of the same shelf that are not enrolled
and of unknown things; for these twice the target, since photos are few."""

MAX_MORE = 0.02
"""Rise of these shares that is within the noise of a few photos: one of sixty."""

MAX_LOST = 0.02
"""Share of photos answered `match`, and right, that a calibration may lose where it need not."""


def calibrate(
    catalog: Catalog,
    queries: NDArray[np.float32],
    products: Sequence[str],
    *,
    unknowns: NDArray[np.float32] | None = None,
    unknown_labels: Sequence[str] = (),
    false_accept_rate: float = FALSE_ACCEPT_RATE,
    unknown_share: float = UNKNOWN_SHARE,
    default: Calibration | None = None,
    seed: int = 0,
) -> Calibrated:
    """Measure a calibration for `catalog.with_calibration`, and whether it is better.

    Args:
        catalog: The catalog; its own calibration is what the new one is compared with.
        queries: float32 [m, d], embeddings of photos of enrolled products that are not among its
            images.
        products: The product id of each, [m].
        unknowns: float32 [u, d], photos of things that are not enrolled; without them every query
            is asked again with its own product left out.
        unknown_labels: What each of them shows, [u], under any name. Photos of one thing score
            alike, and are resampled together.
        false_accept_rate: Target share of unknown things that are answered with a product.
        unknown_share: Share of unknown things to expect among the photos asked; confidence
            depends on it.
        default: The model's; what few photos are drawn to.
        seed: For the resampling.

    Raises:
        CatalogError: a catalog without products, or with one and no unknowns.
        DataError: products that are not enrolled, unknowns that are, queries that are images of
            the catalog, scores that are all the same, a rate or a share out of range.
    """
    check_request(
        catalog,
        products,
        None if unknowns is None else unknown_labels,
        false_accept_rate=false_accept_rate,
        unknown_share=unknown_share,
    )
    new = new_photos(catalog, queries)
    photos = score_photos(
        catalog,
        queries[new],
        [products[index] for index in new.tolist()],
        unknowns,
        unknown_labels,
    )
    fit = partial(
        fit_calibration,
        false_accept_rate=false_accept_rate,
        unknown_share=unknown_share,
        default=default,
        seed=seed,
    )
    calibration = fit(photos)
    if calibration == catalog.calibration:  # the same photos again: it has seen both halves
        same = judge(photos, calibration)
        return Calibrated(calibration, same, same)
    return Calibrated(calibration, *judged_halves(photos, catalog.calibration, fit))


@dataclass(frozen=True)
class Calibrated:
    """A calibration, and what it is worth."""

    calibration: Calibration
    before: Judgement
    """The catalog's calibration as it was, on the same photos as `after`."""
    after: Judgement
    """A calibration measured on half of the things, on the photos of the other half, and the other
    way round."""

    @property
    def better(self) -> bool:
        """Whether photos that it did not see are answered no worse than before: how probable the
        truth is, how many of what is not enrolled is answered `match`, and how many right matches
        are lost although that was no more than a shop can bear."""
        before, after = self.before, self.after
        rates = zip(
            (before.same_shelf, before.unknown), (after.same_shelf, after.unknown),
            MAX_FALSE_ACCEPTS, strict=True,
        )  # fmt: skip
        known = [(b, a, limit) for b, a, limit in rates if b is not None and a is not None]
        accepts_more = any(a > max(b + MAX_MORE, limit) for b, a, limit in known)
        bearable = all(b <= limit for b, _, limit in known)
        loses = bearable and after.right < before.right - MAX_LOST
        worse = after.log_loss > before.log_loss + TOLERANCE
        return not (accepts_more or loses or worse)

    def comparison(self) -> dict[str, Any]:
        """Before and after, as JSON values."""
        return {"before": asdict(self.before), "after": asdict(self.after)}


def judged_halves(
    photos: ScoredPhotos, before: Calibration, fit: Callable[[ScoredPhotos], Calibration]
) -> tuple[Judgement, Judgement]:
    """Before and after, on photos that were not measured with (two-fold cross-validation)."""
    parts = []
    for parity in (0, 1):
        learnt, judged = photos.half(parity), photos.half(1 - parity)
        if not (len(learnt.known) and len(judged.known) and learnt.not_enrolled):
            continue
        after = fit(learnt)
        parts.append((judge(judged, before), judge(judged, after)))
    if not parts:  # a single photo: nothing is left to judge by
        alone = judge(photos, before)
        return alone, alone
    first, second = zip(*parts, strict=True)
    return mean_judgement(first), mean_judgement(second)
