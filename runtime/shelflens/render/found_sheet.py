"""A contact sheet of photos in which products were found: boxes on them, answers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens.finding.regions import Box
from shelflens.render.boxes import COLOURS
from shelflens.render.contact_sheet import CARD, INK, PAPER, SOFT, fit, font_of

_EDGE, _GAP, _PAD = 40, 22, 16
_LINE = 52
PHOTO = (480, 360)
"""Room for a photo, pixels; it is drawn whole."""
_TEXT = 420
LINES = (PHOTO[1] - 44) // _LINE
"""Answers beside a photo."""


@dataclass(frozen=True)
class DrawnAnswer:
    """What is said of a region."""

    box: Box | None
    """None: of the whole photo; no box is drawn."""
    decision: str
    """A key of `COLOURS`."""
    text: str
    note: str
    """Below the text."""


@dataclass(frozen=True)
class FoundCard:
    """A photo, and what it was answered."""

    pixels: NDArray[np.uint8]
    """uint8 [h, w, 3]."""
    name: str
    answers: Sequence[DrawnAnswer]
    """Numbered in this order."""
    nothing: str
    """Said where there is no answer."""


def found_sheet(cards: Sequence[FoundCard], *, columns: int = 2) -> Image.Image:
    """Draw the sheet.

    Args:
        cards: In reading order, at least one.
        columns: Cards side by side.

    Returns:
        An RGB image about 2000 pixels wide for two columns.
    """
    columns = min(columns, len(cards))
    width = 3 * _PAD + PHOTO[0] + _TEXT
    height = 2 * _PAD + PHOTO[1]
    rows = -(-len(cards) // columns)
    size = (
        2 * _EDGE + columns * (width + _GAP) - _GAP,
        2 * _EDGE + rows * (height + _GAP) - _GAP,
    )
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    for index, card in enumerate(cards):
        row, column = divmod(index, columns)
        left, top = _EDGE + column * (width + _GAP), _EDGE + row * (height + _GAP)
        draw.rounded_rectangle((left, top, left + width, top + height), 16, fill=CARD)
        _paste(canvas, card, (left + _PAD, top + _PAD))
        _write(draw, card, (left + 2 * _PAD + PHOTO[0], top + _PAD))
    return canvas


def _paste(canvas: Image.Image, card: FoundCard, corner: tuple[int, int]) -> None:
    photo = Image.fromarray(card.pixels)
    scale = min(PHOTO[0] / photo.width, PHOTO[1] / photo.height)
    width, height = (max(1, round(side * scale)) for side in photo.size)
    photo = photo.resize((width, height))
    draw = ImageDraw.Draw(photo)
    for number, answer in enumerate(card.answers, 1):
        if answer.box is None:
            continue
        left, top, right, bottom = (
            share * length for share, length in zip(answer.box, photo.size * 2, strict=True)
        )
        colour = COLOURS[answer.decision]
        draw.rectangle((left, top, right, bottom), outline=colour, width=3)
        draw.rectangle((left, top, left + 24, top + 24), fill=colour)
        at = (left + 12, top + 12)
        draw.text(at, str(number), fill="white", font=font_of(16), anchor="mm")
    room = ((PHOTO[0] - width) // 2, (PHOTO[1] - height) // 2)
    canvas.paste(photo, (corner[0] + room[0], corner[1] + room[1]))


def _write(draw: ImageDraw.ImageDraw, card: FoundCard, corner: tuple[int, int]) -> None:
    left, y = corner
    draw.text((left, y + 4), _line(draw, card.name, 22, _TEXT), fill=INK, font=font_of(22))
    y += 44
    shown = card.answers if len(card.answers) <= LINES else card.answers[: LINES - 1]
    for number, answer in enumerate(shown, 1):
        mark = (left, y, left + 34, y + 34)
        draw.rounded_rectangle(mark, 8, fill=COLOURS[answer.decision])
        at = (left + 17, y + 17)
        draw.text(at, str(number), fill="white", font=font_of(18), anchor="mm")
        for text, below, size, ink in ((answer.text, 0, 18, INK), (answer.note, 21, 15, SOFT)):
            line = _line(draw, text, size, _TEXT - 46)
            draw.text((left + 46, y + below - 2), line, fill=ink, font=font_of(size))
        y += _LINE
    rest = len(card.answers) - len(shown)
    text = f"and {rest} more" if rest else "" if shown else card.nothing
    draw.text((left, y), text, fill=SOFT, font=font_of(18))


def _line(draw: ImageDraw.ImageDraw, text: str, size: int, room: float) -> str:
    return fit(draw, " ".join(text.split()), font_of(size), room)
