"""What a drawn label is made of: its parts, words and colours."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

_SYLLABLE_TEXT = (
    "ba be bi bo bu ca ce co da de di do du fa fe fi fo ga go ha he hi ho ja jo ka ke ki ko la le "
    "li lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to "
    "tu va ve vi vo wa we wi ya yo za ze zi zo cra blu fri glo pra spa sto tri chi sha tho"
)
_SYLLABLES = tuple(_SYLLABLE_TEXT.split())
_ENDS = ("", "", "n", "r", "s", "l", "x", "t", "nd", "st", "ck", "m", "lla", "tto", "ix", "on")
SCRIPTS = ("абвгдежзиклмнопрстуфхцчшыя", "αβγδεζηθικλμνξοπρστυφχψω", "אבגדהוזחטיכלמנסעפצקרשת")
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Supplies:
    """What labels are made of."""

    faces: Sequence[Path]
    """Font files with Latin letters."""
    wide_faces: Sequence[Path]
    """Font files that have Cyrillic, Greek and Hebrew letters too."""
    photos: Sequence[Image.Image]
    """RGB."""
    pictographs: Sequence[Image.Image]
    """RGBA."""


@dataclass(frozen=True)
class Lettering:
    words: str
    face: Path
    middle: tuple[float, float]
    """Shares of width and height."""
    size: tuple[float, float]
    """At most, shares of width and height."""
    ink: Colour
    turned: int = 0
    outline: Colour | None = None


@dataclass(frozen=True)
class Design:
    shape: tuple[int, int]
    ground: tuple[Colour, Colour]
    ground_kind: int
    detail: int
    accent: Colour
    panel_kind: int
    panel_box: tuple[float, float, float, float]
    panel: Colour
    picture: int
    picture_kind: int
    picture_box: tuple[float, float, float, float]
    repeats: int
    texts: tuple[Lettering, ...]
    badge: tuple[float, float, float] | None
    small: tuple[float, float, float, float] | None


def word(generator: np.random.Generator, script: str) -> str:
    if script:
        made = "".join(
            script[int(i)]
            for i in generator.integers(0, len(script), int(generator.integers(3, 8)))
        )
    else:
        made = "".join(
            _SYLLABLES[int(i)]
            for i in generator.integers(0, len(_SYLLABLES), int(generator.integers(1, 4)))
        )
        made += _ENDS[int(generator.integers(len(_ENDS)))]
    style = generator.random()
    return made.upper() if style < 0.4 else made.capitalize() if style < 0.8 else made


def words(generator: np.random.Generator, script: str, low: int, high: int) -> str:
    return " ".join(word(generator, script) for _ in range(int(generator.integers(low, high + 1))))


def colour(generator: np.random.Generator) -> Colour:
    if generator.random() < 0.2:
        grey = int(generator.choice([250, 235, 20, 40, 128]))
        return grey, grey, grey
    red, green, blue = colorsys.hsv_to_rgb(
        generator.random(), generator.uniform(0.25, 1.0), generator.uniform(0.35, 1.0)
    )
    return int(red * 255), int(green * 255), int(blue * 255)


def contrasting(ground: Colour, generator: np.random.Generator) -> Colour:
    light = sum(ground) / 3
    for _ in range(20):
        ink = colour(generator)
        if abs(sum(ink) / 3 - light) > 90:
            return ink
    return opposite(ground)


def opposite(ground: Colour) -> Colour:
    return (20, 20, 20) if sum(ground) / 3 > 128 else (245, 245, 245)
