"""Packs: from a product to its picture cut out, one function per kind of packaging."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from shelflens_train.synthetic.layouts.artwork import artwork, squeezed
from shelflens_train.synthetic.packs import bottles, folded, metal, soft
from shelflens_train.synthetic.product import SyntheticProduct

Pack = Callable[[SyntheticProduct], Image.Image]


def carton(product: SyntheticProduct) -> Image.Image:
    return folded.carton(product, artwork(product, 330, 560), 270)


def box(product: SyntheticProduct) -> Image.Image:
    wide = product.words in ("Crackers", "Cookies")
    size = (560, 440) if wide else (480, 680)
    return folded.box(product, artwork(product, *size), 140)


def teabox(product: SyntheticProduct) -> Image.Image:
    return folded.box(product, artwork(product, 520, 430), 230, pitch=13)


def bar(product: SyntheticProduct) -> Image.Image:
    return folded.box(product, artwork(product, 350, 730), 34, pitch=4)


def pouch(product: SyntheticProduct) -> Image.Image:
    gloss = 0.5 if product.design.detail % 2 else 0.12
    art = artwork(product, 540, 720, safe=0.8)
    return soft.pouch(
        squeezed(product, art, 0.12),
        ground=product.design.ground,
        detail=product.design.detail,
        gloss=gloss,
    )


def bag(product: SyntheticProduct) -> Image.Image:
    return soft.bag(
        artwork(product, 430, 740, safe=0.86),
        ground=product.design.ground,
        detail=product.design.detail,
        gloss=0.2,
    )


def pillow(product: SyntheticProduct) -> Image.Image:
    art = squeezed(product, artwork(product, 540, 740, safe=0.8), 0.06, 0.06)
    return soft.pillow(art, ground=product.design.ground, detail=product.design.detail, gloss=0.55)


PACKS: dict[str, Pack] = {
    pack.__name__: pack
    for pack in (
        metal.can,
        metal.soup,
        metal.tin,
        metal.flatcan,
        bottles.jar,
        bottles.bottle,
        bottles.oil,
        bottles.flask,
        bottles.cup,
        bottles.tube,
        carton,
        box,
        teabox,
        bar,
        pouch,
        bag,
        pillow,
    )
}

TALL: dict[str, float] = {
    "can": 0.56,
    "soup": 0.5,
    "tin": 0.62,
    "flatcan": 0.3,
    "jar": 0.5,
    "bottle": 0.95,
    "oil": 1.1,
    "flask": 0.85,
    "cup": 0.38,
    "tube": 0.68,
    "carton": 0.95,
    "box": 1.0,
    "teabox": 0.5,
    "bar": 0.66,
    "pouch": 0.85,
    "bag": 0.85,
    "pillow": 0.95,
}

"""How tall each kind stands on a shelf, relative to a cereal box."""


@lru_cache(maxsize=256)
def cut_out(product: SyntheticProduct) -> Image.Image:
    """Returns the product cut out, RGBA, about 750 pixels tall, tight around it. Read only."""
    image = PACKS[product.design.kind](product)
    return image.crop(image.getchannel("A").getbbox())


@lru_cache(maxsize=512)
def premultiplied(product: SyntheticProduct, less: int) -> Image.Image:
    """Returns the cut-out reduced ``less`` times, RGBa as Pillow resizes it. Read only."""
    pack = cut_out(product)
    return (pack.reduce(less) if less > 1 else pack).convert("RGBa")
