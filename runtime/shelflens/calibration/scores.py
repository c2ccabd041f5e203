"""How the photos of a calibration score: enrolled products, products left out, unknown things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.calibration import MARGIN_CAP
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.errors import DataError


@dataclass(frozen=True)
class Scores:
    """How m photos came out: one entry each."""

    score: NDArray[np.float64]
    """Of the first product."""
    margin: NDArray[np.float64]
    """First score less second, `MARGIN_CAP` at most."""
    right: NDArray[np.bool_]
    """Whether the first product is the right one; never, for what is not enrolled."""
    labels: list[str]
    """What each shows."""

    @classmethod
    def of(cls, matches: Sequence[Sequence[Match]], labels: Sequence[str]) -> Scores:
        """From the matches of each photo, best first; a label that is no product id is not right.

        Args:
            matches: m lists, none empty.
            labels: m labels.
        """
        first = np.array([found[0].score for found in matches])
        second = np.array([found[1].score if len(found) > 1 else -np.inf for found in matches])
        right = [found[0].id == label for found, label in zip(matches, labels, strict=True)]
        return cls(first, np.minimum(first - second, MARGIN_CAP), np.array(right), list(labels))

    def taken(self, keep: NDArray[np.bool_]) -> Scores:
        """Those of some photos."""
        labels = np.array(self.labels)[keep].tolist()
        return Scores(self.score[keep], self.margin[keep], self.right[keep], labels)


@dataclass(frozen=True)
class ScoredPhotos:
    """All photos of a calibration."""

    known: Scores
    """Photos of enrolled products."""
    left_out: Scores | None
    """The same, each with its own product left out; None for a catalog with one product."""
    unknown: Scores | None
    """Photos of unknown things; None without."""
    products: int
    """Products of the catalog."""
    rows: int
    """Its rows."""


def score_photos(
    catalog: Catalog,
    queries: NDArray[np.float32],
    products: Sequence[str],
    unknowns: NDArray[np.float32] | None = None,
    unknown_labels: Sequence[str] = (),
) -> ScoredPhotos:
    """Match the photos; see `calibrate` for the arguments.

    Raises:
        CatalogError: a vector of another shape, NaN or zero.
        DataError: scores that are all the same.
    """
    # One more than is ever asked for: without its own product the candidates are still whole.
    matches = catalog.match_many(queries, MATCH_CANDIDATES + 1)
    known = Scores.of([found[:MATCH_CANDIDATES] for found in matches], products)
    left_out = unknown = None
    if len(catalog) > 1:
        without = [
            [match for match in found if match.id != own]
            for found, own in zip(matches, products, strict=True)
        ]
        left_out = _never_right(Scores.of(without, [f"not {own}" for own in products]))
    if unknowns is not None:
        matches = catalog.match_many(unknowns, MATCH_CANDIDATES)
        unknown = _never_right(Scores.of(matches, [f"unknown {label}" for label in unknown_labels]))
    scores = np.concatenate([group.score for group in (known, left_out, unknown) if group])
    if np.ptp(scores) < 1e-6:
        raise DataError(
            f"all {len(scores)} photos score {scores[0]:.3f}; expected scores that differ: "
            "are they one photo, or is the model damaged?"
        )
    return ScoredPhotos(known, left_out, unknown, len(catalog), catalog.row_count)


def hardest_half(scores: Scores) -> Scores:
    """The half of the products whose photos score highest when they are left out.

    Products left out stand for unknown things, but what a customer holds up is often a variant of
    something enrolled, and a catalog has no variant of many of its products.
    """
    labels = np.array(scores.labels)
    names = np.unique(labels)
    heights = np.array([np.quantile(scores.score[labels == name], 0.9) for name in names])
    return scores.taken(np.isin(labels, names[heights >= np.median(heights)]))


def _never_right(scores: Scores) -> Scores:
    """The same, even where a product has the name that a label was given."""
    return Scores(scores.score, scores.margin, np.zeros(len(scores.score), bool), scores.labels)
