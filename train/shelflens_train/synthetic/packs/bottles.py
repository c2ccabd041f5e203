"""Round packs of glass and plastic: each is a profile, what its rows are made of, and a lid."""

from __future__ import annotations

import numpy as np
from PIL import Image

from shelflens_train.synthetic.colour import Colour, darker, lighter, luminance, mix
from shelflens_train.synthetic.layouts.artwork import artwork
from shelflens_train.synthetic.packs.turned import Turned
from shelflens_train.synthetic.product import SyntheticProduct

GLASS: Colour = (226, 236, 232)

STEEL: Colour = (196, 199, 204)

ROUND = 0.56

"""Share of a round label's visible half that is flat enough to read."""


def rounded(
    *knots: tuple[float, float], soften: int = 10, height: int
) -> list[tuple[float, float]]:
    """Returns a profile with its corners rounded over ``soften`` pixels."""
    ys, radii = zip(*knots, strict=True)
    line = np.interp(np.arange(height), ys, radii)
    kernel = np.hanning(2 * soften + 1)
    padded = np.pad(line, soften, mode="edge")
    line = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return list(enumerate(line.tolist()))


def _liquid(product: SyntheticProduct) -> Colour:
    """Returns the colour of what is inside a clear pack."""
    known: dict[str, Colour] = {
        "Raw Honey": mix((214, 138, 34), product.accent, 0.15),
        "Olive Oil": (172, 158, 52),
        "Peanut Butter": mix((186, 128, 74), darker(product.accent, 0.2), 0.3),
        "Pasta Sauce": mix((176, 44, 28), product.accent, 0.2),
    }
    return known.get(product.words, darker(mix(product.accent, (200, 120, 60), 0.15), 0.08))


def jar(product: SyntheticProduct) -> Image.Image:
    h, r = 560, 216
    design = product.design
    cap = design.spark if design.detail % 3 else design.ink
    if design.detail % 5 == 0:
        cap = (206, 170, 92)
    solid = Turned(
        h,
        rounded(
            (0, r * 0.84),
            (96, r * 0.84),
            (100, r * 0.78),
            (112, r * 0.78),
            (170, r * 0.99),
            (210, r),
            (500, r),
            (h, r * 0.9),
            soften=5,
            height=h,
        ),
        0.12,
    )
    fill = _liquid(product)
    solid.wrap(0, h, fill, gloss=1.0)
    solid.wrap(100, 134, mix(fill, GLASS, 0.7), gloss=1.0)
    solid.wrap(134, 150, lighter(fill, 0.22), gloss=1.0)
    solid.wrap(h - 26, h, mix(fill, GLASS, 0.45), gloss=1.0)
    solid.wrap(196, 508, artwork(product, 680, 312, safe=ROUND + 0.02), gloss=0.12)
    solid.wrap(0, 98, cap, gloss=0.6, metal=0.4)
    solid.ridges(22, 96, 58, 0.16)
    solid.rings([18], 0.2)
    solid.lid(cap, rim=lighter(cap, 0.22))
    return solid.render()


def bottle(product: SyntheticProduct) -> Image.Image:
    h, r = 760, 142
    design = product.design
    cap = design.spark if design.detail % 2 else design.ink
    solid = Turned(
        h,
        rounded(
            (0, r * 0.36),
            (52, r * 0.36),
            (56, r * 0.3),
            (80, r * 0.34),
            (84, r * 0.3),
            (190, r * 0.36),
            (330, r * 0.98),
            (372, r),
            (710, r),
            (h, r * 0.88),
            soften=16,
            height=h,
        ),
        0.08,
    )
    fill = _liquid(product)
    solid.wrap(0, h, fill, gloss=1.0)
    solid.wrap(54, 178, mix(fill, GLASS, 0.72), gloss=1.0)
    solid.wrap(178, 186, lighter(fill, 0.3), gloss=1.0)
    solid.wrap(h - 20, h, mix(fill, GLASS, 0.4), gloss=1.0)
    solid.wrap(372, 704, artwork(product, 446, 332, safe=ROUND + 0.06), gloss=0.12)
    solid.wrap(0, 54, cap, gloss=0.5, metal=0.4)
    solid.ridges(10, 54, 30, 0.2)
    solid.lid(cap)
    return solid.render()


