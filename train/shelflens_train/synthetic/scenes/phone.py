"""The phone photo: a scene seen through a tilted, hurried, imperfect camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens_train.geometry import rectangle, warp_pixels
from shelflens_train.synthetic.assortment import invent_products
from shelflens_train.synthetic.packs.pack import TALL, cut_out
from shelflens_train.synthetic.product import SyntheticProduct
from shelflens_train.synthetic.scenes.above import above
from shelflens_train.synthetic.scenes.scene import SCENES, Scene
from shelflens_train.synthetic.scenes.shelf import shelf
from shelflens_train.synthetic.scenes.stage import Stage

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
GRAIN_SIDE = 800


@lru_cache(maxsize=1)
def _passers_by() -> tuple[SyntheticProduct, ...]:
    """Returns products of no store, to fill shelves when the caller names no neighbours."""
    return tuple(invent_products(14, seed=0xFACADE))


def phone_photo(
    product: SyntheticProduct, *, seed: int, neighbours: Sequence[SyntheticProduct] = ()
) -> Image.Image:
    """Draws a photo of the product as a shopper would take it.

    Args:
        product: What the photo is of; always whole or nearly so, and in front.
        seed: Any integer from 0; the same seed gives the same photo.
        neighbours: Products to stand around it; some of no store when empty.

    Returns:
        RGB, 480 wide by 640 high, one in six 640 by 480.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    identity = [ord(letter) for letter in product.id]
    rng = np.random.default_rng([seed, *identity])
    frame = (640, 480) if rng.random() < 1 / 6 else (480, 640)
    around = [neighbour for neighbour in neighbours if neighbour.family != product.family]
    corners = _aim(frame, rng)
    # The scene is painted just so much larger than the frame that a turned camera sees no edge.
    size = tuple(2 * math.ceil(max(abs(corner[k]) for corner in corners) + 2) for k in (0, 1))
    stage, scene = _set_up(product, around or list(_passers_by()), frame, (size[0], size[1]), rng)
    picture = _view(scene(stage), frame, corners)
    return _expose(_shake(picture, rng), rng)


def _set_up(
    product: SyntheticProduct,
    neighbours: Sequence[SyntheticProduct],
    frame: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Stage, Scene]:
    """Chooses the scene, how large the product is in the frame and where it stands."""
    w, h = size
    weights = np.array([weight for _, weight in SCENES])
    scene = SCENES[int(rng.choice(len(SCENES), p=weights / weights.sum()))][0]
    pack = cut_out(product)
    # Squat packs are limited by the frame's width, tall ones by its height.
    high = min(0.9, 0.86 * frame[0] / frame[1] * pack.height / pack.width)
    low = min(0.45, 0.75 * high) if TALL[product.design.kind] > 0.4 else 0.6 * high
    if scene is shelf or frame[0] > frame[1]:
        low = max(low, 0.78 * high)
    tall = round(frame[1] * float(rng.uniform(low, high)))
    wide = tall * pack.width / pack.height
    free_x, free_y = max(0.0, frame[0] - wide) / 2, max(0.0, frame[1] - tall) / 2
    # On a shelf full of products the one that is meant stands near the middle, and large.
    stray = 0.4 if scene is shelf else 0.75
    x = w / 2 + float(rng.uniform(-stray, stray)) * free_x
    y = h / 2 + float(rng.uniform(-0.7, 0.7)) * free_y + (0 if scene is above else tall / 2)
    return Stage(product, neighbours, w, h, tall, round(x), round(y), rng), scene


def _aim(frame: tuple[int, int], rng: np.random.Generator) -> list[tuple[float, float]]:
    """Returns the frame's corners in the scene, around its centre: rolled, and tilted both ways."""
    roll = math.radians(float(np.clip(rng.normal(0, 5), -12, 12)))
    yaw, pitch = float(rng.uniform(-0.075, 0.075)), float(rng.uniform(-0.075, 0.075))
    corners = []
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x = sx * frame[0] / 2 * (1 + pitch * sy)
        y = sy * frame[1] / 2 * (1 + yaw * sx)
        corners.append(
            (x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll))
        )
    return corners


def _view(scene: Image.Image, frame: tuple[int, int], corners: list[tuple[float, float]]) -> Pixels:
    """Returns what the camera sees of the scene, uint8 [h, w, 3]."""
    corners = [(scene.width / 2 + x, scene.height / 2 + y) for x, y in corners]
    return warp_pixels(np.asarray(scene), corners, rectangle(*frame), frame)


