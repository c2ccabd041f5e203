"""Second photos for things that were photographed once: other place, other angle, other light.

Written apart from the training's augmentation (`shelflens_train.augment`), so that a network is not
judged by the very views that it was trained on.
"""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

Pixels = NDArray[np.uint8]


def on_white(cutout: Image.Image, side: int) -> Pixels:
    """A reference image: the cut-out upright in the middle of a white square, uint8 [s, s, 3]."""
    box = cutout.getbbox() or (0, 0, *cutout.size)
    thing = cutout.crop(box)
    scale = 0.9 * side / max(thing.size)
    thing = thing.resize(_scaled(thing.size, scale), Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (side, side), "white")
    corner = ((side - thing.width) // 2, (side - thing.height) // 2)
    canvas.paste(thing, corner, thing)
    return np.array(canvas)


def in_scene(
    cutout: Image.Image, background: Image.Image, generator: np.random.Generator, side: int
) -> Pixels:
    """A photo of a cut-out: 0.4 to 0.95 of the frame, turned by up to 30 degrees, damaged.

    One in five is turned by up to 90 degrees.

    Args:
        cutout: RGBA.
        background: What lies behind, RGB.
        generator: All chance comes from it.
        side: Side of the result, pixels.

    Returns:
        uint8 [side, side, 3].
    """
    range_of_angles = 90 if generator.random() < 0.2 else 30
    angle = float(generator.uniform(-range_of_angles, range_of_angles))
    thing = cutout.crop(cutout.getbbox() or (0, 0, *cutout.size))
    thing = thing.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    scale = float(generator.uniform(0.4, 0.95)) * side / max(thing.size)
    thing = thing.resize(_scaled(thing.size, scale), Image.Resampling.BILINEAR)
    canvas = _random_part(background, generator, 0.5, 1.0).resize((side, side))
    space = [side - thing.width, side - thing.height]
    corner = [round(float(generator.uniform(0.1, 0.9)) * length) for length in space]
    canvas.paste(thing, (corner[0], corner[1]), thing)
    return _camera(canvas, generator)


def photographed_again(
    photo: Image.Image, background: Image.Image, generator: np.random.Generator, side: int
) -> Pixels:
    """Another photo of what a photo shows, made from it.

    A part of 0.45 to 0.9 of its sides, turned by up to 35 degrees, mirrored at its edges, seen
    askew; two in five lie on another background at 0.4 to 0.75 of the frame; damaged by a camera.

    Args:
        photo: RGB.
        background: What lies behind where the photo does not fill the frame.
        generator: All chance comes from it.
        side: Side of the result, pixels.

    Returns:
        uint8 [side, side, 3].
    """
    pixels = np.asarray(photo.resize((side, side), Image.Resampling.BILINEAR))
    edge = side // 2
    wide = Image.fromarray(np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="reflect"))
    half = float(generator.uniform(0.45, 0.9)) * side / 2
    room = side / 2 - half
    middle = np.array(wide.size) / 2 + generator.uniform(-room, room, 2)
    angle = math.radians(float(generator.uniform(-35, 35)))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * half
    corners = corners + generator.uniform(-0.12, 0.12, (4, 2)) * half
    quad = (middle + corners @ turn).ravel().tolist()
    view = wide.transform((side, side), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    if generator.random() < 0.4:
        small = round(side * float(generator.uniform(0.4, 0.75)))
        canvas = _random_part(background, generator, 0.5, 1.0).resize((side, side))
        corner = generator.integers(0, side - small, 2)
        canvas.paste(view.resize((small, small)), (int(corner[0]), int(corner[1])))
        view = canvas
    return _camera(view, generator)


def _camera(view: Image.Image, generator: np.random.Generator) -> Pixels:
    """Light, colour temperature, blur and JPEG blocks; a third has a part covered."""
    view = ImageEnhance.Brightness(view).enhance(float(generator.uniform(0.55, 1.35)))
    view = ImageEnhance.Contrast(view).enhance(float(generator.uniform(0.7, 1.3)))
    view = ImageEnhance.Color(view).enhance(float(generator.uniform(0.7, 1.25)))
    pixels = np.asarray(view, np.float32)
    warmth = float(generator.uniform(-0.1, 0.1))
    pixels = np.clip(pixels * np.array([1 + warmth, 1, 1 - warmth], np.float32), 0, 255)
    view = Image.fromarray(pixels.astype(np.uint8))
    if generator.random() < 0.33:
        size = (generator.uniform(0.12, 0.4, 2) * view.width).astype(int)
        corner = (generator.uniform(0, 1, 2) * (view.width - size)).astype(int)
        colour = tuple(int(value) for value in generator.integers(20, 235, 3))
        box = (*corner.tolist(), *(corner + size).tolist())
        view.paste(colour, box)
    if generator.random() < 0.5:
        view = view.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.3, 2.0))))
    stream = io.BytesIO()
    view.save(stream, "JPEG", quality=int(generator.integers(35, 85)))
    return np.array(Image.open(stream).convert("RGB"))


def _random_part(
    image: Image.Image, generator: np.random.Generator, low: float, high: float
) -> Image.Image:
    share = float(generator.uniform(low, high))
    size = (max(1, int(image.width * share)), max(1, int(image.height * share)))
    left = int(generator.integers(0, image.width - size[0] + 1))
    top = int(generator.integers(0, image.height - size[1] + 1))
    return image.crop((left, top, left + size[0], top + size[1]))


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
