"""From scores to probabilities: which enrolled product a photo shows, or that it shows none.

The model is a mixture of heavy-tailed distributions on the sphere, one per product and all of one
concentration (the t-vMF kernel of Kobayashi, CVPR 2021, with its tail free), beside a distribution
of all that is not enrolled. A product weighs the power of its distance to the photo, so that the
same difference of two scores says more between clear photos, whose scores are high, than between
poor ones. "Not enrolled" weighs more the higher the second product scores, since a high score
proves little where look-alikes score high too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

TAIL = 0.1
"""Added to the distance 1 - score: scores nearer to 1 than this differ by chance."""

SECOND_FLOOR = 0.3
"""A second score below this says no more, so that a product unlike all others changes little."""

LARGEST = 1e6
"""No coefficient is larger; beyond, sums of them would overflow."""


def number(name: str, value: Any) -> float:
    """A number of a file, in -`LARGEST` to `LARGEST`.

    Raises:
        TypeError, ValueError: text, a truth value, NaN, infinity or a larger number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number for {name}, got {value!r:.40}")
    if not -LARGEST <= value <= LARGEST:
        raise ValueError(f"a finite number for {name}, got {value!r:.40}")
    return float(value)


@dataclass(frozen=True)
class Posterior:
    """Coefficients of the posterior. The defaults are the format's, for files without; a model's
    card has those fitted on shops of many kinds, by `python -m benchmarks.quality.shops`."""

    concentration: float = 10.94
    """Rise of a product's log weight per unit of `closeness`; above 0."""
    offset: float = 3.37
    """Log weight of "not enrolled" at closeness 0 of the second, in a catalog of one product."""
    second: float = 6.32
    """Its rise per unit of the second's closeness; from 0 to below `concentration`."""
    size: float = 0.0
    """Its rise per factor e in the number of products; not below 0."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Posterior:
        """From JSON values; keys that are missing get the defaults.

        Raises:
            TypeError, ValueError: a value that is no finite number, or out of its range.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"a posterior by names, got {type(values).__name__}")
        names = [field.name for field in fields(cls)]
        posterior = cls(**{name: number(name, values[name]) for name in names if name in values})
        in_range = posterior.concentration > 0 and posterior.size >= 0
        in_range = in_range and 0 <= posterior.second < posterior.concentration
        if not in_range:
            raise ValueError(f"a posterior in its range, got {asdict(posterior)}")
        return posterior

    def probabilities(self, scores: NDArray[np.float64], products: int) -> NDArray[np.float64]:
        """Probabilities of the first products and, last, of "not enrolled"; they sum to 1.

        Args:
            scores: float64 [..., c], of the c first products, best first, ten or so (further ones
                add next to nothing); -inf where the catalog has no more.
            products: How many the catalog has.

        Returns:
            float64 [..., c + 1]. Equal scores have equal probabilities.
        """
        weights = self.log_weights(scores, products)
        shares = np.exp(weights - weights.max(axis=-1, keepdims=True))
        probabilities: NDArray[np.float64] = shares / shares.sum(axis=-1, keepdims=True)
        return probabilities

    def score_for(self, probability: float, products: int) -> float:
        """The score with which a product unlike all others has a probability, 0 to 1 exclusive."""
        floor = -math.log(1 + TAIL - SECOND_FLOOR)
        none = self.offset + self.second * floor + self.size * math.log(max(products, 1))
        odds = math.log(probability / (1 - probability))
        return 1 + TAIL - math.exp(-(none + odds) / self.concentration)

    def with_alone(self, score: float, probability: float) -> Posterior:
        """With the offset by which a single product of this score has this probability."""
        floor = -math.log(1 + TAIL - SECOND_FLOOR)
        near = -math.log(1 + TAIL - min(score, 1.0))
        odds = math.log(probability / (1 - probability))
        return replace(self, offset=self.concentration * near - self.second * floor - odds)

    def log_weights(self, scores: NDArray[np.float64], products: int) -> NDArray[np.float64]:
        """Logarithms of `probabilities` up to a constant per query: float64 [..., c + 1]."""
        near = closeness(scores)
        none = self.offset + self.second * second_closeness(scores)
        none = none + self.size * math.log(max(products, 1))
        return np.concatenate([self.concentration * near, none[..., np.newaxis]], axis=-1)


def closeness(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of one over the distance, -log(1 + TAIL - score); -inf for -inf."""
    near: NDArray[np.float64] = -np.log(1 + TAIL - np.minimum(scores, 1.0))
    return near


def second_closeness(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Closeness of the second product, from that of `SECOND_FLOOR` on: float64 [...].

    Args:
        scores: float64 [..., c], best first.
    """
    floor = np.full(scores.shape[:-1], SECOND_FLOOR)
    return closeness(np.maximum(scores[..., 1], floor) if scores.shape[-1] > 1 else floor)
