"""The printed label of a product, before it is wrapped around anything."""

from __future__ import annotations

from PIL import Image

from shelflens_train.synthetic.layouts.label import Label
from shelflens_train.synthetic.layouts.layout import LAYOUTS
from shelflens_train.synthetic.product import SyntheticProduct


def artwork(
    product: SyntheticProduct, width: int, height: int, *, safe: float = 0.9
) -> Image.Image:
    """Returns the product's label, RGB, ``width`` by ``height``; ``safe`` as in ``Label``."""
    label = Label(product, width, height, safe)
    LAYOUTS[product.design.layout](label)
    return label.image


def squeezed(
    product: SyntheticProduct, art: Image.Image, top: float, bottom: float = 0.0
) -> Image.Image:
    """Returns the artwork squeezed between bands of its own edge colours: room for seals."""
    w, h = art.size
    room = Image.new("RGB", (w, h), product.design.ground)
    y0, y1 = round(top * h), round((1 - bottom) * h)
    room.paste(art.crop((0, 0, w, 1)).resize((w, y0)), (0, 0))
    if bottom:
        room.paste(art.crop((0, h - 1, w, h)).resize((w, h - y1)), (0, y1))
    room.paste(art.resize((w, y1 - y0)), (0, y0))
    return room
