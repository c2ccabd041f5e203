"""One step of Adam in which each weight moves relative to the size of its layer's weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from shelflens_train.general.params import Params

FIRST, SECOND = 0.9, 0.98
"""Shares of the moments that a step keeps."""


def with_depthwise_held(params: Params, trained: Params) -> Params:
    """All weights, those of trained layers from `trained`; depthwise kernels get no gradient."""
    merged = {**params, **trained}
    for name in trained:
        if "depthwise" in name:
            kernel = jax.lax.stop_gradient(merged[name]["kernel"])
            merged[name] = {**merged[name], "kernel": kernel}
    return merged


def stepped(
    state: Any, trained: Params, grads: Any, rate: Any, count: Any, *, clip: float, averaging: float
) -> tuple[Params, dict[str, Any]]:
    """The weights after a step, and its `mean`, `first` and `second`.

    Args:
        state: `mean` of the weights, and the moments `first` and `second`, before it.
        trained: The weights before it.
        grads: Their gradients.
        rate: Change of a weight, relative to the mean size of its layer's weights.
        count: Steps before this one.
        clip: Largest norm of the gradients.
        averaging: Share of the running mean that a step keeps, less in the first ones.
    """
    norm = jnp.sqrt(sum(jnp.sum(part**2) for part in jax.tree.leaves(grads)))
    grads = jax.tree.map(lambda part: part * jnp.minimum(1.0, clip / (norm + 1e-9)), grads)
    first = jax.tree.map(lambda m, g: FIRST * m + (1 - FIRST) * g, state["first"], grads)
    second = jax.tree.map(lambda v, g: SECOND * v + (1 - SECOND) * g * g, state["second"], grads)

    def moved(weight: Any, m: Any, v: Any) -> Any:
        size = jnp.sqrt(jnp.mean(weight**2)) + 1e-3
        m, v = m / (1 - FIRST ** (count + 1)), v / (1 - SECOND ** (count + 1))
        return weight - rate * size * m / (jnp.sqrt(v) + 1e-8)

    new = jax.tree.map(moved, trained, first, second)
    keep = jnp.minimum(averaging, (count + 1) / (count + 10))
    mean = jax.tree.map(lambda a, b: keep * a + (1 - keep) * b, state["mean"], new)
    return new, {"mean": mean, "first": first, "second": second}
