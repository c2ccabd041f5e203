"""Attribute values of a photo from its nearest neighbours in a catalog, with a confidence.

The catalog rows nearest to a photo vote for the values of their products, weighted by similarity.
How often such a vote is right is learned from the catalog itself: its rows are tagged leaving out
the row alone (the photo of an enrolled product) and leaving out all rows of its product (an
out-of-catalog product), and a logistic regression is fitted to the results (Platt 1999), over the
share of the votes and the similarity of the nearest row. A photo that is near to no row thus gets a
low confidence even when its neighbours agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.logistic import fit_logistic, logistic
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.scores import top_indices
from shelflens.discovery.filters import require_columns, values

NEIGHBOURS = 20
"""Rows that vote; the exact number matters little, for the weights below fall fast."""

TEMPERATURE = 0.03
"""Cosine similarity by which a vote falls to 1/e."""

MIN_CONFIDENCE = 0.5
"""Confidence from which a value is given: it is likelier right than wrong."""

_HELD_OUT = 500
"""Rows that are tagged to fit the confidence, which has three coefficients."""


@dataclass(frozen=True)
class Tag:
    """The values of one attribute of one photo."""

    attribute: str
    values: tuple[str, ...]
    """Those that reached the minimum confidence: none (abstained), one, or several of a column
    that holds several."""
    confidence: float
    """That of the likeliest value, 0 to 1."""
    candidates: tuple[tuple[str, float], ...]
    """The likeliest values with their confidence, best first, whether given or not."""

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
            "candidates": [[value, round(confidence, 4)] for value, confidence in self.candidates],
        }


class Tagger:
    """Tags photos by one column of a catalog; make it once, use it for many photos."""

    def __init__(self, catalog: Catalog, attribute: str, *, seed: int = 0) -> None:
        """Read the column and fit the confidence.

        Args:
            catalog: Products with this attribute; those without it do not vote. Values are split
                at `|` and `;`: one product that has several makes the column multi-valued.
            attribute: The column.
            seed: Chooses the rows that are held out, if there are many.

        Raises:
            DataError: no such column.
        """
        require_columns([attribute], catalog)
        self.attribute = attribute
        self._catalog = catalog
        columns = catalog.attributes.values()
        self._values = [values(row.get(attribute, "")) for row in columns]
        self.multiple = any(len(several) > 1 for several in self._values)
        counts = [len(catalog.rows_of(index)) for index in range(len(catalog))]
        self._owners = np.repeat(np.arange(len(catalog)), counts)
        has_value = np.array([bool(several) for several in self._values])
        self._rows = np.flatnonzero(has_value[self._owners])
        self._curve = self._fit_confidence(np.random.default_rng(seed))

    def tag(self, vector: NDArray[np.float32], *, min_confidence: float = MIN_CONFIDENCE) -> Tag:
        """Tag one photo.

        Args:
            vector: Its embedding, float32 [d].
            min_confidence: Confidence from which a value is given, 0 to 1.

        Raises:
            CatalogError: a vector of another shape, NaN or zero.
        """
        scores = self._catalog.row_scores(self._catalog.queries([vector]))[0]
        votes = self._votes(scores[self._rows])
        rated = [(value, float(logistic(features @ self._curve))) for value, features in votes]
        if self.multiple:
            rated.sort(key=lambda pair: -pair[1])
            given = tuple(value for value, confidence in rated if confidence >= min_confidence)
        else:  # one value at most, that with the most votes: the curve was fitted to it alone
            given = tuple(value for value, confidence in rated[:1] if confidence >= min_confidence)
        return Tag(self.attribute, given, rated[0][1], tuple(rated[:5]))

    def _votes(self, scores: NDArray[np.float32]) -> list[tuple[str, NDArray[np.float64]]]:
        """Each value's features, most votes first; scores float32 [len(self._rows)]."""
        nearest = top_indices(scores, NEIGHBOURS)
        nearest = nearest[np.isfinite(scores[nearest])]
        share: dict[str, float] = {}
        best: dict[str, float] = {}
        total = 0.0
        for index in nearest:
            score = float(scores[index])
            weight = float(np.exp((score - float(scores[nearest[0]])) / TEMPERATURE))
            total += weight
            for value in self._values[self._owners[self._rows[index]]]:
                share[value] = share.get(value, 0.0) + weight
                best.setdefault(value, score)
        order = sorted(share, key=lambda value: -share[value])
        return [(value, _features(share[value] / total, best[value])) for value in order]

    def _fit_confidence(self, generator: np.random.Generator) -> NDArray[np.float64]:
        rows = self._rows
        if len(rows) > _HELD_OUT:
            rows = np.sort(generator.choice(rows, _HELD_OUT, replace=False))
        owners = self._owners[self._rows]
        # A prior, for catalogs that are too small or too easy: votes of rows that do not resemble
        # the photo are wrong, those of the very same image are right.
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
