"""The finder: the first blocks of MobileNetV2, and a small decoder (U-Net, FCN) on them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

TAPS = ("block_2_add", "block_5_add", "block_12_add")
"""Layers whose outputs are read: at a quarter, an eighth and a sixteenth of the input."""
OUTPUTS = 6
"""Numbers for each cell: mask, middle, and the four sides of a box; all from 0 to 1."""

layers = keras.layers


def finder_network(size: int, *, weights: str | None) -> keras.Model:
    """A network with start weights below and random ones above.

    Args:
        size: Side of the input, pixels; a multiple of 32.
        weights: "imagenet", a file of `keras.applications`, or None for random ones.

    Returns:
        float32 [n, size, size, 3] in 0..255 -> float32 [n, (size / 4)^2 * 6], row by row.
    """
    whole = keras.applications.MobileNetV2(
        input_shape=(size, size, 3), include_top=False, weights=weights
    )
    backbone = keras.Model(
        whole.input, [whole.get_layer(name).output for name in TAPS], name="backbone"
    )
    image = keras.Input((size, size, 3), name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    fine, middle, coarse = backbone(scaled, training=False)
    x = _point(coarse, 96, "coarse")
    about = layers.GlobalAveragePooling2D(keepdims=True, name="context_mean")(x)
    x = layers.Add(name="context_add")([x, _point(about, 96, "context")])
    x = _separable(_separable(x, 5, "coarse_a"), 5, "coarse_b")
    x = _joined(x, middle, 64, "middle")
    x = _separable(_separable(x, 3, "middle_a"), 3, "middle_b")
    x = _joined(x, fine, 32, "fine")
    x = _separable(x, 3, "fine_a")
    bias = keras.initializers.Constant([0.0, -3.0, -1.5, -1.5, -1.5, -1.5])
    x = layers.Conv2D(OUTPUTS, 1, bias_initializer=bias, name="cells")(x)
    x = layers.Activation("sigmoid", name="shares")(x)
    return keras.Model(image, layers.Reshape((-1,), name="found")(x), name="finder")


def decoder_of(model: keras.Model) -> keras.Model:
    """The part above the backbone, with the same weights: features of `TAPS` -> the output."""
    tapped = [model.get_layer(name).input for name in ("fine_below", "middle_below", "coarse")]
    return keras.Model(tapped, model.output, name="decoder")


def freeze_backbone(model: keras.Model, *, until: str) -> None:
    """Hold layers of the backbone still, up to the one named; "" trains all, "all" none of them."""
    backbone = model.get_layer("backbone")
    frozen = bool(until)
    for layer in backbone.layers:
        layer.trainable = not frozen
        if layer.name == until:
            frozen = False


def finder_loss(wanted: Any, found: Any) -> Any:
    """Focal and Dice loss of the mask, focal loss of the middles, and L1 and GIoU of the boxes.

    The focal loss of the middles is CenterNet's, with exponents 2 and 4; Dice is that of Milletari
    et al. (V-Net, 2016), GIoU that of Rezatofighi et al. (CVPR 2019).

    Args:
        wanted: float [n, g, g, 7], from `targets_of`.
        found: float [n, g * g * 6], the network's output.

    Returns:
        A number for each of the n images.
    """
    found = ops.clip(ops.reshape(found, (-1, *wanted.shape[1:3], OUTPUTS)), 1e-4, 1 - 1e-4)
    mask, shown = found[..., 0], wanted[..., 0]
    likely = shown * ops.log(mask) + (1 - shown) * ops.log(1 - mask)
    wrong = ops.abs(shown - mask)
    focal = -ops.mean(likely * (0.25 + wrong), (1, 2))
    overlap = 2 * ops.sum(mask * shown, (1, 2)) + 1
    dice = 1 - overlap / (ops.sum(mask * mask + shown * shown, (1, 2)) + 1)

    heat, middle = found[..., 1], wanted[..., 1]
    peaks = ops.cast(middle >= 0.999, heat.dtype)
    number = ops.maximum(ops.sum(peaks, (1, 2)), 1.0)
    hits = peaks * (1 - heat) ** 2 * ops.log(heat)
    misses = (1 - peaks) * (1 - middle) ** 4 * heat**2 * ops.log(1 - heat)
    centre = -ops.sum(hits + misses, (1, 2)) / number

    weight = wanted[..., 6]
    total = ops.maximum(ops.sum(weight, (1, 2)), 1.0)
    box = _giou_loss(found[..., 2:], wanted[..., 2:6])
    size = ops.maximum(wanted[..., 2:4] + wanted[..., 4:6], 0.05)
    off = ops.abs(found[..., 2:] - wanted[..., 2:6]) / ops.concatenate([size, size], -1)
    boxes = ops.sum(weight * (box + ops.sum(off, -1)), (1, 2)) / total
    return 2 * focal + dice + centre + boxes


def _giou_loss(found: Any, wanted: Any) -> Any:
    """[..., 4] distances to the sides, both from the same cell -> [...]."""

    def area(sides: Any) -> Any:
        return (sides[..., 0] + sides[..., 2]) * (sides[..., 1] + sides[..., 3])

    both = area(ops.minimum(found, wanted))
    union = area(found) + area(wanted) - both
    around = area(ops.maximum(found, wanted))
    return 1 - both / ops.maximum(union, 1e-6) + (around - union) / ops.maximum(around, 1e-6)


def _point(x: Any, filters: int, name: str) -> Any:
    x = layers.Conv2D(filters, 1, kernel_initializer="he_normal", name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _separable(x: Any, kernel: int, name: str) -> Any:
    """A depthwise and a pointwise convolution, added to what came in."""
    made = layers.DepthwiseConv2D(
        kernel, padding="same", depthwise_initializer="he_normal", name=f"{name}_depthwise"
    )(x)
    made = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(made)
    return layers.Add(name=f"{name}_add")([x, _point(made, x.shape[-1], name)])


def _joined(coarse: Any, fine: Any, filters: int, name: str) -> Any:
    """Coarse features at twice their size, and fine ones, as so many channels."""
    above = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(
        _point(coarse, filters, f"{name}_above")
    )
    return layers.Add(name=f"{name}_add")([above, _point(fine, filters, f"{name}_below")])
