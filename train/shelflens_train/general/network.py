"""MobileNetV2 as a function of plain arrays, for training on an accelerator with JAX.

The network that `shelflens_train.backbones` builds in Keras, with every BatchNorm folded into the
convolution before it: kernels and shifts are what is trained. `start.params_of` and `put_into` move
the weights between the two; their outputs agree (tests/train/test_general.py).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

Params = dict[str, dict[str, Any]]

BLOCKS = (
    # stride of each inverted residual block, and whether it expands (Sandler et al., CVPR 2018)
    (1, False),
    *((stride, True) for stride in (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)),
)


def block_name(index: int) -> str:
    """As Keras names it."""
    return "expanded_conv" if index == 0 else f"block_{index}"


def features(params: Params, images: Any, *, frozen: int = 0, dtype: Any = jnp.bfloat16) -> Any:
    """Pooled features of the backbone.

    Args:
        params: Layer -> "kernel" and "shift".
        images: float32 [n, s, s, 3] in 0..255; s a multiple of 32.
        frozen: No gradient reaches the layers before this block (0: all are trained).
        dtype: Of what is kept and multiplied; sums and the residual stream are float32.

    Returns:
        float32 [n, 1280], fewer of a pruned network.
    """
    x = stem(params, images, dtype=dtype)
    x = blocks(params, x, 0, len(BLOCKS), frozen=frozen, dtype=dtype)
    return pooled(params, x, dtype=dtype)


def stem(params: Params, images: Any, *, dtype: Any = jnp.bfloat16) -> Any:
    """The first convolution: float32 [n, s, s, 3] in 0..255 -> [n, s/2, s/2, 32]."""
    x = (images / 127.5 - 1.0).astype(dtype)
    return _relu6(_full(x, params["Conv1"], stride=2)).astype(dtype)


def blocks(
    params: Params,
    x: Any,
    start: int,
    stop: int,
    *,
    frozen: int = 0,
    dtype: Any = jnp.bfloat16,
) -> Any:
    """Some of the inverted residual blocks, from `start` to before `stop`.

    Args:
        params: As in `features`.
        x: float32 [n, h, w, c], what the block before gives.
        start: First block.
        stop: Block after the last.
        frozen: As in `features`.
        dtype: As in `features`.
    """
    for index in range(start, stop):
        if frozen and index == frozen:
            x = lax.stop_gradient(x)
        before = x
        x = projected(params, inside(params, x, index, dtype=dtype), index)
        if index and BLOCKS[index][0] == 1 and before.shape[-1] == x.shape[-1]:
            x = before + x
    return x


def inside(params: Params, x: Any, index: int, *, dtype: Any = jnp.bfloat16) -> Any:
    """What a block's projection reads: expanded, convolved depthwise, cut to 0..6."""
    (stride, expands), name = BLOCKS[index], block_name(index)
    if expands:
        x = _relu6(_pointwise(x.astype(dtype), params[f"{name}_expand"], dtype)).astype(dtype)
    return _relu6(_depthwise(x, params[f"{name}_depthwise"], stride)).astype(dtype)


def projected(params: Params, x: Any, index: int) -> Any:
    """A block's last convolution, before the residual is added."""
    return _pointwise(x, params[f"{block_name(index)}_project"])


def pooled(params: Params, x: Any, *, dtype: Any = jnp.bfloat16) -> Any:
    """The last convolution, and its mean over the image: float32 [n, h, w, 320] -> [n, f]."""
    x = _relu6(_pointwise(x.astype(dtype), params["Conv_1"]))
    return jnp.mean(x, axis=(1, 2))


def embeddings(params: Params, seen: Any) -> Any:
    """The linear head, not yet of unit length: float32 [n, f] -> [n, dim]."""
    head = params["embedding"]
    return seen @ head["kernel"] + head["shift"]


def trained_names(params: Params, frozen: int) -> list[str]:
    """Layers that gradients reach."""
    if not frozen:
        return list(params)
    still = {"Conv1"}
    for index in range(frozen):
        still |= {f"{block_name(index)}_{part}" for part in ("expand", "depthwise", "project")}
    return [name for name in params if name not in still]


def _relu6(x: Any) -> Any:
    return jnp.clip(x, 0, 6)


def _pointwise(x: Any, layer: dict[str, Any], dtype: Any = jnp.float32) -> Any:
    kernel = layer["kernel"].astype(x.dtype)
    y = jnp.einsum("nhwc,cd->nhwd", x, kernel, preferred_element_type=dtype)
    return y.astype(jnp.float32) + layer["shift"]


def _full(x: Any, layer: dict[str, Any], *, stride: int) -> Any:
    y = lax.conv_general_dilated(
        x,
        layer["kernel"].astype(x.dtype),
        (stride, stride),
        ((0, 1), (0, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y.astype(jnp.float32) + layer["shift"]


def _depthwise(x: Any, layer: dict[str, Any], stride: int) -> Any:
    """3x3 as nine shifted products, which compile to few passes over memory."""
    kernel = layer["kernel"]
    before = 1 if stride == 1 else 0
    height, width = x.shape[1] // stride, x.shape[2] // stride
    padded = jnp.pad(x, ((0, 0), (before, 1), (before, 1), (0, 0)))
    total = None
    for row in range(3):
        for column in range(3):
            part = lax.slice(
                padded,
                (0, row, column, 0),
                (
                    x.shape[0],
                    row + (height - 1) * stride + 1,
                    column + (width - 1) * stride + 1,
                    x.shape[3],
                ),
                (1, stride, stride, 1),
            )
            term = part.astype(jnp.float32) * kernel[row, column]
            total = term if total is None else total + term
    return total + layer["shift"]
