"""The studio picture: the pack alone on a light sweep, as a shop's web page shows it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shelflens_train.synthetic.packs.pack import cut_out
from shelflens_train.synthetic.product import SyntheticProduct

FILLS = 0.84
"""Share of the frame the pack fills, by height or by width."""


@lru_cache(maxsize=8)
def _sweep(size: int) -> Image.Image:
    """Returns the empty backdrop: white, and a trace of grey where the floor begins."""
    y = np.linspace(0, 1, size)[:, None]
    x = np.linspace(-1, 1, size)[None, :]
    light = 254 - 8 * np.clip((y - 0.62) / 0.38, 0, 1) - 3 * x**2
    pixels = np.dstack([light, light - 0.4, light - 1.2])
    return Image.fromarray(pixels.round().astype(np.uint8))


def studio_image(product: SyntheticProduct, *, size: int = 400) -> Image.Image:
    """Draws the product on a light backdrop with a soft shadow.

    Args:
        product: What to draw.
        size: Side of the picture, pixels.

    Returns:
        RGB, ``size`` by ``size``.

    Raises:
        ValueError: If ``size`` is not 32 to 2000.
    """
    if not 32 <= size <= 2000:
        raise ValueError(f"size must be 32 to 2000 pixels, got {size}")
    pack = cut_out(product)
    scale = FILLS * size / max(pack.width, pack.height)
    shape = (max(1, round(pack.width * scale)), max(1, round(pack.height * scale)))
    pack = pack.resize(shape, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    x, y = (size - pack.width) // 2, round((size - pack.height) * 0.5)
    picture = _sweep(size).copy()
    shadow = Image.new("L", (size // 2, size // 2))
    draw = ImageDraw.Draw(shadow)
    left, right, floor = x / 2, (x + pack.width) / 2, (y + pack.height) / 2
    wide, unit = right - left, size / 400
    draw.ellipse(
        (left - wide * 0.02, floor - 9 * unit, right + wide * 0.1, floor + 5 * unit), fill=70
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(6 * unit))
    draw = ImageDraw.Draw(shadow)
    draw.ellipse(
        (left + wide * 0.05, floor - 4 * unit, right - wide * 0.03, floor + 1.5 * unit), fill=120
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(1.6 * unit)).resize((size, size))
    picture.paste((62, 58, 70), (0, 0), shadow)
    picture.paste(pack, (x, y), pack)
    return picture
