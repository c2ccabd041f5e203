"""Views of an image as training sees them: a cut-out is laid somewhere first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens_train.augment import augmented

Pixels = NDArray[np.uint8]


def plain_view(image: Pixels) -> Pixels:
    """An image as it would be enrolled: uint8 [s, s, 4] -> [s, s, 3], a cut-out on white."""
    opacity = image[..., 3:].astype(np.uint16)
    laid = (image[..., :3] * opacity + 255 * (255 - opacity)) // 255
    return laid.astype(np.uint8)


def training_view(
    image: Pixels,
    backdrop: Pixels,
    generator: np.random.Generator,
    *,
    side: int,
    strength: float,
    colour: float,
    alpha: bool,
) -> Pixels:
    """One varied view of an image.

    A cut-out is turned by up to 30 degrees (one in five by up to 90), takes 0.5 to 1 of the frame,
    and lies on white one time in four and on the backdrop otherwise. Then everything is changed as
    in `augmented`.

    Args:
        image: uint8 [s, s, 4], opacity last.
        backdrop: Another image of the bank.
        generator: All chance comes from it.
        side: Side of the result, pixels.
        strength: As in `augmented`.
        colour: As in `augmented`.
        alpha: Whether the image is a cut-out.

    Returns:
        uint8 [side, side, 3].
    """
    behind = plain_view(backdrop)
    photo = _laid(image, behind, generator) if alpha else image[..., :3]
    return augmented(
        photo, behind, generator, side=side, strength=strength, flip=False, colour=colour
    )


def _laid(image: Pixels, behind: Pixels, generator: np.random.Generator) -> Pixels:
    size = len(image)
    limit = 90 if generator.random() < 0.2 else 30
    thing = Image.fromarray(image).rotate(
        float(generator.uniform(-limit, limit)), Image.Resampling.BILINEAR, expand=True
    )
    scale = float(generator.uniform(0.5, 1.0)) * size / max(thing.size)
    width, height = (max(1, round(length * scale)) for length in thing.size)
    thing = thing.resize((width, height), Image.Resampling.BILINEAR)
    canvas = (
        Image.new("RGB", (size, size), "white")
        if generator.random() < 0.25
        else Image.fromarray(behind)
    )
    left, top = (int(generator.uniform(0, size - length + 1)) for length in (width, height))
    canvas.paste(thing, (left, top), thing)
    return np.asarray(canvas)
