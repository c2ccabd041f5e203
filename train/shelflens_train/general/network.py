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
        float32 [n, 1280].
    """
    x = (images / 127.5 - 1.0).astype(dtype)
    x = _relu6(_full(x, params["Conv1"], stride=2)).astype(dtype)
    for index, (stride, expands) in enumerate(BLOCKS):
        if frozen and index == frozen:
            x = lax.stop_gradient(x)
        name, start = block_name(index), x
        if expands:
            x = _relu6(_pointwise(x.astype(dtype), params[f"{name}_expand"], dtype)).astype(dtype)
        x = _relu6(_depthwise(x, params[f"{name}_depthwise"], stride)).astype(dtype)
        x = _pointwise(x, params[f"{name}_project"])
        if stride == 1 and start.shape[-1] == x.shape[-1] and index:
            x = start + x
    x = _relu6(_pointwise(x.astype(dtype), params["Conv_1"]))
    return jnp.mean(x, axis=(1, 2))


def embeddings(params: Params, pooled: Any) -> Any:
    """The linear head, not yet of unit length: float32 [n, 1280] -> [n, dim]."""
    head = params["embedding"]
    return pooled @ head["kernel"] + head["shift"]


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
