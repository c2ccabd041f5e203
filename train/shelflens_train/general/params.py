"""Weights as plain arrays: what goes to an accelerator and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Params = dict[str, dict[str, NDArray[np.float32]]]
"""Layer -> "kernel" and "shift"; the head is the layer "embedding"."""
HEAD = "embedding"


def read_params(file: Path) -> Params:
    """What `write_params` wrote."""
    params: Params = {}
    with np.load(file) as arrays:
        for name in arrays.files:
            layer, part = name.split("/")
            params.setdefault(layer, {})[part] = arrays[name].astype(np.float32)
    return params


def write_params(params: Params, file: Path, dtype: type = np.float32) -> None:
    """One .npz; float16 halves what has to be sent to a training machine."""
    arrays: dict[str, Any] = {
        f"{layer}/{part}": np.asarray(values, dtype)
        for layer, parts in params.items()
        for part, values in parts.items()
    }
    np.savez(file, **arrays)


def mixed(start: Params, trained: Params, share: float) -> Params:
    """A network between start and end of a training (Wortsman et al., CVPR 2022); the end's head.

    Args:
        start: Where training started; its head may have another length.
        trained: Where it ended.
        share: 0 gives the start's backbone, 1 the trained one.
    """
    return {
        layer: {
            part: values if layer == HEAD else (1 - share) * start[layer][part] + share * values
            for part, values in parts.items()
        }
        for layer, parts in trained.items()
    }


def shortened(params: Params, length: int) -> Params:
    """The network whose embedding is a prefix."""
    head = {part: values[..., :length] for part, values in params[HEAD].items()}
    return {**params, HEAD: head}


def refitted_head(
    kernel: NDArray[np.float32],
    features: NDArray[np.float32],
    wanted: NDArray[np.float32],
    *,
    ridge: float,
) -> dict[str, NDArray[np.float32]]:
    """The linear head near a given one that comes nearest to wanted embeddings.

    Args:
        kernel: float32 [f, d], what a strong ridge gives.
        features: float32 [n, f], pooled features of the backbone.
        wanted: float32 [n, d], not of unit length.
        ridge: As a share of the mean variance of the features.

    Returns:
        Its kernel and shift.
    """
    middle, target = features.mean(axis=0), wanted.mean(axis=0)
    apart = (features - middle).astype(np.float64)
    missing = wanted - target - apart @ kernel
    scatter = apart.T @ apart
    scatter += ridge * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    moved = kernel + np.linalg.solve(scatter, apart.T @ missing)
    shift = target - middle @ moved
    return {"kernel": moved.astype(np.float32), "shift": shift.astype(np.float32)}
