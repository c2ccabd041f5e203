"""Scenes with exact masks: products laid on a background, one, several, or shelves of them.

Cut, paste and learn (Dwibedi, Misra and Hebert, ICCV 2017): what a photo of a shop has besides its
products comes with it, unlabelled: hands, pieces of other things with an outline of their own, and
shadows, so that an outline alone does not make a product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from shelflens_train.finder.camera import as_photographed
from shelflens_train.finder.cutouts import CutOut
from shelflens_train.geometry import rectangle, warp

Pixels = NDArray[np.uint8]

ALONE, SEVERAL, SHELF = 0.36, 0.34, 0.24
"""Shares of the scenes; the rest shows no product."""
HELD = 0.06
"""Share of the scenes in which a hand holds a product in front of a shelf; part of `SHELF`."""
STRETCHES = (0.75, 1.0, 1.33)
"""Width by height of what a square shows: a finder sees photos stretched to a square."""
WHOLE_SHARE = 0.15
"""How often a product is a whole picture."""


@dataclass
class Scene:
    """A picture, and which product each pixel shows."""

    pixels: Pixels
    """uint8 [s, s, 3]."""
    owners: NDArray[np.uint8]
    """[s, s]: 0 for background, else 1 and up, a number for each product."""
    areas: list[int]
    """Of each product, pixels, what hides it disregarded."""


class Props:
    """What scenes are made of.

    Args:
        cut_outs: The products.
        backgrounds: RGB pictures that show none of them.
        outlined: Photos in which products were outlined (`outlined`).
    """

    def __init__(
        self,
        cut_outs: Sequence[CutOut],
        backgrounds: Sequence[Image.Image],
        outlined: Sequence[Scene] = (),
    ) -> None:
        self.outlined = outlined
        self._outlined = [each.image for each in cut_outs if not each.is_whole]
        self._whole = [each.image for each in cut_outs if each.is_whole]
        self._backgrounds = backgrounds

    def product(self, rng: np.random.Generator) -> Image.Image:
        """One product, RGBA."""
        whole = self._whole and (not self._outlined or rng.random() < WHOLE_SHARE)
        choice = self._whole if whole else self._outlined
        return choice[int(rng.integers(len(choice)))]

    def background(self, rng: np.random.Generator, side: int) -> Image.Image:
        """A part of a background, or one colour with a gradient, RGB [side, side]."""
        if not self._backgrounds or rng.random() < 0.15:
            return _plain(rng, side)
        image = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        share = float(rng.uniform(0.25, 1.0))
        size = [max(8, int(length * share)) for length in image.size]
        left, top = (int(rng.integers(0, b - a + 1)) for a, b in zip(size, image.size, strict=True))
        part = image.crop((left, top, left + size[0], top + size[1])).resize((side, side))
        if rng.random() < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.45:
            part = part.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 6)) * side / 160))
        return part


def make_scene(props: Props, rng: np.random.Generator, side: int) -> Scene:
    """One scene.

    Args:
        props: Products and backgrounds.
        rng: All chance comes from it.
        side: Of the picture, pixels.
    """
    scene = _Canvas(props.background(rng, side), stretch=float(rng.choice(STRETCHES)))
    draw = rng.random()
    for _ in range(int(rng.integers(0, 3))):
        if rng.random() < 0.5:
            _clutter(scene, props, rng)
    if draw < ALONE:
        _one(scene, props, rng)
    elif draw < ALONE + SEVERAL:
        _several(scene, props, rng)
    elif draw < ALONE + SEVERAL + SHELF:
        _shelf(scene, props, rng)
    is_held = ALONE + SEVERAL <= draw < ALONE + SEVERAL + HELD
    if is_held:
        _one(scene, props, rng, smallest=0.5)
    if is_held or (draw < ALONE + SEVERAL and rng.random() < 0.3):
        _hand(scene, rng, only=len(scene.areas) if is_held else 0)
    pixels = as_photographed(scene.image, rng)
    return Scene(pixels, scene.owners, scene.areas)


class _Canvas:
    def __init__(self, background: Image.Image, *, stretch: float) -> None:
        self.image = background
        self.side = background.width
        self.stretch = stretch
        self.owners = np.zeros((self.side, self.side), np.uint8)
        self.areas: list[int] = []

    def lay(self, thing: Image.Image, left: int, top: int, *, shadow: float = 0.0) -> None:
        """A product, in front of everything else."""
        alpha = Image.new("L", self.image.size)
        alpha.paste(thing.getchannel("A"), (left, top))
        if shadow:
            _shade(self.image, alpha, shadow)
        self.image.paste(thing, (left, top), thing)
        shown = np.asarray(alpha) > 127
        self.areas.append(int(shown.sum()))
        self.owners[shown] = len(self.areas)

    def cover(self, image: Image.Image, mask: Image.Image) -> None:
        """Something that is no product, in front of everything else."""
        self.image.paste(image, (0, 0), mask)
        self.owners[np.asarray(mask) > 127] = 0


def _one(scene: _Canvas, props: Props, rng: np.random.Generator, *, smallest: float = 0.22) -> None:
    longest = float(rng.uniform(smallest, 1.0)) * scene.side
    thing = _varied(props.product(rng), longest, scene.stretch, rng)
    left, top = (
        round(float(rng.uniform(-0.05, 1.05)) * (scene.side - length)) for length in thing.size
    )
    scene.lay(thing, left, top, shadow=_shadow(rng))


def _several(scene: _Canvas, props: Props, rng: np.random.Generator) -> None:
    count = int(rng.integers(2, 7))
    around = 0.9 / math.sqrt(count)
    for _ in range(count):
        longest = float(rng.uniform(0.5, 1.15)) * around * scene.side
        thing = _varied(props.product(rng), longest, scene.stretch, rng)
        for _ in range(8):
            left, top = (int(rng.integers(0, max(1, scene.side - size))) for size in thing.size)
            hidden = scene.owners[top : top + thing.height, left : left + thing.width] > 0
            if hidden.size == 0 or hidden.mean() < 0.12:
                scene.lay(thing, left, top, shadow=_shadow(rng))
                break


def _shelf(scene: _Canvas, props: Props, rng: np.random.Generator) -> None:
    """Rows of facings; each product stands once to four times side by side."""
    rows = int(rng.integers(1, 4))
    high = scene.side / rows
    wood = tuple(int(value) for value in rng.integers(30, 240, 3))
    start = float(rng.uniform(-0.2, 0.1)) * high
    gap = float(rng.uniform(-0.02, 0.12)) * high
    for row in range(rows + 1):
        foot = round(start + (row + 1) * high)
        board = round(high * float(rng.uniform(0.03, 0.12)))
        ImageDraw.Draw(scene.image).rectangle((0, foot, scene.side, foot + board), fill=wood)
        left = float(rng.uniform(-0.3, 0.2)) * high
        while left < scene.side:
            tall = high * float(rng.uniform(0.55, 0.9))
            product = props.product(rng)
            scale = tall / product.height
            shape = (max(2, round(product.width * scale / scene.stretch)), max(2, round(tall)))
            if shape[0] > 1.4 * high or shape[0] < 3:
                continue
            facing = product.resize(shape, Image.Resampling.BILINEAR)
            for _ in range(int(rng.integers(1, 5))):
                seen = _relit(facing, rng, 0.1)
                scene.lay(seen, round(left), foot - shape[1])
                left += shape[0] + gap + float(rng.uniform(0, 0.03)) * high
            if rng.random() < 0.15:
                left += float(rng.uniform(0.2, 1.0)) * high


def _varied(
    product: Image.Image, longest: float, stretch: float, rng: np.random.Generator
) -> Image.Image:
    """A product turned, seen askew, lit, with its longer side at a length, stretched."""
    if rng.random() < 0.5:
        width, height = product.size
        jitter = (
            rng.uniform(0, 0.12, (4, 2)) * (width, height) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        )
        corners = [(float(x), float(y)) for x, y in rectangle(width, height) + jitter]
        product = warp(product, rectangle(width, height), corners, product.size)
    draw = rng.random()
    limit = 180 if draw < 0.15 else 25 if draw < 0.75 else 0
    if limit:
        angle = float(rng.uniform(-limit, limit))
        product = product.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    product = product.crop(product.getchannel("A").getbbox() or (0, 0, *product.size))
    scale = longest / max(product.width / stretch, product.height)
    shape = (
        max(3, round(product.width * scale / stretch)),
        max(3, round(product.height * scale)),
    )
    return _relit(product.resize(shape, Image.Resampling.BILINEAR), rng, 0.35)


def _relit(product: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    bright = 1 + float(rng.uniform(-1, 0.6)) * strength
    table = [min(255, round(value * bright)) for value in range(256)]
    return product.point([*table * 3, *range(256)])


def _shadow(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.15, 0.7)) if rng.random() < 0.7 else 0.0


def _shade(image: Image.Image, alpha: Image.Image, depth: float) -> None:
    """The product's outline, moved and blurred, darkens what is behind."""
    side = image.width
    moved = ImageChops.offset(alpha, round(side * 0.015), round(side * 0.03))
    soft = moved.filter(ImageFilter.GaussianBlur(side * 0.025))
    image.paste((10, 9, 12), (0, 0), soft.point([round(value * depth) for value in range(256)]))


