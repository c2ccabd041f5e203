"""What a camera in a shop does to an image: one warp, one change of light, some damage.

Everything geometric is one projective resampling, and everything about light one 3x3 matrix: four
Keras layers in a row resample four times and cost more than the network's own forward pass. OpenCV
does both, in a fifth of Pillow's time. It runs in the loader's threads, on the same 8-bit pixels
for every backend.
"""

from __future__ import annotations

import io
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelflens_train.geometry import rectangle, warp_pixels

Pixels = NDArray[np.uint8]

_GREY = np.full((3, 3), 1 / 3)


def augmented(
    photo: Pixels,
    backdrop: Pixels,
    generator: np.random.Generator,
    *,
    side: int,
    strength: float,
    flip: bool,
    colour: float = 1.0,
) -> Pixels:
    """One varied view of a photo.

    For strength 1: turned by up to 20 degrees (one in eight by a further multiple of 90), seen
    from up to 0.1 of its side askew, stretched by up to 0.15, from 0.45 to 1.2 of the image in
    view; one in five lies small in another image, down to a third of its width. A studio
    image loses its plain ground to another image two times in three. Then brightness 0.65 to
    1.35 (one in ten down to 0.3), contrast and saturation by 0.35, colour temperature by 0.12,
    and each with a probability of its own: blur, noise, JPEG blocks, a rectangle that hides a part.

    Args:
        photo: uint8 [s, s, 3].
        backdrop: Another image, of the same shape, for what lies behind.
        generator: All randomness comes from it.
        side: Side of the result, pixels.
        strength: Factor on every range and probability; 0 gives the photo, only shrunk.
        flip: Mirror every second view left and right.
        colour: Factor on the ranges of saturation and colour temperature.

    Returns:
        uint8 [side, side, 3].
    """
    if strength <= 0:
        small = Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR)
        if flip and generator.random() < 0.5:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.array(small)
    # Each effect happens where its draw is below its probability.
    draws = generator.random(8) / strength
    view = _framed(photo, backdrop, generator, draws, side, strength, flip)
    if draws[2] < 0.2:
        view = cv2.GaussianBlur(view, (0, 0), generator.uniform(0.4, 1.8) * side / 160)
    pixels = _lit(view, generator, draws[3] < 0.1, strength=strength, colour=colour)
    if draws[4] < 0.15:
        noise = generator.standard_normal((side, side, 1), np.float32)
        noisy = pixels + noise * np.float32(generator.uniform(2, 12))
        pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    if draws[5] < 0.4:
        _hide(pixels, backdrop, generator)
    return _blocky(pixels, generator) if draws[6] < 0.15 else pixels


def _framed(
    photo: Pixels,
    backdrop: Pixels,
    generator: np.random.Generator,
    draws: NDArray[np.float64],
    side: int,
    strength: float,
    flip: bool,
) -> Pixels:
    """Where the camera stands: one projective warp, over a backdrop where the photo ends."""
    size = len(photo)
    small = draws[0] < 0.2
    if small:
        scale = generator.uniform(1.3, 1.0 + 2.0 * min(strength, 1.0))
        room = (scale - 1) / 2
    else:
        scale = math.exp(generator.uniform(math.log(1 - 0.55 * min(strength, 1.5)), 0.18))
        room = abs(1 - scale) / 2 + 0.06 * strength
    middle = 0.5 + generator.uniform(-room, room, 2)
    angle = math.radians(generator.uniform(-20, 20) * strength)
    if draws[1] < 0.125:
        angle += math.pi / 2 * int(generator.integers(1, 4))
    stretch = math.exp(generator.uniform(-0.15, 0.15) * strength / 2)
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [
        scale * stretch / 2,
        scale / stretch / 2,
    ]
    half = half + generator.uniform(-0.1, 0.1, (4, 2)) * strength * min(scale, 1.0)
    if flip and generator.random() < 0.5:
        half = half[[1, 0, 3, 2]]
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners = middle + half @ turn
    cover = studio_cover(photo) if draws[7] < 0.67 else None
    plain = cover is None and not small
    seen = [(float(x), float(y)) for x, y in corners * size]
    # A photo goes on beyond its edge as its mirror image; a cut-out and a small image end.
    view = _warp(photo, seen, side, cv2.BORDER_REFLECT_101)
    if plain:
        return view
    mask = np.full((size, size), 255, np.uint8) if cover is None else cover
    alpha = _warp(mask, seen, side, cv2.BORDER_CONSTANT)
    behind = Image.fromarray(backdrop).resize((side, side), Image.Resampling.BILINEAR)
    behind = behind.filter(ImageFilter.BoxBlur(generator.uniform(0, 8)))
    return np.array(Image.composite(Image.fromarray(view), behind, Image.fromarray(alpha)))


