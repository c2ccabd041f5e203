"""The posterior's coefficients, of largest likelihood over domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shops.episodes import Photos, weights
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.default_calibration import Rise
from shelflens.catalog.posterior import Posterior, closeness, second_closeness

_STEPS = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """What is fitted over shops."""

    posterior: Posterior
    rise: Rise
    """Of the offset, by a catalog's goods."""

    def values(self) -> dict[str, float]:
        """By name."""
        rises = {f"rise, {name}": value for name, value in asdict(self.rise).items()}
        return {**asdict(self.posterior), **rises}

    def of_card(self) -> dict[str, Any]:
        """For the calibration of a model card."""
        return {"posterior": asdict(self.posterior), "rise": asdict(self.rise)}

    def of(self, part: Photos) -> Posterior:
        """As a catalog of these products is built with."""
        default = Calibration(posterior=self.posterior)
        return self.rise.applied(default, part.goods).posterior


def fit(domains: Sequence[list[Photos]]) -> Fitted:
    """By Newton's method; all domains weigh alike. The log likelihood is concave.

    A rise in the number of products below zero, which would make large catalogs surer, is set to 0.
    """
    tables = [
        _table(part.scores.scores, part.scores.products, part.goods.values())
        for parts in domains
        for part in parts
    ]
    inputs = np.concatenate(tables)
    right = np.concatenate([part.scores.right for parts in domains for part in parts])
    shares = np.concatenate([weights(parts) for parts in domains]) / len(domains)
    value = _newton(inputs, right, shares, np.array([11.0, 3.0, 6.0, 2.0, 0.0, 0.0, 0.1]))
    if value[-1] < 0:
        value = np.append(_newton(inputs[..., :-1], right, shares, value[:-1]), 0.0)
    concentration, offset, second, *rises, size = (round(float(number), 2) for number in value)
    return Fitted(Posterior(concentration, offset, second, size), Rise(*rises))


def _table(scores: Floats, products: int, goods: tuple[float, ...]) -> Floats:
    """What the coefficients multiply: float64 [m, c + 1, 7]; NaN where the catalog has no more."""
    table = np.zeros((len(scores), scores.shape[1] + 1, 7))
    table[:, :-1, 0] = np.where(np.isfinite(scores), closeness(scores), np.nan)
    table[:, -1, 1] = 1
    table[:, -1, 2] = second_closeness(scores)
    table[:, -1, 3:6] = goods
    table[:, -1, 6] = np.log(products)
    return table


def _newton(inputs: Floats, right: NDArray[np.int64], shares: Floats, value: Floats) -> Floats:
    absent = np.isnan(inputs[..., 0])
    inputs = np.nan_to_num(inputs)
    truth = inputs[np.arange(len(right)), right]

    def loss(value: Floats) -> tuple[float, Floats]:
        logs = np.where(absent, -np.inf, inputs @ value)
        logs -= logs.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        return float(-(shares * logs[np.arange(len(right)), right]).sum()), np.exp(logs)

    current, probabilities = loss(value)
    for _ in range(_STEPS):
        mean = np.einsum("mc,mci->mi", probabilities, inputs)
        gradient = shares @ (mean - truth)
        weighted = (shares[:, np.newaxis] * probabilities)[..., np.newaxis] * inputs
        curvature = np.einsum("mci,mcj->ij", weighted, inputs)
        curvature -= (shares[:, np.newaxis] * mean).T @ mean
        step, scale = np.linalg.solve(curvature, gradient), 1.0
        while (tried := loss(value - scale * step))[0] > current and scale > 1e-6:
            scale /= 2
        value, (current, probabilities) = value - scale * step, tried
        if np.abs(scale * step).max() < 1e-4:
            break
    return value
