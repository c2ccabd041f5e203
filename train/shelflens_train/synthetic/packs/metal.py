"""Metal packs: drinks cans, food cans, tins and flat fish cans."""

from __future__ import annotations

from PIL import Image, ImageDraw

from shelflens_train.synthetic.colour import darker, lighter, luminance, mix
from shelflens_train.synthetic.layouts.artwork import artwork, squeezed
from shelflens_train.synthetic.packs.bottles import ROUND, STEEL, rounded
from shelflens_train.synthetic.packs.turned import Turned
from shelflens_train.synthetic.product import SyntheticProduct


def can(product: SyntheticProduct) -> Image.Image:
    h, r = 700, 178
    solid = Turned(
        h,
        rounded(
            (0, r * 0.84),
            (16, r * 0.84),
            (22, r * 0.82),
            (70, r),
            (648, r),
            (690, r * 0.86),
            (h, r * 0.8),
            soften=8,
            height=h,
        ),
        0.11,
    )
    solid.wrap(0, h, STEEL, gloss=0.7, metal=1)
    solid.wrap(26, 676, artwork(product, 560, 650, safe=ROUND + 0.04), gloss=0.55, metal=0.35)
    solid.rings([20, 678], 0.3)
    solid.lid(STEEL, rim=lighter(STEEL, 0.5), tab=lighter(STEEL, 0.25))
    return solid.render()


def soup(product: SyntheticProduct) -> Image.Image:
    h, r = 600, 214
    solid = Turned(
        h,
        rounded(
            (0, r * 1.0),
            (14, r * 1.0),
            (18, r * 0.965),
            (580, r * 0.965),
            (586, r),
            (h, r),
            soften=3,
            height=h,
        ),
        0.13,
    )
    solid.wrap(0, h, STEEL, gloss=0.7, metal=1)
    solid.wrap(44, 562, artwork(product, 660, 518, safe=ROUND), gloss=0.1)
    solid.rings([18, 36, 572], 0.35)
    solid.lid(STEEL, rim=lighter(STEEL, 0.4), tab=lighter(STEEL, 0.3))
    return solid.render()


def tin(product: SyntheticProduct) -> Image.Image:
    h, r = 620, 208
    design = product.design
    lid = design.ink if luminance(design.ground) > 0.35 else design.spark
    solid = Turned(
        h,
        rounded(
            (0, r * 0.98),
            (8, r),
            (92, r),
            (96, r * 0.965),
            (600, r * 0.965),
            (h, r * 0.95),
            soften=3,
            height=h,
        ),
        0.12,
    )
    solid.wrap(0, h, artwork(product, 650, h, safe=ROUND), gloss=0.4, metal=0.25)
    solid.wrap(96, h - 10, artwork(product, 650, h - 106, safe=ROUND), gloss=0.4, metal=0.25)
    solid.wrap(0, 94, lid, gloss=0.5, metal=0.3)
    solid.wrap(h - 10, h, darker(lid, 0.1), gloss=0.5, metal=0.4)
    solid.rings([84, 96, h - 12], 0.25)
    solid.lid(lid, rim=lighter(lid, 0.18))
    return solid.render()


def flatcan(product: SyntheticProduct) -> Image.Image:
    h, r = 190, 320
    solid = Turned(
        h,
        rounded(
            (0, r),
            (10, r),
            (16, r * 0.975),
            (172, r * 0.975),
            (180, r * 0.96),
            (h, r * 0.93),
            soften=4,
            height=h,
        ),
        0.72,
    )
    solid.wrap(0, h, STEEL, gloss=0.6, metal=1)
    ground = product.design.ground
    solid.wrap(22, 168, mix(product.accent, ground, 0.3), gloss=0.4, metal=0.3)
    solid.rings([16, 172], 0.3)
    disc = Image.new("RGB", (620, 620), STEEL)
    art = squeezed(product, artwork(product, 540, 440, safe=0.68).resize((540, 540)), 0.11, 0.09)
    mask = Image.new("L", (540 * 2, 540 * 2))
    pen = ImageDraw.Draw(disc)
    pen.ellipse((0, 0, 619, 619), fill=lighter(STEEL, 0.55))
    pen.ellipse((16, 16, 603, 603), fill=darker(STEEL, 0.2))
    pen.ellipse((26, 30, 593, 601), fill=STEEL)
    ImageDraw.Draw(mask).ellipse((0, 0, 1079, 1079), fill=255)
    disc.paste(art, (40, 40), mask.reduce(2))
    pen.ellipse((250, 548, 370, 606), outline=darker(STEEL, 0.25), width=12)
    solid.top = disc
    return solid.render()