def oil(product: SyntheticProduct) -> Image.Image:
    h, r = 800, 116
    glass: Colour = (46, 62, 40) if product.design.detail % 2 else _liquid(product)
    solid = Turned(
        h,
        rounded(
            (0, r * 0.36),
            (110, r * 0.36),
            (114, r * 0.32),
            (230, r * 0.36),
            (300, r * 0.95),
            (330, r),
            (776, r),
            (h, r * 0.92),
            soften=14,
            height=h,
        ),
        0.07,
    )
    solid.wrap(0, h, glass, gloss=1.0)
    solid.wrap(h - 16, h, mix(glass, GLASS, 0.3), gloss=1.0)
    solid.wrap(346, 740, artwork(product, 364, 394, safe=ROUND + 0.1), gloss=0.1)
    cap = product.design.spark if product.design.detail % 3 else (32, 32, 36)
    solid.wrap(0, 112, cap, gloss=0.5, metal=0.3)
    solid.rings([34, 108], 0.25)
    solid.lid(cap)
    return solid.render()


def flask(product: SyntheticProduct) -> Image.Image:
    h, r = 740, 164
    design = product.design
    cap = design.panel if luminance(design.ground) < 0.4 else mix(design.ink, product.accent, 0.2)
    solid = Turned(
        h,
        rounded(
            (0, r * 0.5),
            (112, r * 0.54),
            (116, r * 0.4),
            (130, r * 0.4),
            (136, r * 0.55),
            (196, r * 0.95),
            (240, r),
            (690, r),
            (h, r * 0.9),
            soften=14,
            height=h,
        ),
        0.06,
    )
    body = mix(design.ground, product.accent, 0.25 if design.detail % 2 else 0.0)
    solid.wrap(0, h, body, gloss=0.5)
    inset = artwork(product, 516, 500, safe=ROUND + 0.1)
    solid.wrap(214, 714, inset, gloss=0.4)
    solid.wrap(0, 114, cap, gloss=0.5)
    solid.rings([108], 0.2)
    solid.lid(cap)
    return solid.render()


def cup(product: SyntheticProduct) -> Image.Image:
    h, r = 430, 250
    design = product.design
    solid = Turned(
        h,
        rounded(
            (0, r),
            (12, r),
            (16, r * 0.93),
            (44, r * 0.925),
            (380, r * 0.77),
            (h, r * 0.72),
            soften=4,
            height=h,
        ),
        0.15,
    )
    solid.wrap(0, h, (250, 249, 246), gloss=0.35)
    solid.wrap(38, h - 18, artwork(product, 690, h - 56, safe=ROUND), gloss=0.35)
    foil = lighter(product.accent, 0.2)
    solid.wrap(0, 14, lighter(STEEL, 0.4), gloss=0.8, metal=0.8)
    solid.rings([16], 0.3)
    size = 500
    lid = artwork(product, size, size, safe=0.6)
    solid.top = Image.blend(
        lid, Image.new("RGB", (size, size), foil), 0.75 if design.detail % 2 else 0.5
    )
    return solid.render()


def tube(product: SyntheticProduct) -> Image.Image:
    h, r = 760, 150
    design = product.design
    cap = design.panel if luminance(design.ground) < 0.5 else design.ink
    solid = Turned(
        h,
        rounded(
            (0, r),
            (40, r),
            (46, r * 0.985),
            (300, r * 0.95),
            (630, r * 0.84),
            (650, r * 0.8),
            (654, r * 0.7),
            (668, r * 0.73),
            (h, r * 0.7),
            soften=6,
            height=h,
        ),
        0.035,
    )
    solid.wrap(0, h, design.ground, gloss=0.3)
    solid.wrap(44, 640, artwork(product, 470, 596, safe=ROUND + 0.1), gloss=0.35)
    solid.wrap(0, 44, mix(design.ground, design.panel, 0.4), gloss=0.15)
    solid.rings([8, 16, 24, 32, 46], 0.12)
    solid.wrap(654, h, cap, gloss=0.5)
    solid.ridges(664, h - 12, 46, 0.14)
    return solid.render()
