"""How the photos of a calibration score: enrolled products, products left out, unknown things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.errors import DataError


@dataclass(frozen=True)
class Scores:
    """How m photos came out: one entry each."""

    scores: NDArray[np.float64]
    """Of the first products, float64 [m, c], best first; -inf where the catalog has no more."""
    right: NDArray[np.int64]
    """Index of the right product among these, int64 [m]; c where it is not among them, or not
    enrolled."""
    labels: list[str]
    """What each shows."""
    products: int
    """How many were enrolled."""

    @classmethod
    def of(cls, matches: Sequence[Sequence[Match]], labels: Sequence[str], products: int) -> Scores:
        """From the matches of each photo, best first; a label that is no product id is not right.

        Args:
            matches: m lists, none empty.
            labels: m labels.
            products: How many were enrolled.
        """
        scores = np.full((len(matches), MATCH_CANDIDATES), -np.inf)
        right = np.full(len(matches), MATCH_CANDIDATES)
        for row, (found, label) in enumerate(zip(matches, labels, strict=True)):
            for index, match in enumerate(found[:MATCH_CANDIDATES]):
                scores[row, index] = match.score
                if match.id == label:
                    right[row] = index
        return cls(scores, right, list(labels), products)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.labels)

    def taken(self, keep: NDArray[np.bool_]) -> Scores:
        """Those of the photos that a bool [m] is true for."""
        labels = [label for label, kept in zip(self.labels, keep, strict=True) if kept]
        return Scores(self.scores[keep], self.right[keep], labels, self.products)


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

    @property
    def not_enrolled(self) -> list[Scores]:
        """Products left out, then unknown things, where there are any."""
        left_out = hardest_half(self.left_out) if self.left_out is not None else None
        return [group for group in (left_out, self.unknown) if group is not None]

    def half(self, parity: int) -> ScoredPhotos:
        """The photos of every second thing, for judging on things that were not fitted on; every
        second photo in a group that shows a single thing."""

        def part(scores: Scores | None) -> Scores | None:
            if scores is None:
                return None
            order = {label: index for index, label in enumerate(dict.fromkeys(scores.labels))}
            owners = np.array([order[label] for label in scores.labels])
            parts = owners if len(order) > 1 else np.arange(len(owners))
            keep = parts % 2 == parity
            return scores.taken(keep) if keep.any() else None

        known = part(self.known)
        if known is None:
            known = self.known.taken(np.zeros(len(self.known), bool))
        return ScoredPhotos(
            known, part(self.left_out), part(self.unknown), self.products, self.rows
        )


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
    known = Scores.of(matches, products, len(catalog))
    left_out = unknown = None
    if len(catalog) > 1:
        without = [
            [match for match in found if match.id != own]
            for found, own in zip(matches, products, strict=True)
        ]
        left_out = Scores.of(without, [f"not {own}" for own in products], len(catalog) - 1)
    if unknowns is not None:
        matches = catalog.match_many(unknowns, MATCH_CANDIDATES)
        labels = [f"unknown {label}" for label in unknown_labels]
        unknown = Scores.of(matches, labels, len(catalog))
    groups = [group for group in (known, left_out, unknown) if group is not None]
    first = np.concatenate([group.scores[:, 0] for group in groups])
    if np.ptp(first) < 1e-6:
        raise DataError(
            f"all {len(first)} photos score {first[0]:.3f}; expected scores that differ: "
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
    heights = np.array([np.quantile(scores.scores[labels == name, 0], 0.9) for name in names])
    return scores.taken(np.isin(labels, names[heights >= np.median(heights)]))
