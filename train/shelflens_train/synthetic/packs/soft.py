"""Soft packs: pouches, coffee bags and crisp bags, shaded from a pillow-like height field."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from shelflens_train.synthetic.colour import Colour, darker, lighter
from shelflens_train.synthetic.noise import Floats, noise
from shelflens_train.synthetic.pen import OVERSAMPLE, Point, smooth


def _outline(width: int, height: int, points: list[Point], *, rounded: bool) -> Floats:
    """Returns the coverage [height, width], 0..1, of a polygon given in shares of the canvas."""
    scale = OVERSAMPLE - 1
    mask = Image.new("L", (width * scale, height * scale))
    curve = smooth(points, steps=6) if rounded else points
    ImageDraw.Draw(mask).polygon(
        [(x * width * scale, y * height * scale) for x, y in curve], fill=255
    )
    coverage: Floats = np.asarray(mask.reduce(scale), np.float32) / np.float32(255)
    return coverage


def _shaded(art: Image.Image, coverage: Floats, height_map: Floats, gloss: float) -> Image.Image:
    """Returns the artwork lit from the upper left over a height field, RGBA."""
    down, across = np.gradient(height_map)
    length = np.sqrt(across**2 + down**2 + 1)
    facing = (0.42 * across + 0.36 * down + 0.83) / length
    lit = 0.24 + 0.92 * facing
    mirror = np.clip((0.62 * across + 0.3 * down + 0.72) / length, 0, 1)
    shine = gloss * (mirror**26 * 0.85 + np.clip(mirror - 0.72, 0, 1) * 0.25)
    shine *= 255
    pixels = np.empty((*lit.shape, 4), np.uint8)
    for channel, tone in enumerate(art.convert("RGB").split()):
        pixels[..., channel] = (np.asarray(tone, np.float32) * lit + shine).clip(0, 255)
    pixels[..., 3] = coverage * 255
    return Image.fromarray(pixels)


def _unit(width: int, height: int) -> tuple[Floats, Floats]:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return x, y


def pouch(art: Image.Image, *, ground: Colour, detail: int, gloss: float) -> Image.Image:
    """Returns a stand-up pouch with a heat-sealed top, tear notches and a round bottom gusset."""
    w, h = art.size
    rng = np.random.default_rng([detail, 1])
    sides = [
        (0.035, 0.0),
        (0.965, 0.0),
        (0.968, 0.045),
        (0.955, 0.055),
        (0.966, 0.065),
        (0.962, 0.3),
        (0.985, 0.7),
        (0.998, 0.93),
        (0.96, 0.985),
    ]
    left = [(1 - x, y) for x, y in reversed(sides)]
    coverage = _outline(
        w, h, [*sides, (0.7, 0.998), (0.5, 1.0), (0.3, 0.998), *left], rounded=False
    )
    canvas = art.copy()
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, w, round(0.055 * h)), fill=lighter(ground, 0.1))
    for i in range(4):
        rib = round((0.012 + 0.011 * i) * h)
        draw.line((0, rib, w, rib), fill=darker(ground, 0.12), width=2)
    draw.line((0, round(0.105 * h), w, round(0.105 * h)), fill=darker(ground, 0.16), width=4)
    draw.line((0, round(0.115 * h), w, round(0.115 * h)), fill=lighter(ground, 0.3), width=3)
    x, y = _unit(w, h)
    belly = np.clip((y + 0.9) / 1.4, 0, 1)
    bulge = (1 - np.abs(x) ** 3.2) * belly * 0.32 * w * (1 - 0.35 * np.clip((y - 0.5) / 0.5, 0, 1))
    creases = noise(rng, w, h, 5, 6) * 5 + noise(rng, w, h, 11, 5) * 2.4
    gusset = -np.exp(-(((y - 0.8 - 0.1 * (1 - x * x)) / 0.035) ** 2)) * 0.011 * w
    field = bulge * 0.32 + creases * (0.35 + np.abs(x) ** 2) + gusset
    return _shaded(canvas, coverage, field.astype(np.float32), gloss)


def bag(art: Image.Image, *, ground: Colour, detail: int, gloss: float) -> Image.Image:
    """Returns a block-bottom coffee bag: straight sides, folded top with a tin tie."""
    w, h = art.size
    rng = np.random.default_rng([detail, 2])
    fold = round(0.1 * h)
    canvas = Image.new("RGB", (w, h), ground)
    canvas.paste(art.resize((w, h - fold)), (0, fold))
    draw = ImageDraw.Draw(canvas)
    top = darker(ground, 0.1)
    draw.rectangle((0, 0, w, fold), fill=top)
    draw.rectangle((0, fold - 5, w, fold), fill=darker(ground, 0.38))
    tie = (0.03 * w, fold * 0.4, 0.97 * w, fold * 0.68)
    draw.rounded_rectangle(
        tie, fold * 0.12, fill=lighter(ground, 0.55) if sum(ground) < 380 else darker(ground, 0.35)
    )
    points = [
        (0.05, 0.0),
        (0.95, 0.0),
        (0.96, 0.1),
        (0.985, 0.14),
        (0.995, 0.6),
        (0.99, 0.985),
        (0.97, 1.0),
        (0.03, 1.0),
        (0.01, 0.985),
        (0.005, 0.6),
        (0.015, 0.14),
        (0.04, 0.1),
    ]
    coverage = _outline(w, h, points, rounded=False)
    x, y = _unit(w, h)
    bulge = (1 - np.abs(x) ** 5) * 0.07 * w * np.clip((y + 0.86) * 2.2, 0, 1)
    creases = noise(rng, w, h, 4, 7) * 6 + noise(rng, w, h, 9, 4) * 3
    field = bulge + creases * (
        0.25 + 0.8 * np.abs(x) ** 3 + 0.7 * np.exp(-(((y + 0.7) / 0.25) ** 2))
    )
    return _shaded(canvas, coverage, field.astype(np.float32), gloss)


def pillow(art: Image.Image, *, ground: Colour, detail: int, gloss: float) -> Image.Image:
    """Returns a puffed crisp bag: crimped ends, bowed sides, shiny film."""
    w, h = art.size
    rng = np.random.default_rng([detail, 3])
    steps = np.linspace(0, 1, 30)
    waist = (
        0.012 + 0.03 * np.sin(np.pi * steps) ** 2 - 0.028 * np.exp(-(((steps - 0.5) / 0.3) ** 2))
    )
    right = [(1 - float(inset), float(t)) for inset, t in zip(waist, steps, strict=True)]
    left = [(float(inset), float(t)) for inset, t in zip(waist[::-1], steps[::-1], strict=True)]
    teeth = 36
    top = [(0.012 + 0.976 * i / teeth, 0.006 * (i % 2)) for i in range(teeth + 1)]
    bottom = [(1 - px, 1 - py) for px, py in top]
    coverage = _outline(w, h, [*top, *right, *bottom, *left], rounded=False)
    canvas = art.copy()
    draw = ImageDraw.Draw(canvas)
    seal = round(0.055 * h)
    for y0 in (0, h - seal):
        draw.rectangle((0, y0, w, y0 + seal), fill=lighter(ground, 0.16))
        for left_edge in range(0, w, 9):
            draw.line((left_edge, y0, left_edge, y0 + seal), fill=darker(ground, 0.08), width=3)
    x, y = _unit(w, h)
    puff = (1 - np.abs(x) ** 2.6) * (1 - np.abs(y) ** 5) * 0.24 * w
    ends = np.clip((np.abs(y) - 0.52) / 0.36, 0, 1) * np.clip((0.9 - np.abs(y)) * 12, 0, 1)
    pleats = noise(rng, w, h, 16, 3) * 9 * ends
    creases = noise(rng, w, h, 5, 6) * 5 + pleats
    field = np.where(np.abs(y) > 0.89, 0, puff * 0.55 + creases).astype(np.float32)
    softened = Image.fromarray(field).reduce(4).resize((w, h), Image.Resampling.BICUBIC)
    return _shaded(canvas, coverage, np.asarray(softened, np.float32), gloss)
