"""Flat artwork of packages that do not exist, in families of look-alikes, for training textures.

Wider in style than the store of `shelflens synthesize`: any typeface handed over, photos and
pictographs as pictures, several scripts. A family shares its layout; its members differ by a
flavour's name and by colour, picture or both.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PIL import Image

from shelflens_train.general.label_design import (
    SCRIPTS,
    Design,
    Lettering,
    Supplies,
    colour,
    contrasting,
    word,
    words,
)
from shelflens_train.general.label_drawing import render

LONG_SIDE = 288
"""Pixels; textures are stored smaller."""
FLAVOUR = 2
"""Which of a design's texts names the flavour: brand, product, flavour, weight."""


def family(generator: np.random.Generator, supplies: Supplies) -> list[Image.Image]:
    """Two to four labels of one product line, RGB, the longer side `LONG_SIDE` pixels."""
    design = _design(generator, supplies)
    members = [design]
    for _ in range(int(generator.integers(1, 4))):
        members.append(_variant(design, generator, supplies))
    return [render(member, supplies) for member in members]


def _design(generator: np.random.Generator, supplies: Supplies) -> Design:
    uniform = generator.uniform
    ratio = float(np.exp(uniform(math.log(0.5), math.log(1.9))))
    long = LONG_SIDE
    shape = (round(long * min(1, ratio)), round(long * min(1, 1 / ratio)))
    ground = (colour(generator), colour(generator))
    ink = contrasting(ground[0], generator)
    wide = generator.random() < 0.12
    faces = supplies.wide_faces if wide else supplies.faces
    script = SCRIPTS[int(generator.integers(len(SCRIPTS)))] if wide else ""
    brand, name, text = (faces[int(generator.integers(len(faces)))] for _ in range(3))
    top = float(uniform(0.08, 0.25))
    swapped = generator.random() < 0.2
    vertical = 90 if generator.random() < 0.08 else 0
    outline = colour(generator) if generator.random() < 0.2 else None
    texts = [
        Lettering(
            word(generator, script),
            brand,
            (float(uniform(0.4, 0.6)), top),
            (float(uniform(0.5, 0.9)), float(uniform(0.1, 0.22))),
            ink,
            vertical,
            outline,
        ),
        Lettering(
            words(generator, script, 1, 3),
            name,
            (0.5, float(uniform(0.32, 0.5))),
            (float(uniform(0.4, 0.85)), float(uniform(0.06, 0.16))),
            contrasting(ground[0], generator),
        ),
        Lettering(
            words(generator, script, 1, 2),
            text,
            (float(uniform(0.35, 0.65)), float(uniform(0.55, 0.85))),
            (float(uniform(0.3, 0.8)), float(uniform(0.05, 0.12))),
            contrasting(ground[0], generator),
        ),
        Lettering(
            f"{int(generator.integers(1, 40)) * 25} {'g' if generator.random() < 0.7 else 'ml'}",
            text,
            (float(uniform(0.15, 0.85)), 0.94),
            (0.22, 0.05),
            ink,
        ),
    ]
    if swapped:
        texts = [replace(part, middle=(part.middle[0], 1 - part.middle[1])) for part in texts]
    x, y = float(uniform(0.25, 0.75)), float(uniform(0.45, 0.78))
    half = float(uniform(0.15, 0.4))
    px, py, pw, ph = (
        float(uniform(*limits)) for limits in ((0.3, 0.7), (0.3, 0.7), (0.3, 0.5), (0.1, 0.45))
    )
    return Design(
        shape=shape,
        ground=ground,
        ground_kind=int(generator.integers(8)),
        detail=int(generator.integers(1 << 30)),
        accent=colour(generator),
        panel_kind=int(generator.integers(5)),
        panel_box=(px - pw, py - ph, px + pw, py + ph),
        panel=colour(generator),
        picture=int(generator.integers(1 << 30)),
        picture_kind=int(generator.integers(5)),
        picture_box=(x - half, y - half, x + half, y + half),
        repeats=int(generator.choice([1, 1, 1, 2, 3, 5])),
        texts=tuple(texts),
        badge=(float(uniform(0.1, 0.9)), float(uniform(0.1, 0.9)), float(uniform(0.06, 0.14)))
        if generator.random() < 0.4
        else None,
        small=(
            float(uniform(0.05, 0.6)),
            float(uniform(0.6, 0.85)),
            float(uniform(0.2, 0.4)),
            float(uniform(0.06, 0.14)),
        )
        if generator.random() < 0.5
        else None,
    )


def _variant(design: Design, generator: np.random.Generator, supplies: Supplies) -> Design:
    texts = list(design.texts)
    flavour = texts[FLAVOUR]
    script = (
        ""
        if flavour.words[:1].isascii()
        else next((s for s in SCRIPTS if flavour.words[0].lower() in s), "")
    )
    texts[FLAVOUR] = replace(flavour, words=words(generator, script, 1, 2))
    changed = replace(design, texts=tuple(texts))
    what = generator.random()
    if what < 0.75:
        accent = colour(generator)
        changed = replace(changed, accent=accent)
        if generator.random() < 0.5:
            changed = replace(changed, panel=accent)
        if generator.random() < 0.35:
            changed = replace(changed, ground=(design.ground[0], accent))
    if what > 0.35:
        changed = replace(changed, picture=int(generator.integers(1 << 30)))
    return changed
