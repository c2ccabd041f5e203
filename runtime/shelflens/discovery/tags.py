"""Attribute values of a photo from its neighbours in a catalog, with a confidence that was tested.

The pictures nearest to a photo vote for their products' values, the nearer the heavier. How often
such a vote is right is then learned from the catalog itself: its own pictures are tagged with
themselves left out, half of the time the picture alone (the photo of a product that is there) and
half of the time all pictures of its product (a product that is not), and a logistic curve is laid
through what came out (Platt 1999), over the share of the votes and the nearest picture's
similarity. A photo near to nothing thus gets a low confidence however united its neighbours are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.logistic import fit_logistic, logistic
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.scores import top
from shelflens.discovery.filters import require_columns, values

NEIGHBOURS = 20
"""Pictures that vote; between 5 and 40 nothing changes on Grocery's validation photos, for the
weights below fall fast."""

TEMPERATURE = 0.03
"""Cosine similarity by which a vote falls to 1/e."""

LEAST = 0.5
"""Confidence from which a value is said: it is likelier right than wrong."""

_HELD_OUT = 500
"""Pictures that are tagged to learn the confidence; the curve has three numbers."""


@dataclass(frozen=True)
class Tag:
    """What is said about one attribute of one photo."""

    attribute: str
    values: tuple[str, ...]
    """What reached the least confidence: none (abstained), one, or several of a column that
    holds several."""
    confidence: float
    """That of the likeliest value, 0 to 1."""
    candidates: tuple[tuple[str, float], ...]
    """The likeliest values with their confidence, best first, whether said or not."""

    @property
    def text(self) -> str:
        """The values as a catalog column holds them; empty when abstained."""
        return " | ".join(self.values)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "attribute": self.attribute,
            "values": list(self.values),
            "confidence": round(self.confidence, 4),
            "candidates": [[value, round(sure, 4)] for value, sure in self.candidates],
        }


class Tagger:
    """Tags photos by one column of a catalog; make it once, use it for many photos."""

    def __init__(self, catalog: Catalog, attribute: str, *, seed: int = 0) -> None:
        """Read the column and learn the confidence.

        Args:
            catalog: Products with this attribute; those without it do not vote. Values are split
                at `|` and `;`: one product that has several makes the column multi-valued.
            attribute: The column.
            seed: Chooses the pictures that are held out, if there are many.

        Raises:
            DataError: no such column.
        """
        require_columns([attribute], catalog)
        self.attribute = attribute
        self._catalog = catalog
        columns = catalog.attributes.values()
        self._values = [values(one.get(attribute, "")) for one in columns]
        self.multiple = any(len(one) > 1 for one in self._values)
        counts = [len(catalog.rows_of(number)) for number in range(len(catalog))]
        self._owners = np.repeat(np.arange(len(catalog)), counts)
        told = np.array([bool(one) for one in self._values])
        self._rows = np.flatnonzero(told[self._owners])
        self._curve = self._learn(np.random.default_rng(seed))

    def tag(self, vector: NDArray[np.float32], *, least: float = LEAST) -> Tag:
        """Tag one photo.

        Args:
            vector: Its embedding, float32 [d].
            least: Confidence from which a value is said, 0 to 1.

        Raises:
            CatalogError: a vector of another shape, NaN or zero.
        """
        scores = self._catalog.row_scores(self._catalog.unit(vector)[np.newaxis])[0]
        votes = self._votes(scores[self._rows])
        rated = [(value, float(logistic(features @ self._curve))) for value, features in votes]
        if self.multiple:
            rated.sort(key=lambda one: -one[1])
            said = tuple(value for value, sure in rated if sure >= least)
        else:  # one value at most, that with the most votes: the curve was learned on it alone
            said = tuple(value for value, sure in rated[:1] if sure >= least)
        return Tag(self.attribute, said, rated[0][1], tuple(rated[:5]))

    def _votes(self, scores: NDArray[np.float32]) -> list[tuple[str, NDArray[np.float64]]]:
        """Each value's features, most votes first; scores float32 [len(self._rows)]."""
        nearest = top(scores, NEIGHBOURS)
        nearest = nearest[np.isfinite(scores[nearest])]
        share: dict[str, float] = {}
        best: dict[str, float] = {}
        total = 0.0
        for place in nearest:
            score = float(scores[place])
            weight = float(np.exp((score - float(scores[nearest[0]])) / TEMPERATURE))
            total += weight
            for value in self._values[self._owners[self._rows[place]]]:
                share[value] = share.get(value, 0.0) + weight
                best.setdefault(value, score)
        order = sorted(share, key=lambda value: -share[value])
        return [(value, _features(share[value] / total, best[value])) for value in order]

    def _learn(self, generator: np.random.Generator) -> NDArray[np.float64]:
        rows = self._rows
        if len(rows) > _HELD_OUT:
            rows = np.sort(generator.choice(rows, _HELD_OUT, replace=False))
        owners = self._owners[self._rows]
        # Known beforehand, for catalogs too small or too easy to show it: votes of pictures that
        # do not resemble the photo are worth nothing, those of the very same picture are right.
        inputs = [_features(share, 0.0) for share in (0.5, 1.0)] + [_features(1.0, 1.0)] * 2
        right = [False, False, True, True]
        for row in rows:
            query = self._catalog.vectors_of(range(row, row + 1))
            scores = self._catalog.row_scores(query)[0][self._rows]
            truth = self._values[self._owners[row]]
            for left_out in (self._rows == row, owners == self._owners[row]):
                votes = self._votes(np.where(left_out, np.float32(-np.inf), scores))
                for value, features in votes if self.multiple else votes[:1]:
                    inputs.append(features)
                    right.append(value in truth)
        return fit_logistic(np.stack(inputs), np.array(right, np.float64))


def _features(share: float, similarity: float) -> NDArray[np.float64]:
    """What the confidence depends on: a constant, the log odds of the votes, the similarity."""
    kept = min(max(share, 0.005), 0.995)
    return np.array([1.0, float(np.log(kept / (1 - kept))), similarity])
