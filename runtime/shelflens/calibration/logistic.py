"""Logistic regression, small enough for a device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit_logistic(
    inputs: NDArray[np.float64],
    right: NDArray[np.float64],
    *,
    ridge: float | NDArray[np.float64] = 1e-2,
    centre: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Logistic regression by Newton's method, drawn towards coefficients known beforehand.

    Args:
        inputs: float64 [m, f].
        right: float64 [m], 0 or 1.
        ridge: Weight of the squared distance from `centre`, so that separable data stay finite;
            for all coefficients, or for each, float64 [f].
        centre: float64 [f], what the coefficients are without data; None is all zero.
        weights: float64 [m], how much each row counts; None is 1 each.

    Returns:
        float64 [f], the coefficients.
    """
    middle = np.zeros(inputs.shape[1]) if centre is None else np.asarray(centre, np.float64)
    penalty = np.broadcast_to(np.asarray(ridge, np.float64), middle.shape)
    counts = np.ones(len(inputs)) if weights is None else weights

    def loss(at: NDArray[np.float64]) -> float:
        log_odds = inputs @ at
        misfit = np.logaddexp(0, log_odds) - right * log_odds
        return float(counts @ misfit + penalty @ (at - middle) ** 2 / 2)

    coefficients = middle.copy()
    for _ in range(100):
        fitted = logistic(inputs @ coefficients)
        slope = inputs.T @ (counts * (right - fitted)) - penalty * (coefficients - middle)
        curvature = (inputs * (counts * fitted * (1 - fitted))[:, np.newaxis]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(penalty), slope)
        # Far from the answer a whole step may overshoot: halve it until the fit gets better.
        before = loss(coefficients)
        while loss(coefficients + step) > before + 1e-12 and np.abs(step).max() > 1e-9:
            step = step / 2
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-8:
            break
    return coefficients


def logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds to probabilities, 0 to 1."""
    probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    return probabilities
