"""A small network that gives the embeddings of a large one (`pruning` makes its start).

What the frozen first blocks give, and what the teacher says, is computed once for each view and
kept; a step then costs a quarter of one through the whole network. The loss is the cosine between
both embeddings, and how the similarities within a batch differ (relational distillation: Park et
al., CVPR 2019; here as distributions, Tung and Mori's similarities over a temperature), for the
whole embedding and for its Matryoshka prefixes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.network import BLOCKS, blocks, embeddings, pooled, stem, trained_names
from shelflens_train.general.objective import unit
from shelflens_train.general.optimizer import stepped, with_depthwise_held
from shelflens_train.general.params import HEAD, Params, refitted_head

PREFIXES = {256: 1.0, 128: 0.5, 64: 0.5}
"""First numbers of the embedding -> weight in the loss."""
HEAD_RIDGE = 0.03
MAX_NORM = 3.0
"""Of the gradients of a step."""


@dataclass(frozen=True)
class DistilConfig:
    """How a small network is distilled."""

    steps: int
    rate: float = 1.5e-3
    """Change of a weight in a step, relative to the mean size of its layer's weights."""
    warmup: int = 40
    temperature: float = 0.1
    frozen: int = 7
    """Blocks that both networks share, and that are not trained."""
    averaging: float = 0.99
    batch: int = 64
    seed: int = 0


def distilled(
    teacher: Params,
    start: Params,
    views: Iterator[NDArray[np.uint8]],
    config: DistilConfig,
    *,
    held_out: NDArray[np.uint8],
    report: Callable[[int, Params, Any, float], None],
    every: int = 100,
) -> Params:
    """Train.

    Args:
        teacher: Whose embeddings are wanted.
        start: The small network; its first `config.frozen` blocks are the teacher's.
        views: Batches, uint8 [config.batch, s, s, 3], of which a new one is taken every second
            step until there are no more; those taken are kept as features and shown again.
        config: How.
        held_out: uint8 [m, s, s, 3], to judge on; m a multiple of `config.batch`.
        report: Called with steps, weights, loss on `held_out` and views per second.
        every: Steps between reports.

    Returns:
        The running mean of the weights, with a head fitted anew to all views taken.
    """
    still = [name for name in start if name not in trained_names(start, config.frozen)]
    fixed = {name: start[name] for name in still}
    prepare = jax.jit(partial(_prepared, teacher, frozen=config.frozen))
    judged = [
        prepare(held_out[at : at + config.batch]) for at in range(0, len(held_out), config.batch)
    ]
    trained = jax.tree.map(jnp.array, {n: v for n, v in start.items() if n not in fixed})
    state = {
        "params": trained,
        "mean": jax.tree.map(jnp.copy, trained),  # a step may write over what it reads
        "first": jax.tree.map(jnp.zeros_like, trained),
        "second": jax.tree.map(jnp.zeros_like, trained),
    }
    generator = np.random.default_rng(config.seed)
    kept: list[tuple[NDArray[Any], NDArray[Any]]] = []
    last = time.perf_counter()
    for step in range(config.steps):
        if step % 2 == 0 and (fresh := next(views, None)) is not None:
            seen, wanted = prepare(fresh)
            kept.append((np.asarray(seen), np.asarray(wanted)))
        first, second = (kept[i] for i in generator.integers(len(kept), size=2))
        half = config.batch // 2
        rows = [generator.permutation(config.batch)[:half] for _ in range(2)]
        seen, wanted = (
            np.concatenate([a[rows[0]], b[rows[1]]]) for a, b in zip(first, second, strict=True)
        )
        warm = min(1.0, (step + 1) / config.warmup)
        rate = config.rate * warm * max(0.02, 0.5 * (1 + np.cos(np.pi * step / config.steps)))
        state = _step(fixed, state, seen, wanted, rate, float(step), config=config)
        if (step + 1) % every == 0:
            now = {**start, **state["mean"]}
            losses = [_loss(now, *pair, config=config) for pair in judged]
            took, last = time.perf_counter() - last, time.perf_counter()
            report(step + 1, now, np.mean(losses, axis=0), every * config.batch / took)
    small: Params = {**start, **jax.tree.map(np.asarray, state["mean"])}
    return {**small, HEAD: fitted_head(small, kept, config.frozen)}


def fitted_head(
    params: Params, kept: Sequence[tuple[NDArray[Any], NDArray[Any]]], frozen: int
) -> dict[str, NDArray[np.float32]]:
    """The head that gives the teacher's directions by least squares.

    Args:
        params: The small network.
        kept: Of each batch, what block `frozen` reads and the teacher's embeddings.
        frozen: As in `DistilConfig`.
    """

    @jax.jit
    def pooled_of(shared: Any) -> Any:
        x = blocks(params, shared.astype(jnp.float32), frozen, len(BLOCKS), dtype=jnp.float32)
        return pooled(params, x, dtype=jnp.float32)

    features = np.concatenate([np.asarray(pooled_of(shared)) for shared, _ in kept])
    wanted = np.concatenate([vectors for _, vectors in kept])
    lengths = np.linalg.norm(wanted, axis=1, keepdims=True)
    wanted = wanted / lengths * lengths.mean()
    nothing = np.zeros_like(params[HEAD]["kernel"])
    return refitted_head(nothing, features, wanted, ridge=HEAD_RIDGE)


def _prepared(teacher: Params, pixels: Any, *, frozen: int) -> tuple[Any, Any]:
    """Features of the shared blocks, float16, and the teacher's embeddings."""
    x = stem(teacher, pixels.astype(jnp.float32), dtype=jnp.float32)
    shared = blocks(teacher, x, 0, frozen, dtype=jnp.float32)
    return shared.astype(jnp.float16), _rest(teacher, shared, frozen)


def _rest(params: Params, shared: Any, frozen: int) -> Any:
    x = blocks(params, shared, frozen, len(BLOCKS), dtype=jnp.float32)
    return embeddings(params, pooled(params, x, dtype=jnp.float32))


@partial(jax.jit, static_argnames="config")
def _loss(params: Params, seen: Any, wanted: Any, *, config: DistilConfig) -> Any:
    """The two losses of a batch: of cosines, of similarities within the batch."""
    given = _rest(params, seen.astype(jnp.float32), config.frozen)
    cosine: Any = 0.0
    relation: Any = 0.0
    for length, weight in PREFIXES.items():
        ours, theirs = unit(given[:, :length]), unit(wanted[:, :length])
        cosine += weight * (1 - (ours * theirs).sum(axis=1)).mean()
        itself = 1e4 * jnp.eye(len(ours))
        got = jax.nn.log_softmax(ours @ ours.T / config.temperature - itself)
        asked = jax.nn.log_softmax(theirs @ theirs.T / config.temperature - itself)
        relation += weight * (jnp.exp(asked) * (asked - got)).sum(axis=1).mean()
    return jnp.stack([cosine, relation])


@partial(jax.jit, static_argnames="config", donate_argnums=1)
def _step(
    fixed: Params,
    state: Any,
    seen: Any,
    wanted: Any,
    rate: Any,
    count: Any,
    *,
    config: DistilConfig,
) -> Any:
    """One step of Adam, relative to the size of each layer's weights."""

    def loss_of(trained: Params) -> Any:
        params = with_depthwise_held(fixed, trained)
        return _loss(params, seen, wanted, config=config).sum()

    grads = jax.grad(loss_of)(state["params"])
    new, rest = stepped(
        state, state["params"], grads, rate, count, clip=MAX_NORM, averaging=config.averaging
    )
    return {"params": new, **rest}
