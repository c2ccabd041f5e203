"""A catalog's adaptation: the matrix that its rows were multiplied by, and every query is.

`adapt` makes the matrix, of which this keeps what matters: a few directions in which the embedding
says more about the photo than about the product, and how much less each counts. The matrix is
I - B'B, where the rows of B are these directions, each with its factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

RANK = 16
"""Directions that are kept: 4 KiB of 256 dimensions. More bring nothing, see
benchmarks/experiments/2026-11-27-adapted-catalogs."""

MAX_AXES = 64
"""Directions that a file may hold."""

MAX_REDUCTION = 0.97
"""Of any direction, so that the matrix can be undone and no query becomes zero."""

_LARGEST, _SMALLEST = 0.9, 0.01
"""Reduction of a direction that is written."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Adaptation:
    """A symmetric matrix [d, d] with eigenvalues above 0; without axes the identity."""

    axes: NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 0), np.int8))
    """int8 [a, d]."""
    scales: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    """float32 [a], the factor of each axis."""

    def __bool__(self) -> bool:
        return bool(len(self.axes))

    @classmethod
    def of(cls, matrix: NDArray[np.float64], *, rank: int = RANK) -> Adaptation:
        """The nearest adaptation to a matrix, up to its scale.

        Args:
            matrix: float64 [d, d], symmetric, with eigenvalues above 0.
            rank: Directions to keep: those that it shortens. The rest take their mean.
        """
        strengths, directions = np.linalg.eigh(matrix)  # rising
        count = min(rank, len(matrix) // 2)
        rest = float(strengths[count:].mean())
        reduction = np.minimum(1 - strengths[:count] / rest, _LARGEST)
        kept = np.flatnonzero(reduction >= _SMALLEST)
        if not len(kept):
            return cls()
        wide = directions[:, kept].T * np.sqrt(reduction[kept])[:, np.newaxis]
        peaks = np.abs(wide).max(axis=1, keepdims=True)
        axes = np.rint(wide * (127 / peaks)).astype(np.int8)
        return cls(axes, (peaks[:, 0] / 127).astype(np.float32))

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[Any]], dim: int) -> Adaptation:
        """From the optional tensors of a catalog file.

        Raises:
            ValueError: they do not fit the rows, or could make a query zero.
        """
        axes, scales = tensors.get("adaptation_axes"), tensors.get("adaptation_scales")
        if axes is None and scales is None:
            return cls()
        if axes is None or scales is None:
            raise ValueError("half of the 'adaptation' tables")
        fits = axes.dtype == np.int8 and axes.shape == (len(scales), dim)
        fits = fits and scales.dtype == np.float32 and scales.ndim == 1
        if not (fits and 1 <= len(scales) <= MAX_AXES):
            raise ValueError("the 'adaptation' tables do not fit")
        made = cls(axes, scales)
        # Gershgorin: no eigenvalue of BB' is above the largest sum of a row.
        with np.errstate(all="ignore"):
            wide = axes.astype(np.float64) * scales[:, np.newaxis]
            sums = np.abs(wide @ wide.T).sum(axis=1)
        if not ((scales > 0) & (sums <= MAX_REDUCTION)).all():
            raise ValueError("an adaptation that could make a query zero")
        return made

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The optional tensors; none for the identity."""
        if not self:
            return {}
        return {"adaptation_axes": self.axes, "adaptation_scales": self.scales}

    @cached_property
    def _wide(self) -> NDArray[np.float64]:
        """B: float64 [a, d], so that rows do not depend on the order of sums."""
        return self.axes.astype(np.float64) * self.scales.astype(np.float64)[:, np.newaxis]

    def applied(self, vectors: Floats) -> Floats:
        """Multiply embeddings float32 [n, d] of length 1 by the matrix; rows of length 1 again."""
        if not self:
            return vectors
        return unit(vectors - (vectors @ self._wide.T) @ self._wide)

    def undone(self, vectors: Floats) -> Floats:
        """Take the matrix back: what `applied` made these of, rows of length 1."""
        return unit(self.inverse(vectors)) if self else vectors

    def inverse(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Multiply vectors [n, d] of any length by the inverse of the matrix; there must be one."""
        # Woodbury: (I - B'B)^-1 = I + B' (I - BB')^-1 B.
        wide = self._wide
        inner = np.linalg.inv(np.eye(len(wide)) - wide @ wide.T)
        made: NDArray[np.float64] = vectors + ((vectors @ wide.T) @ inner) @ wide
        return made


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors [n, d] with length 1, float32; a zero vector stays one."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    made: Floats = (vectors / np.maximum(lengths, 1e-12)[:, np.newaxis]).astype(np.float32)
    return made
