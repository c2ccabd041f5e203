"""What a camera in a shop does to a picture, in Keras' own layers."""

from __future__ import annotations

from typing import Any

import keras


def augmentation(strength: float, *, flip: bool, size: int, seed: int) -> keras.Sequential:
    """Layers that vary framing, angle, light and colour while training, then shrink.

    Ranges are for strength 1: turned by up to 20 degrees, moved by up to 0.18 of the side, zoomed
    in to half or out to 1.15, one side stretched by 0.15, brightness by 0.2, contrast and
    saturation by 0.3, half of the photos with a rectangle erased. A network that sees the same few
    photos a dozen times learns them by heart otherwise: with half of these ranges and nothing
    erased or mirrored, its training loss fell to 0.02 while recall@1 stayed at 0.79.

    Args:
        strength: Factor on every range; 0 gives none of these layers.
        flip: Mirror left and right too.
        size: Side of the square that comes out, pixels.
        seed: Seed of the first layer; the others count on from it.

    Returns:
        float [b, h, w, 3] in 0..255 -> float [b, size, size, 3].
    """
    layers = keras.layers
    span = {"value_range": (0, 255)}
    steps: list[tuple[Any, dict[str, Any]]] = []
    if flip:
        steps.append((layers.RandomFlip, {"mode": "horizontal"}))
    if strength > 0:
        mirror = {"fill_mode": "reflect"}
        moved = {"height_factor": 0.18 * strength, "width_factor": 0.18 * strength}
        zoom = (-min(0.5 * strength, 0.8), 0.15 * strength)
        stretch = {"height_factor": (-0.15 * strength, 0.15 * strength), "width_factor": (0.0, 0.0)}
        colour = (max(0.0, 0.5 - 0.15 * strength), min(1.0, 0.5 + 0.15 * strength))
        holes = {"factor": min(1.0, 0.5 * strength), "scale": (0.02, 0.2), "fill_value": 127.0}
        steps += [
            (layers.RandomRotation, {"factor": 20 / 360 * strength, **mirror}),
            (layers.RandomTranslation, {**moved, **mirror}),
            (layers.RandomZoom, {"height_factor": zoom, **mirror}),
            (layers.RandomZoom, {**stretch, **mirror}),
            (layers.RandomBrightness, {"factor": 0.2 * strength, **span}),
            (layers.RandomContrast, {"factor": 0.3 * strength, **span}),
            (layers.RandomSaturation, {"factor": colour, **span}),
            (layers.RandomErasing, {**holes, **span}),
        ]
    # A seed each: layers that share one draw the same numbers, and would always turn and zoom
    # together.
    made = [layer(**options, seed=seed + place) for place, (layer, options) in enumerate(steps)]
    # Saturation overshoots below black.
    ends = [layers.ReLU(max_value=255), layers.Resizing(size, size)]
    return keras.Sequential([*made, *ends], name="augment")
