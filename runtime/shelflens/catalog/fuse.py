"""Several photos of one thing, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer, decide, shown
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import unit_queries
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.errors import CatalogError

AGREEMENT = 0.2
"""Power of the mean's length that scores are multiplied with; see `fuse`. Chosen by
benchmarks/quality/answers: 0 accepts more unknown things, 1 fewer photos of products."""


def fuse(
    catalog: Catalog, vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32], k: int = 5
) -> Answer:
    """Match the mean direction of several photos and decide once.

    The mean of photos of one thing is nearer to its product than each of them; but it is nearer
    to other products too, since what is peculiar to one photo averages out. Its length, 1 when
    all photos agree, takes that back: scores are multiplied with `length ** AGREEMENT`, so that
    the threshold of single photos holds for several. One photo is answered as by `answer`.

    Args:
        catalog: The catalog.
        vectors: One or more embeddings, float32 [d] each, any length but zero.
        k: Matches to show.

    Raises:
        CatalogError: no vector; one of another shape, NaN or zero; opposite ones, without a mean.
    """
    if not len(vectors):
        raise CatalogError("fuse: expected at least one photo, got none")
    mean = np.mean(unit_queries(catalog.contents, vectors), axis=0)
    length = float(np.sqrt(mean @ mean))
    if length < 1e-6:
        raise CatalogError("fuse: the photos point in opposite directions; are they of one thing?")
    factor = min(length, 1.0) ** AGREEMENT
    matches = [
        replace(match, score=match.score * factor)
        for match in catalog.match(mean, max(k, MATCH_CANDIDATES))
    ]
    return shown(decide(matches, len(catalog), catalog.calibration), k)