def _shake(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Returns the picture a little out of focus, and one in five a little moved."""
    radius = float(rng.gamma(2.0, 0.28))
    if radius > 0.25:  # less is not seen
        picture = cv2.GaussianBlur(picture, (0, 0), radius)
    if rng.random() < 0.2:
        reach, angle = float(rng.uniform(2, 6)), float(rng.uniform(0, math.pi))
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        for share in (0.5, 0.25):
            way = np.array([[1, 0, -dx * share], [0, 1, -dy * share]])
            moved = cv2.warpAffine(picture, way, picture.shape[1::-1])
            picture = cv2.addWeighted(picture, 0.5, moved, 0.5, 0)
    return picture


def _expose(picture: Pixels, rng: np.random.Generator) -> Image.Image:
    """Returns the picture in the light of the place: colour, fall-off, glare, noise."""
    h, w = picture.shape[:2]
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    angle, slope = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.03, 0.22))
    light = 1 + slope * (x * math.cos(angle) + y * math.sin(angle))
    light -= float(rng.uniform(0.05, 0.22)) * (x * x + y * y) * 0.6
    if rng.random() < 0.3:
        # Somebody's shadow, or a beam of sun: a soft edge across the frame.
        edge = x * math.cos(angle * 1.7) + y * math.sin(angle * 1.7) - float(rng.uniform(-0.5, 0.5))
        light *= 1 - float(rng.uniform(0.12, 0.34)) / (
            1 + np.exp(-edge * float(rng.uniform(6, 22)))
        )
    light *= float(rng.uniform(0.84, 1.16))
    warm = float(rng.normal(0, 0.06))
    tint = float(rng.normal(0, 0.018))
    gains = np.array([1 + warm, 1 - tint, 1 - 1.1 * warm], np.float32)
    glare = 255 * _glare(x, y, rng) if rng.random() < 0.3 else None
    strength = np.float32(rng.gamma(2.0, 1.4))
    top, left = (int(rng.integers(GRAIN_SIDE - side)) for side in (h, w))
    grain = _grain()[:, top : top + h, left : left + w]
    # The phone's own contrast curve: lifted blacks and an S through the middle.
    value = np.linspace(0, 1, 256)
    value = value * (1 - (lift := float(rng.uniform(0.0, 0.045)))) + lift
    value += float(rng.uniform(-0.2, 0.5)) * value * (1 - value) * (2 * value - 1)
    curve = (value * 255).round().clip(0, 255).astype(np.uint8)
    seen = []
    # Long rows of one channel are fast.
    for channel, gain, noise in zip(cv2.split(picture), gains, grain, strict=True):
        pixels = channel * (light * gain)
        if glare is not None:
            pixels += glare
        pixels += noise * strength
        seen.append(cv2.LUT(pixels.clip(0, 255, out=pixels).astype(np.uint8), curve))
    return Image.fromarray(cv2.merge(seen))


@lru_cache(maxsize=1)
def _grain() -> Floats:
    """Returns sensor noise [3, side, side] of about unit strength, cropped anew for each photo."""
    rng = np.random.default_rng(0x6EA1)
    # Sensors see colour coarser than light: the colour noise comes in patches of 4 by 4 pixels.
    colour = rng.standard_normal((GRAIN_SIDE // 4, GRAIN_SIDE // 4, 3), dtype=np.float32) * 0.5
    light = rng.standard_normal((GRAIN_SIDE, GRAIN_SIDE, 1), dtype=np.float32)
    grain = light + colour.repeat(4, axis=0).repeat(4, axis=1)
    return np.ascontiguousarray(grain.transpose(2, 0, 1))


def _glare(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Returns the light a lamp's reflection adds: a soft streak somewhere near the middle."""
    cx, cy = float(rng.uniform(-0.45, 0.45)), float(rng.uniform(-0.5, 0.3))
    lean = float(rng.uniform(0, math.pi))
    u = (x - cx) * math.cos(lean) + (y - cy) * math.sin(lean)
    v = (y - cy) * math.cos(lean) - (x - cx) * math.sin(lean)
    long, short = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.05, 0.14))
    streak = np.exp(-((u / long) ** 2) - (v / short) ** 2)
    return (float(rng.uniform(0.12, 0.42)) * streak).astype(np.float32)
