"""One seed of the protocol: a catalog, four sets of photos, and what their first matches are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import SHARED
from benchmarks.quality.measuring import Vectors, embedded, photos_of
from shelflens import Answer, Catalog, Embedder, Match
from shelflens.calibration.fit import FALSE_ACCEPT_RATE, fit_calibration
from shelflens.calibration.scores import score_photos
from shelflens.catalog.answer import decide
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.default_calibration import default_calibration
from shelflens.catalog.enrol import adapted_rows
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.dataset import read_dataset

FOREIGN = ("clothing", "objects")
"""Things of other kinds, which no product resembles."""

How = Literal["unknowns", "left out", "default"]
"""A calibration measured with unknown things, with products left out in turn, or the card's."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Embeddings:
    """Everything embedded once: vectors [n, d] and the product of each, by split."""

    vectors: dict[str, Vectors]
    labels: dict[str, list[str]]
    card: dict[str, Any]
    """The calibration of the model card."""
    view_similarity: float
    """Of the gallery's photos (`shelflens.catalog.enrol`)."""

    @classmethod
    def of(cls, embedder: Embedder, split: str) -> Embeddings:
        """Gallery, queries, and things of other kinds."""
        photos = {name: photos_of(name) for name in ("train", split)}
        for name in FOREIGN:
            photos[name] = read_dataset(SHARED / "data" / name)
        vectors = {name: embedded(embedder, dataset, name) for name, dataset in photos.items()}
        gallery = photos["train"]
        _, _, verdict = adapted_rows(gallery.paths, vectors["train"], gallery.labels, embedder)
        labels = {name: dataset.labels for name, dataset in photos.items()}
        return cls(vectors, labels, embedder.card.calibration, verdict.similarity)

    def pick(self, split: str, indices: Indices) -> tuple[Vectors, list[str]]:
        """Photos of a split."""
        labels = self.labels[split]
        return self.vectors[split][indices], [labels[index] for index in indices]

    def enrolled(self, first: int) -> tuple[Catalog, set[str]]:
        """Every second product, from the first or the second on, with its train photos."""
        labels = self.labels["train"]
        half = set(sorted(set(labels))[first::2])
        rows = [index for index, label in enumerate(labels) if label in half]
        vectors, ids = self.pick("train", np.array(rows))
        # As `build_catalog` does.
        seen = Calibration(view_similarity=self.view_similarity)
        catalog = Catalog(ids, vectors, space="answers", calibration=seen)
        return catalog.with_calibration(default_calibration(catalog, self.card)), half


@dataclass(frozen=True)
class Trial:
    """One seed."""

    embeddings: Embeddings
    split: str
    seed: int
    catalog: Catalog
    indices: dict[str, Indices]
    """Photos of the split: known and unknown, to calibrate; known judged and unknown judged."""
    matches: dict[str, list[list[Match]]]
    """Of the judged photos and of the things of other kinds."""
    calibrations: dict[tuple[How, float], Calibration] = field(default_factory=dict)

    def photos(self, name: str) -> tuple[Vectors, list[str]]:
        """One of the sets."""
        return self.embeddings.pick(self.split, self.indices[name])

    def calibration(self, how: How, rate: float = FALSE_ACCEPT_RATE) -> Calibration:
        """For a target false accept rate; measured once."""
        if how == "default":
            return self.catalog.calibration
        if (how, rate) not in self.calibrations:
            unknowns, labels = self.photos("unknown") if how == "unknowns" else (None, [])
            # What `calibrate` does, without judging it on halves of the photos.
            photos = score_photos(self.catalog, *self.photos("known"), unknowns, labels)
            self.calibrations[how, rate] = fit_calibration(
                photos,
                false_accept_rate=rate,
                default=self.catalog.calibration,
                seed=self.seed,
            )
        return self.calibrations[how, rate]

    def answers(self, name: str, calibration: Calibration) -> list[Answer]:
        """Of the photos of one set."""
        return [decide(found, len(self.catalog), calibration) for found in self.matches[name]]


def trial_of(embeddings: Embeddings, split: str, seed: int) -> Trial:
    """The halves of one seed."""
    generator = np.random.default_rng(seed)
    catalog, half = embeddings.enrolled(seed % 2)
    by_product: dict[str, list[int]] = {}
    for index, label in enumerate(embeddings.labels[split]):
        by_product.setdefault(label, []).append(index)
    known: tuple[list[int], list[int]] = ([], [])
    for label in sorted(half & set(by_product)):
        photos = by_product[label]
        cut, swapped = len(photos) // 2, int(generator.integers(2))
        for part, chosen in enumerate((photos[:cut], photos[cut:])):
            known[part ^ swapped].extend(chosen)
    left_out = generator.permutation(sorted(set(by_product) - half)).tolist()
    middle = len(left_out) // 2
    unknown = [
        photos_of_products(by_product, labels) for labels in (left_out[:middle], left_out[middle:])
    ]
    names = ("known", "known judged", "unknown", "unknown judged")
    indices = {
        name: np.array(chosen, np.int64)
        for name, chosen in zip(names, (*known, *unknown), strict=True)
    }
    judged = {name: embeddings.vectors[split][indices[name]] for name in (names[1], names[3])}
    judged |= {name: embeddings.vectors[name] for name in FOREIGN}
    matches = {
        name: [catalog.match(vector, MATCH_CANDIDATES) for vector in vectors]
        for name, vectors in judged.items()
    }
    return Trial(embeddings, split, seed, catalog, indices, matches)


def photos_of_products(by_product: dict[str, list[int]], labels: Sequence[str]) -> list[int]:
    """Indices of all their photos."""
    return [index for label in labels for index in by_product[label]]