def _warp(pixels: Pixels, corners: list[tuple[float, float]], side: int, border: int) -> Pixels:
    # Bilinear samples one pixel in each place: shrink first when many fall between two of them.
    spread = max(math.dist(corners[0], corners[1]), math.dist(corners[1], corners[2]))
    if (factor := int(spread / side)) >= 2:
        pixels = np.asarray(Image.fromarray(pixels).reduce(factor))
        corners = [(x / factor, y / factor) for x, y in corners]
    return warp_pixels(pixels, corners, rectangle(side, side), (side, side), border=border)


def studio_cover(photo: Pixels) -> Pixels | None:
    """Where the product is in an image with a plain ground: uint8 [s, s], 255 on the product.

    Ground is what is reached from an edge along a row or column without meeting another colour.

    Returns:
        None when the edge of the image is not of one colour, or nothing would be left.
    """
    rim = np.concatenate([photo[:3], photo[-3:], photo[:, :3], photo[:, -3:]], axis=None)
    channels = np.ascontiguousarray(rim.reshape(-1, 3).T)  # long rows: an eighth of the time
    ground = np.median(channels, axis=1)
    off = np.abs(channels - ground.astype(np.float32)[:, None]).max(axis=0)
    if np.count_nonzero(off > 18) > 0.08 * len(off):
        return None
    like = np.abs(photo.astype(np.int16) - ground.astype(np.int16)).max(axis=2) <= 18
    reached = np.zeros_like(like)
    for axis in (0, 1):
        reached |= np.logical_and.accumulate(like, axis=axis)
        back = np.flip(np.logical_and.accumulate(np.flip(like, axis), axis=axis), axis)
        reached |= back
    if not 0.04 < 1 - reached.mean() < 0.97:
        return None
    soft = Image.fromarray(np.where(reached, 0, 255).astype(np.uint8))
    return np.array(soft.filter(ImageFilter.GaussianBlur(0.8)))


def _lit(
    view: Pixels,
    generator: np.random.Generator,
    dark: bool,
    *,
    strength: float,
    colour: float,
) -> Pixels:
    """Brightness, contrast, saturation and colour temperature as one matrix and one shift."""
    draw = generator.uniform(-1, 1, 5) * strength * np.array([1, colour, 1, colour, colour])
    bright = generator.uniform(0.3, 0.65) if dark else 1 + 0.35 * draw[0]
    saturation, contrast = max(0.0, 1 + 0.35 * draw[1]), max(0.2, 1 + 0.35 * draw[2])
    warmth = np.array([1 + 0.12 * draw[3], 1 + 0.04 * draw[4], 1 - 0.12 * draw[3]])
    mixed = (saturation * np.eye(3) + (1 - saturation) * _GREY) * warmth[:, None]
    shift = sum(cv2.mean(view)) / 3 * bright * (1 - contrast)
    # Not a matrix product of NumPy: that one's threads wait for the training's.
    matrix = np.column_stack([mixed * bright * contrast, np.full(3, shift)])
    lit: Pixels = cv2.transform(view, matrix.astype(np.float32))
    return lit


def _hide(pixels: Pixels, backdrop: Pixels, generator: np.random.Generator) -> None:
    """Cover a rectangle of 0.02 to 0.2 of the image, with a colour or a piece of another."""
    side = len(pixels)
    area, shape = generator.uniform(0.02, 0.2), math.exp(generator.uniform(-0.9, 0.9))
    high, wide = (
        max(1, min(side - 1, round(side * math.sqrt(area * ratio)))) for ratio in (shape, 1 / shape)
    )
    top, left = generator.integers(0, side - high), generator.integers(0, side - wide)
    if generator.random() < 0.5:
        cover: Any = generator.uniform(0, 255, 3)
    else:
        cover = backdrop[:high, :wide] if len(backdrop) >= side else backdrop.mean((0, 1))
    pixels[top : top + high, left : left + wide] = cover


def _blocky(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(generator.integers(15, 60)))
    return np.array(Image.open(file))
