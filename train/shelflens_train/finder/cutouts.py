"""Products cut out: by their own alpha, or from a plain ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens import load_image
from shelflens_train.augment import studio_cover

MAX_SIDE = 192
"""Pixels; no scene shows a product larger."""


@dataclass(frozen=True)
class CutOut:
    """One product, cut to its own outline."""

    image: Image.Image
    """RGBA."""
    is_whole: bool
    """No outline was found: the whole picture stands for the product, as on a flat pack."""


def read_cut_out(path: Path) -> CutOut:
    """A picture's product: by its alpha, else by its plain ground, else the picture as it is.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    with Image.open(path) as opened:
        alpha = _alpha(opened)
    pixels = load_image(path)
    shape = _within(pixels.shape[1], pixels.shape[0], MAX_SIDE)
    colour = Image.fromarray(pixels).resize(shape, Image.Resampling.BILINEAR)
    cover = alpha.resize(shape, Image.Resampling.BILINEAR) if alpha else _keyed(colour)
    if cover is None or (box := _box(cover)) is None:
        colour.putalpha(255)
        return CutOut(colour, is_whole=True)
    colour.putalpha(cover)
    return CutOut(colour.crop(box), is_whole=False)


def synthetic_cut_outs(count: int, seed: int) -> Iterable[CutOut]:
    """Rendered products of `shelflens synthesize`, cut out."""
    from shelflens_train.synthetic.assortment import invent_products
    from shelflens_train.synthetic.packs.pack import cut_out

    for product in invent_products(count, seed=seed):
        image = cut_out(product)
        shape = _within(*image.size, MAX_SIDE)
        yield CutOut(image.resize(shape, Image.Resampling.BILINEAR), is_whole=False)


def _alpha(picture: Image.Image) -> Image.Image | None:
    """The alpha of a picture that uses it."""
    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    low, _ = alpha.getextrema()
    return alpha if isinstance(low, int) and low < 128 else None


def _keyed(colour: Image.Image) -> Image.Image | None:
    pixels: NDArray[np.uint8] = np.asarray(colour)
    cover = studio_cover(pixels)
    if cover is None:
        return None
    shown = cover > 127
    edges = (shown[0], shown[-1], shown[:, 0], shown[:, -1])
    # A product that runs out of the picture, or crumbs of a ground that is not quite plain.
    if not 0.03 < shown.mean() < 0.85 or sum(edge.mean() > 0.25 for edge in edges) > 1:
        return None
    return Image.fromarray(cover)


def _box(cover: Image.Image) -> tuple[int, int, int, int] | None:
    return cover.point([255 * (value > 40) for value in range(256)]).getbbox()


def _within(width: int, height: int, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
