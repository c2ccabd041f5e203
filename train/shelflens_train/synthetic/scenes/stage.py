"""What scenes are painted with: a stage to put packs on, shadows, and blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shelflens_train.synthetic.packs.pack import cut_out, premultiplied
from shelflens_train.synthetic.product import SyntheticProduct


@dataclass
class Stage:
    """What a scene is painted from.

    Attributes:
        product: The product the photo is of.
        neighbours: Products that may stand around it.
        width: Of the canvas, pixels.
        height: Of the canvas, pixels.
        tall: Height of the product, pixels.
        x: Where its centre stands.
        y: Where its foot stands (its centre, when it lies).
        rng: The photo's own randomness.
    """

    product: SyntheticProduct
    neighbours: Sequence[SyntheticProduct]
    width: int
    height: int
    tall: int
    x: int
    y: int
    rng: np.random.Generator

    def neighbour(self) -> SyntheticProduct:
        """Returns one of the neighbours, at random."""
        return self.neighbours[int(self.rng.integers(len(self.neighbours)))]


def sized(product: SyntheticProduct, tall: float) -> Image.Image:
    pack = cut_out(product)
    shape = (max(2, round(pack.width * tall / pack.height)), max(2, round(tall)))
    if shape == pack.size:
        return pack
    less = min(max(1, int(pack.height / tall)), 8)
    return premultiplied(product, less).resize(shape, Image.Resampling.BILINEAR).convert("RGBA")


def soften(image: Image.Image, radius: float) -> Image.Image:
    """Returns the picture blurred; large blurs are made small, which is fast and looks the same."""
    if radius < 3:
        return image.filter(ImageFilter.GaussianBlur(radius))
    less = max(2, round(radius / 2))
    small = image.reduce(less).filter(ImageFilter.GaussianBlur(radius / less))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def shade(canvas: Image.Image, mask: Image.Image, corner: tuple[int, int], depth: float) -> None:
    """Darkens the canvas where the mask (mode L) says, up to ``depth`` 0..1."""
    canvas.paste((16, 13, 22), corner, mask.point([round(value * depth) for value in range(256)]))


def contact(canvas: Image.Image, pack: Image.Image, x: int, foot: int, depth: float) -> None:
    """Darkens the ground right under a standing pack."""
    wide, high = pack.width // 4, max(3, pack.width // 30)
    mask = Image.new("L", (wide + 16, high + 12))
    ImageDraw.Draw(mask).ellipse((9, 6, mask.width - 9, mask.height - 6), fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(2.4)).resize((mask.width * 4, mask.height * 4))
    shade(canvas, mask, (x - mask.width // 2, foot - round(mask.height * 0.6)), depth)


def stand(canvas: Image.Image, pack: Image.Image, x: int, foot: int, *, depth: float = 0.7) -> None:
    """Stands a pack on the ground with its contact shadow."""
    contact(canvas, pack, x, foot, depth)
    canvas.paste(pack, (x - pack.width // 2, foot - pack.height), pack)


def halo(pack: Image.Image, radius: float) -> Image.Image:
    """Returns the pack's outline blurred, for the shadow it throws right behind itself."""
    alpha = pack.getchannel("A")
    room = Image.new("L", (alpha.width + 44, alpha.height + 44))
    room.paste(alpha, (22, 22))
    return soften(room, radius)
