"""Procedural surfaces a product may stand or lie on: wood, stone, tiles, linen."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens_train.synthetic.colour import Colour, darker, lighter, mix, parse
from shelflens_train.synthetic.noise import noise

Floats = NDArray[np.float32]
SIDE = 640
VARIANTS = 4
"""Textures are cached: a few variants of each kind, cropped and lit differently in each photo."""

_WOODS = ("#B98A5A", "#8A5F3E", "#D3B48A", "#5E4333")
_TILES = ("#E9E7E1", "#C9D6D2", "#DCC9B6", "#9FB0B8")
_CLOTHS = ("#D9CDBB", "#B9C2C4", "#EFEAE0", "#8E9A8B")


def _coloured(values: NDArray[Any], low: Colour, high: Colour) -> Image.Image:
    """Returns values 0..1 as a picture between two colours."""
    share = np.clip(values, 0, 1)[..., None]
    pixels = np.array(low, np.float32) * (1 - share) + np.array(high, np.float32) * share
    return Image.fromarray(pixels.astype(np.uint8))


def wood(rng: np.random.Generator, base: Colour) -> Image.Image:
    """Planks with grain that runs across the picture."""
    warp = noise(rng, SIDE, SIDE, 4, 26) * 0.5 + noise(rng, SIDE, SIDE, 9, 130) * 0.35
    fine = noise(rng, SIDE, SIDE, 24, 420) * 0.3
    y = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None]
    rings = 0.5 + 0.5 * np.sin(40 * y + 5.5 * noise(rng, SIDE, SIDE, 3, 7))
    values = 0.45 + 0.22 * warp + 0.22 * fine + 0.16 * rings
    planks = int(rng.integers(3, 6))
    for i in range(planks):
        rows = slice(SIDE * i // planks, SIDE * (i + 1) // planks)
        values[rows] = np.roll(values[rows], int(rng.integers(SIDE)), axis=1) + float(
            rng.uniform(-0.12, 0.12)
        )
        values[rows.start : rows.start + 3] -= 0.45
    return _coloured(values, darker(base, 0.45), lighter(base, 0.3))


def marble(rng: np.random.Generator, base: Colour) -> Image.Image:
    """Pale stone with thin veins."""
    pale = lighter(base, 0.75)
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j].astype(np.float32)
    bends = noise(rng, SIDE, SIDE, 3, 3) + 0.35 * noise(rng, SIDE, SIDE, 9, 9)
    bends += 0.1 * noise(rng, SIDE, SIDE, 34, 34)
    strength = np.clip(noise(rng, SIDE, SIDE, 4, 4) + 0.45, 0, 1)
    veins = np.exp(-np.abs(np.sin(np.pi * (1.6 * x + 1.1 * y + 0.8 * bends))) * 16) * strength
    veins += (
        0.5 * np.exp(-np.abs(np.sin(np.pi * (2.6 * x - 1.3 * y + 1.1 * bends))) * 34) * strength
    )
    values = 1 - 0.7 * np.clip(veins, 0, 1) - 0.1 * strength
    return _coloured(values, mix((128, 128, 134), base, 0.2), pale)


def tiles(rng: np.random.Generator, base: Colour) -> Image.Image:
    """Square tiles with grout, each a little off in tone."""
    picture = Image.new("RGB", (SIDE, SIDE), darker(mix(base, (200, 198, 192), 0.5), 0.14))
    draw = ImageDraw.Draw(picture)
    step = int(rng.choice([80, 107, 160]))
    for y in range(0, SIDE, step):
        for x in range(0, SIDE, step):
            tone = darker(base, float(rng.uniform(0, 0.08)))
            draw.rounded_rectangle((x + 3, y + 3, x + step - 3, y + step - 3), 5, fill=tone)
            draw.line((x + 6, y + 5, x + step - 6, y + 5), fill=lighter(tone, 0.5), width=2)
    grain = 1 + 0.05 * noise(rng, SIDE, SIDE, 60, 60)
    return Image.fromarray(
        (np.asarray(picture, np.float32) * grain[..., None]).clip(0, 255).astype(np.uint8)
    )


def terrazzo(rng: np.random.Generator, base: Colour) -> Image.Image:
    """Pale ground with chips of stone."""
    picture = Image.new("RGB", (SIDE * 2, SIDE * 2), lighter(base, 0.6))
    draw = ImageDraw.Draw(picture)
    tones = [darker(base, 0.35), (196, 140, 110), (90, 98, 104), (225, 210, 190), darker(base, 0.1)]
    for _ in range(620):
        x, y, size = (
            float(rng.uniform(0, 2 * SIDE)),
            float(rng.uniform(0, 2 * SIDE)),
            float(rng.uniform(5, 26)),
        )
        angles = np.sort(rng.uniform(0, 2 * np.pi, 6))
        reach = size * rng.uniform(0.6, 1, 6)
        points = [
            (x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)
        ]
        draw.polygon(points, fill=tones[int(rng.integers(len(tones)))])
    return picture.reduce(2)


def linen(rng: np.random.Generator, base: Colour) -> Image.Image:
    """A woven cloth with soft folds."""
    weave = 0.6 * noise(rng, SIDE, SIDE, 300, 40) + 0.6 * noise(rng, SIDE, SIDE, 40, 300)
    folds = noise(rng, SIDE, SIDE, 3, 4)
    return _coloured(0.55 + 0.2 * weave + 0.16 * folds, darker(base, 0.22), lighter(base, 0.22))


def concrete(rng: np.random.Generator, base: Colour) -> Image.Image:
    """A plain worktop with a fine speckle."""
    grey = mix(base, (150, 150, 150), 0.6)
    cloud = noise(rng, SIDE, SIDE, 5, 5) * 0.3 + noise(rng, SIDE, SIDE, 22, 22) * 0.16
    speckle = rng.standard_normal((SIDE, SIDE)).astype(np.float32) * 0.06
    return _coloured(0.5 + cloud + speckle, darker(grey, 0.2), lighter(grey, 0.25))


_KINDS = {
    "wood": (wood, _WOODS),
    "marble": (marble, _TILES),
    "tiles": (tiles, _TILES),
    "terrazzo": (terrazzo, _TILES),
    "linen": (linen, _CLOTHS),
    "concrete": (concrete, _CLOTHS),
}
SURFACES = tuple(_KINDS)


@lru_cache(maxsize=len(SURFACES) * VARIANTS)
def surface(kind: str, variant: int) -> Image.Image:
    """Returns a texture, RGB, ``SIDE`` pixels square. Shared: read only.

    Args:
        kind: One of ``SURFACES``.
        variant: 0 to ``VARIANTS`` - 1.
    """
    draw, bases = _KINDS[kind]
    rng = np.random.default_rng([variant, SURFACES.index(kind), 0x5F])
    return draw(rng, parse(bases[variant % len(bases)]))


def any_surface(rng: np.random.Generator) -> Image.Image:
    """Returns one of all textures, RGB. Shared: read only."""
    return surface(SURFACES[int(rng.integers(len(SURFACES)))], int(rng.integers(VARIANTS)))
