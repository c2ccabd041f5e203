"""A narrower network from a trained one: channels chosen and refitted by least squares.

Inside a block, the channels between expansion and projection are thinned out. Those are kept that
together explain best what the block gave before (orthogonal forward selection: Chen, Billings and
Luo, 1989), and the projection is fitted anew to them. It is fitted to what the whole network gives
at that depth, on the inputs that the narrower one has there, so each block also corrects what the
blocks before it lost (He, Zhang and Sun, "Channel pruning for accelerating very deep neural
networks", ICCV 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.network import (
    BLOCKS,
    block_name,
    blocks,
    inside,
    pooled,
    stem,
)
from shelflens_train.general.params import HEAD, Params

BATCH = 64
POSITIONS = 60_000
"""Positions of the feature maps that a projection is fitted on."""
RIDGE, HEAD_RIDGE = 1e-3, 3e-2
"""Shares of the mean variance of the channels."""
LAST = "Conv_1"
Floats = NDArray[np.float32]


def chosen_channels(
    seen: Floats, wanted: Floats, count: int, *, ridge: float
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """The channels that explain most, and the linear map from them.

    Args:
        seen: float32 [n, c], channels.
        wanted: float32 [n, d], what they are to explain.
        count: How many to keep.
        ridge: As a share of the mean variance of the channels.

    Returns:
        int64 [count], ascending; float32 [count, d], kernel; float32 [d], shift.
    """
    middle, target = seen.mean(axis=0), wanted.mean(axis=0)
    apart = (seen - middle).astype(np.float64)
    gram, cross = apart.T @ apart, apart.T @ (wanted - target)
    added = ridge * np.trace(gram) / len(gram)
    rest, missing = gram + added * np.eye(len(gram)), cross.copy()
    free = np.ones(len(gram), bool)
    for _ in range(count):
        own = np.diag(rest)
        explained = np.where(free, (missing**2).sum(axis=1) / np.maximum(own, 1e-12), -1.0)
        best = int(explained.argmax())
        free[best] = False
        # What the chosen channel explains is taken from all others.
        column = rest[:, best] / np.sqrt(own[best])
        missing -= np.outer(column, missing[best] / np.sqrt(own[best]))
        rest -= np.outer(column, column)
    kept = np.flatnonzero(~free)
    kernel = np.linalg.solve(gram[np.ix_(kept, kept)] + added * np.eye(count), cross[kept])
    shift = target - middle[kept] @ kernel
    return kept, kernel.astype(np.float32), shift.astype(np.float32)


def pruned(params: Params, views: NDArray[np.uint8], widths: Mapping[str, int]) -> Params:
    """A network with fewer channels inside its blocks.

    Args:
        params: The trained network; not changed.
        views: uint8 [n, s, s, 3], to fit on; at least a few times as many as the head has inputs.
        widths: Block name ("block_7") or "Conv_1" -> channels to keep; the rest stays as it is.
    """
    narrow = dict(params)
    whole = _batched(lambda x: blocks(params, _start(params, x), 0, 1, dtype=jnp.float32), views)
    seen = whole
    generator = np.random.default_rng(0)
    for index in range(1, len(BLOCKS)):
        name = block_name(index)
        run = partial(blocks, params, start=index, stop=index + 1, dtype=jnp.float32)
        after = _batched(run, whole)
        if name in widths:
            positions = _positions(after.shape, generator)
            inner = _picked(
                partial(inside, params, index=index, dtype=jnp.float32), seen, positions
            )
            wanted = _at(after, positions)
            if BLOCKS[index][0] == 1 and seen.shape[-1] == after.shape[-1]:
                wanted = wanted - _at(seen, positions)
            kept, kernel, shift = chosen_channels(inner, wanted, widths[name], ridge=RIDGE)
            for part in (f"{name}_expand", f"{name}_depthwise"):
                narrow[part] = _kept(params[part], kept)
            narrow[f"{name}_project"] = {"kernel": kernel, "shift": shift}
        thin = partial(blocks, dict(narrow), start=index, stop=index + 1, dtype=jnp.float32)
        seen = after if seen is whole and name not in widths else _batched(thin, seen)
        whole = after
    if LAST in widths:
        head = params[HEAD]
        last = partial(pooled, params, dtype=jnp.float32)
        wanted = _batched(last, whole) @ head["kernel"] + head["shift"]
        inner = _batched(last, seen)
        kept, kernel, shift = chosen_channels(inner, wanted, widths[LAST], ridge=HEAD_RIDGE)
        narrow[LAST] = _kept(params[LAST], kept)
        narrow[HEAD] = {"kernel": kernel, "shift": shift}
    return narrow


def _start(params: Params, pixels: Any) -> Any:
    return stem(params, pixels.astype(jnp.float32), dtype=jnp.float32)


def _kept(layer: dict[str, Floats], kept: NDArray[np.int64]) -> dict[str, Floats]:
    return {part: values[..., kept] for part, values in layer.items()}


def _batched(function: Any, rows: Any) -> Floats:
    compiled = jax.jit(function)
    parts = [np.asarray(compiled(rows[at : at + BATCH])) for at in range(0, len(rows), BATCH)]
    return np.concatenate(parts)


def _positions(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.int64]:
    """Of each image, so many positions of the map that all images have `POSITIONS`."""
    count, total = shape[0], shape[1] * shape[2]
    each = min(total, max(4, POSITIONS // count))
    return np.stack([generator.choice(total, each, replace=False) for _ in range(count)])


def _at(maps: Floats, positions: NDArray[np.int64]) -> Floats:
    flat = maps.reshape(len(maps), -1, maps.shape[-1])
    return np.take_along_axis(flat, positions[..., np.newaxis], 1).reshape(-1, maps.shape[-1])


def _picked(function: Any, rows: Floats, positions: NDArray[np.int64]) -> Floats:
    compiled = jax.jit(function)
    return np.concatenate(
        [
            _at(np.asarray(compiled(rows[at : at + BATCH])), positions[at : at + BATCH])
            for at in range(0, len(rows), BATCH)
        ]
    )
