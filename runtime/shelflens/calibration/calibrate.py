"""Measures a catalog's threshold, margin and confidence on labelled photos.

Photos of enrolled products say how high the right product scores; photos of unknown things, or the
same photos with their own product left out, say how high a wrong one does. Nothing is fitted but a
threshold, a margin and three coefficients of a curve, each drawn towards the model's default (the
threshold for unknown things by way of what the catalog's own products say), so that a handful of
photos changes little. Only embeddings are needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.check import check_request, new_photos
from shelflens.calibration.fit import FALSE_ACCEPT_RATE, UNKNOWN_SHARE, fit_calibration
from shelflens.calibration.scores import score_photos
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog


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
) -> Calibration:
    """Measure a calibration for `catalog.with_calibration`.

    Args:
        catalog: The catalog; its own calibration is not used.
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
        default: The model's; its threshold and margin are what few photos are drawn to.
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
    return fit_calibration(
        photos,
        false_accept_rate=false_accept_rate,
        unknown_share=unknown_share,
        default=default,
        seed=seed,
    )
