"""Embeddings rounded to int8, each with its own scale: the rows of a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.scores import row_score_table, row_scores
from shelflens.catalog.splice import Array, Runs, Spliced, joined, spliced


def quantize_rows(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round unit rows to int8, each with its own scale.

    A row is stretched so that its largest component becomes 127, and rounded. Its scale is one
    over the length of the rounded row, so that `scale * row` has length 1 again and scores are
    true cosine similarities of the stored direction.

    Args:
        vectors: float32 [n, d], finite, no zero row.

    Returns:
        int8 [n, d] and float32 [n].
    """
    peak = np.abs(vectors).max(axis=1, keepdims=True)
    rows = np.rint(vectors * (127.0 / peak)).astype(np.int8)
    wide = rows.astype(np.float32)
    return rows, (1.0 / np.sqrt(np.einsum("nd,nd->n", wide, wide))).astype(np.float32)


@dataclass(frozen=True)
class Rows:
    """n unit vectors: row r stands for `scales[r] * values[r]`, of length 1."""

    stored: Array
    """int8 [n, d]."""
    scales: NDArray[np.float32]
    """float32 [n]."""

    def __post_init__(self) -> None:
        if not isinstance(self.stored, Spliced):
            self.stored.setflags(write=False)
        self.scales.setflags(write=False)

    @property
    def values(self) -> NDArray[np.int8]:
        """int8 [n, d]; of a changed catalog they are copied when this is asked first."""
        return joined(self.stored)

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Rows:
        """Round vectors, float32 [n, d], finite, no zero row."""
        return cls(*quantize_rows(vectors))

    @classmethod
    def empty(cls, dim: int) -> Rows:
        """No rows, of so many dimensions."""
        return cls(np.empty((0, dim), np.int8), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.stored.shape[1])

    def vectors(self, part: slice = slice(None)) -> NDArray[np.float32]:
        """The vectors of a part, float32 [m, d], rows of length 1; a copy."""
        wide: NDArray[np.float32] = self.values[part].astype(np.float32)
        wide *= self.scales[part, np.newaxis]
        return wide

    def mean_direction(self, part: slice) -> NDArray[np.float32]:
        """The mean direction of a part, which is not empty: float32 [d], length 1."""
        mean = self.scales[part] @ self.values[part].astype(np.float32)
        length = float(np.sqrt(mean @ mean))
        if length > 1e-6:
            unit: NDArray[np.float32] = mean / np.float32(length)
            return unit
        # Opposite rows have no mean; the first stands for them then.
        first: NDArray[np.float32] = self.vectors(part)[0]
        return first

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score of every row: float32 [q, d], rows of length 1 -> float32 [q, n]."""
        if len(queries) == 1:
            return row_scores(self.values, self.scales, queries[0])[np.newaxis]
        return row_score_table(self.values, self.scales, queries)

    def taken(self, indices: Sequence[int] | NDArray[np.int64]) -> Rows:
        """These rows, in this order."""
        return Rows(self.values[indices], self.scales[indices])

    def edited(self, runs: Runs, new: Rows) -> Rows:
        """With other rows: which stay, and where the new ones come."""
        return Rows(Spliced(self.values, new.values, runs), spliced(self.scales, new.scales, runs))