def _clutter(scene: _Canvas, props: Props, rng: np.random.Generator) -> None:
    """A piece of another background with an outline of its own."""
    mask = Image.new("L", scene.image.size)
    size = float(rng.uniform(0.05, 0.3)) * scene.side
    middle = rng.uniform(0, scene.side, 2)
    angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 9))))
    reach = size * rng.uniform(0.5, 1.2, len(angles))
    points = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points], fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 3))))
    scene.cover(props.background(rng, scene.side), mask)


def _hand(scene: _Canvas, rng: np.random.Generator, *, only: int = 0) -> None:
    """Four fingers from an edge of the picture over the edge of a product, of any or `only` it."""
    rows, columns = np.nonzero(scene.owners == only if only else scene.owners)
    if not len(rows):
        return
    pick = int(rng.integers(len(rows)))
    tip = np.array([columns[pick], rows[pick]], float)
    angle = float(rng.uniform(0, 2 * math.pi))
    way = np.array([math.cos(angle), math.sin(angle)])
    thick = float(rng.uniform(0.05, 0.09)) * scene.side
    across = np.array([-way[1], way[0]]) * thick * 1.05
    mask = Image.new("L", scene.image.size)
    draw = ImageDraw.Draw(mask)
    for finger in range(-1, 3):
        end = tip + across * finger + way * thick * float(rng.uniform(0, 1.5))
        start = end + way * scene.side * 1.5
        draw.line([tuple(start), tuple(end)], fill=255, width=round(thick))
        draw.ellipse((*(end - thick / 2), *(end + thick / 2)), fill=255)
    tone = np.array([224, 172, 140]) * float(rng.uniform(0.35, 1.1)) + rng.uniform(-12, 12, 3)
    skin = Image.new("RGB", scene.image.size, tuple(int(v) for v in np.clip(tone, 0, 255)))
    lines = mask.filter(ImageFilter.GaussianBlur(thick / 4)).point(
        [round(160 * (1 - value / 255)) for value in range(256)]
    )
    skin.paste((60, 30, 25), (0, 0), lines)
    scene.cover(skin, mask.filter(ImageFilter.GaussianBlur(0.7)))


def _plain(rng: np.random.Generator, side: int) -> Image.Image:
    """One colour, lighter on one side."""
    low, high = rng.uniform(0, 255, 3), rng.uniform(-60, 60)
    slope = np.linspace(0, 1, side)[:, None, None] * high
    pixels = np.broadcast_to(low + slope, (side, side, 3))
    if rng.random() < 0.5:
        pixels = pixels.transpose(1, 0, 2)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
