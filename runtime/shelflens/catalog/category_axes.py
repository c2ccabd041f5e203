"""Axes of the embedding along which products of one category lie close together.

An embedding is trained to tell products apart, so two milks may be as far from each other as milk
and soap. Linear discriminant analysis of the categories of its training products gives the few
directions in which those of one category lie close together. `similar` adds the cosine in these
directions to that of the whole embedding; a category unknown to the training loses little by it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation

WEIGHT = 0.3
"""Of the cosine along the axes, beside 1 for the whole embedding. Chosen by
benchmarks/quality/shop: more helps categories that were trained on, and harms others."""


@dataclass(frozen=True)
class CategoryAxes:
    """Category axes; none for a model that was trained without categories."""

    axes: NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 0), np.int8))
    """int8 [a, d]."""
    scales: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """float32 [a], the factor of each axis."""

    def __bool__(self) -> bool:
        return bool(len(self.axes))

    @classmethod
    def of(cls, axes: NDArray[np.floating]) -> CategoryAxes:
        """Round axes, floats [a, d], to int8, each with its own scale."""
        peaks = np.abs(axes).max(axis=1, keepdims=True)
        rows = np.rint(axes * (127 / peaks)).astype(np.int8)
        return cls(rows, (peaks[:, 0] / 127).astype(np.float32))

    @classmethod
    def from_card(cls, values: Mapping[str, Any]) -> CategoryAxes:
        """From the key `likeness` of a model card; an empty one gives none."""
        if not values:
            return cls()
        scales = np.array(values["scales"], np.float32)
        axes = np.frombuffer(base64.b64decode(values["axes"]), np.int8)
        return cls(axes.reshape(len(scales), -1), scales)

    def to_card(self) -> dict[str, Any]:
        """As JSON values, for a model card."""
        if not self:
            return {}
        scales = [round(float(scale), 8) for scale in self.scales]
        return {"axes": base64.b64encode(self.axes.tobytes()).decode(), "scales": scales}

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[Any]], dim: int) -> CategoryAxes:
        """From the optional tensors of a catalog file.

        Raises:
            ValueError: they do not fit the rows, or factors are no numbers.
        """
        scales = tensors.get("likeness_scales")
        if scales is not None and not (
            scales.dtype == np.float32 and (np.isfinite(scales) & (scales >= 0)).all()
        ):
            raise ValueError("category axes with factors that are no numbers")
        if "likeness_axes" not in tensors:
            return cls()
        axes = tensors["likeness_axes"]
        fits = scales is not None and axes.dtype == np.int8 and axes.shape == (len(scales), dim)
        if scales is None or not fits:
            raise ValueError("the 'likeness' tables do not fit")
        return cls(axes, scales)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The optional tensors."""
        return {"likeness_axes": self.axes, "likeness_scales": self.scales} if self else {}

    def prefix(self, dim: int) -> CategoryAxes:
        """The axes for rows that are the first `dim` numbers of an embedding."""
        return CategoryAxes(self.axes[:, :dim], self.scales) if self else self

    def adapted(self, adaptation: Adaptation) -> CategoryAxes:
        """The axes for rows that this was applied to: along them these are what they were."""
        if not (self and adaptation):
            return self
        return CategoryAxes.of(adaptation.inverse(self.axes * self.scales[:, np.newaxis]))

    def mixed(
        self,
        query: NDArray[np.float32],
        directions: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Scores with the cosine along the axes mixed in, -1 to 1.

        Args:
            query: float32 [d], length 1.
            directions: float32 [m, d], of the products, length 1.
            scores: float32 [m], their cosines with the query.
        """
        axes = self.axes.astype(np.float32) * self.scales[:, np.newaxis]
        projected, products = axes @ query, directions @ axes.T
        lengths = np.sqrt((projected @ projected) * np.einsum("ma,ma->m", products, products))
        along = products @ projected / np.maximum(lengths, 1e-9)
        mixed: NDArray[np.float32] = (scores + WEIGHT * along) / np.float32(1 + WEIGHT)
        return mixed
