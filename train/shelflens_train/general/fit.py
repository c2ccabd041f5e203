"""Training on an accelerator: pairs of drawn views, contrast, a teacher's order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.batches import Batches
from shelflens_train.general.network import Params, embeddings, features, trained_names
from shelflens_train.general.objective import contrast, order_kept
from shelflens_train.general.optimizer import stepped, with_depthwise_held
from shelflens_train.general.scene import render

AHEAD = 6
"""Batches that are made ahead."""
MAX_NORM = 5.0
"""Of the gradients of a step."""
CHUNKS = 4
"""Views are drawn in so many parts, for memory."""


@dataclass(frozen=True)
class FitConfig:
    """How a general embedding is trained."""

    steps: int
    rate: float = 2e-3
    """Change of a weight in a step, relative to the mean size of its layer's weights."""
    warmup: int = 60
    temperature: float = 0.07
    order: float = 1.0
    """Weight of the teacher's order."""
    order_temperature: float = 0.1
    frozen: int = 3
    averaging: float = 0.99
    seed: int = 0


State = dict[str, Any]


def started(params: Params, config: FitConfig) -> State:
    """Optimizer state, running mean."""
    trained = {name: params[name] for name in trained_names(params, config.frozen)}
    zeros = jax.tree.map(jnp.zeros_like, trained)
    return {
        "params": params,
        "mean": jax.tree.map(jnp.array, trained),
        "first": zeros,
        "second": jax.tree.map(jnp.zeros_like, trained),
    }


def rate_at(step: int, config: FitConfig) -> float:
    """Warm up, then fall along half a cosine."""
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.rate * max(0.01, 0.5 * (1 + float(np.cos(np.pi * min(1.0, done)))))


@partial(jax.jit, static_argnames="side")
def views_of(textures: Any, view: Mapping[str, Any], *, side: int) -> Any:
    """All views of a batch, float16."""
    parts = jax.tree.map(lambda part: part.reshape(CHUNKS, -1, *part.shape[1:]), dict(view))
    images = jax.lax.map(lambda part: render(textures, part, side=side).astype(jnp.float16), parts)
    return images.reshape(-1, side, side, 3)


@partial(jax.jit, static_argnames="config", donate_argnums=0)
def step_of(
    state: State,
    images: Any,
    identities: Any,
    wanted: Any,
    rate: Any,
    count: Any,
    *,
    config: FitConfig,
) -> tuple[State, Any]:
    """One step; returns the new state and the two losses."""
    trained_keys = trained_names(state["params"], config.frozen)

    def loss_of(trained: Params) -> tuple[Any, Any]:
        params = with_depthwise_held(state["params"], trained)
        vectors = embeddings(
            params, features(params, images.astype(jnp.float32), frozen=config.frozen)
        )
        contrast_loss = contrast(vectors, identities, temperature=config.temperature)
        order_loss = order_kept(vectors, wanted, identities, temperature=config.order_temperature)
        return contrast_loss + config.order * order_loss, jnp.stack([contrast_loss, order_loss])

    trained = {name: state["params"][name] for name in trained_keys}
    grads, losses = jax.grad(loss_of, has_aux=True)(trained)
    new, rest = stepped(
        state, trained, grads, rate, count, clip=MAX_NORM, averaging=config.averaging
    )
    return {"params": {**state["params"], **new}, **rest}, losses


def averaged(state: State) -> Params:
    """The network of the running mean."""
    return {**state["params"], **state["mean"]}


def fit(
    params: Params,
    textures: Any,
    batches: Batches,
    reference_vectors: NDArray[np.float32],
    config: FitConfig,
    *,
    side: int,
    report: Callable[[int, State, NDArray[np.float64], float], None],
    every: int,
) -> State:
    """Train.

    Args:
        params: The start; not changed.
        textures: uint32 [t, TEXELS], on the device.
        batches: What to show.
        reference_vectors: float32 [t, e], the teacher's unit vectors.
        config: How.
        side: Of the views, pixels.
        report: Called with step, state, mean losses and views per second.
        every: Steps between reports.

    Returns:
        The final state (`averaged` gives the network).
    """
    state = started(jax.tree.map(jnp.array, params), config)
    losses: list[Any] = []
    begun = time.perf_counter()

    def made(step: int) -> Any:
        batch = batches.batch(np.random.default_rng([config.seed, step]))
        identities, rows = batch.pop("identity"), batch.pop("texture")
        return jax.device_put((batch, identities, reference_vectors[rows]))

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(made, ahead) for ahead in range(AHEAD)]
        for step in range(config.steps):
            view, identities, wanted = waiting.pop(0).result()
            waiting.append(pool.submit(made, step + AHEAD))
            images = views_of(textures, view, side=side)
            rate = rate_at(step, config)
            state, pair = step_of(
                state, images, identities, wanted, rate, float(step), config=config
            )
            losses.append(pair)
            if (step + 1) % every == 0 or step + 1 == config.steps:
                mean = np.mean(np.asarray(jnp.stack(losses)), axis=0)
                each = (time.perf_counter() - begun) / len(losses)
                report(step + 1, state, mean, len(identities) / each)
                losses, begun = [], time.perf_counter()
        for ahead in waiting:
            ahead.cancel()
    return state
