"""How the photos of a calibration score: enrolled products, products left out, unknown things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import Nearest
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
    def of(cls, nearest: Nearest, labels: Sequence[str], ids: Sequence[str]) -> Scores:
        """From the nearest products of each photo; a label that is no product id is not right.

        Args:
            nearest: Indices and scores of m photos.
            labels: m labels.
            ids: Of the products that were enrolled.
        """
        indices, found = (table[:, :MATCH_CANDIDATES] for table in nearest)
        scores = np.full((len(labels), MATCH_CANDIDATES), -np.inf)
        scores[:, : found.shape[1]] = found
        own = indices == _indices_of(labels, ids)[:, np.newaxis]
        right = np.where(own.any(axis=1), own.argmax(axis=1), MATCH_CANDIDATES)
        return cls(scores, right, list(labels), len(ids))

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
    ids = catalog.ids
    nearest = catalog.nearest(queries, MATCH_CANDIDATES + 1)
    known = Scores.of(nearest, products, ids)
    left_out = unknown = None
    if len(catalog) > 1:
        labels = [f"not {own}" for own in products]
        left_out = Scores.of(_without(nearest, _indices_of(products, ids)), labels, ids)
        left_out = replace(left_out, products=len(catalog) - 1)
    if unknowns is not None:
        labels = [f"unknown {label}" for label in unknown_labels]
        unknown = Scores.of(catalog.nearest(unknowns, MATCH_CANDIDATES), labels, ids)
    groups = [group for group in (known, left_out, unknown) if group is not None]
    first = np.concatenate([group.scores[:, 0] for group in groups])
    if np.ptp(first) < 1e-6:
        raise DataError(
            f"all {len(first)} photos score {first[0]:.3f}; expected scores that differ: "
            "are they one photo, or is the model damaged?"
        )
    return ScoredPhotos(known, left_out, unknown, len(catalog), catalog.row_count)


def _indices_of(labels: Sequence[str], ids: Sequence[str]) -> NDArray[np.int64]:
    """The index of the product of each label, -1 where none has this id: int64 [m]."""
    index_of = {product: index for index, product in enumerate(ids)}
    return np.array([index_of.get(label, -1) for label in labels], np.int64)


def _without(nearest: Nearest, own: NDArray[np.int64]) -> Nearest:
    """Of each photo the nearest products but its own, int64 [m]: one fewer, also where its own is
    not among them."""
    indices, scores = nearest
    # Its own last, the rest in order.
    order = np.argsort(indices == own[:, np.newaxis], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(indices, order, 1), np.take_along_axis(scores, order, 1)


def hardest_half(scores: Scores) -> Scores:
    """The half of the products whose photos score highest when they are left out.

    Products left out stand for unknown things, but what a customer holds up is often a variant of
    something enrolled, and a catalog has no variant of many of its products.
    """
    names, owners = np.unique(np.array(scores.labels), return_inverse=True)
    order = np.argsort(owners, kind="stable")
    groups = np.split(scores.scores[order, 0], np.searchsorted(owners[order], range(1, len(names))))
    heights = np.array([np.quantile(group, 0.9) for group in groups])
    return scores.taken((heights >= np.median(heights))[owners])
