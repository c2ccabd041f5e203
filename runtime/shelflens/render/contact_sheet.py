"""The contact sheet: queries beside their best matches, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageDraw, ImageFont

from shelflens.model.image import Photo, load_reduced

Verdict = Literal["right", "wrong", "fair", "none"]
"""Whether an answer is right; fair: the right product is among the candidates."""

PAPER, CARD, INK, SOFT = "#f3f0ea", "#ffffff", "#22262b", "#7b8087"
"""Colours of all contact sheets."""
_COLOURS = {"right": "#1f8a5b", "wrong": "#c8372d", "fair": "#c98a12", "none": "#7b8087"}
_EDGE, _GAP, _PAD = 40, 22, 16
_QUERY, _THUMB = 216, 116


@dataclass(frozen=True)
class Panel:
    """One query and its answer."""

    photo: Photo
    title: str
    """The decision, for example "match"."""
    subtitle: str
    verdict: Verdict
    matches: Sequence[PanelMatch]


@dataclass(frozen=True)
class PanelMatch:
    """One product beside the query: its image, name and score, and whether it is the right one."""

    photo: Photo
    name: str
    score: float
    right: bool


def contact_sheet(
    panels: Sequence[Panel], *, title: str, lines: Sequence[str], columns: int = 3
) -> Image.Image:
    """Draw a contact sheet.

    Args:
        panels: The queries, in reading order.
        title: Headline.
        lines: Figures under it.
        columns: Panels side by side.

    Returns:
        An RGB image about 2000 pixels wide for three columns.
    """
    columns_of_matches = max((len(panel.matches) for panel in panels), default=0)
    width = _PAD + _QUERY + _PAD + columns_of_matches * (_THUMB + 12) + _PAD
    height = _QUERY + 2 * _PAD
    rows = -(-len(panels) // columns)
    top = _EDGE + 64 + 30 * len(lines) + 16
    canvas = Image.new(
        "RGB",
        (2 * _EDGE + columns * (width + _GAP) - _GAP, top + rows * (height + _GAP) + _EDGE - _GAP),
        PAPER,
    )
    draw = ImageDraw.Draw(canvas)
    draw.text((_EDGE, _EDGE - 8), title, fill=INK, font=font_of(46))
    for index, line in enumerate(lines):
        draw.text((_EDGE, _EDGE + 56 + 30 * index), line, fill=SOFT, font=font_of(22))
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        corner = (_EDGE + column * (width + _GAP), top + row * (height + _GAP))
        _draw_panel(canvas, draw, panel, corner, (width, height))
    return canvas


def _draw_panel(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    panel: Panel,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    left, top = corner
    width, height = size
    colour = _COLOURS[panel.verdict]
    box = (left, top, left + width, top + height)
    draw.rounded_rectangle(box, 16, fill=CARD, outline=colour, width=3)
    paste(canvas, panel.photo, (left + _PAD, top + _PAD), _QUERY)
    x = left + 2 * _PAD + _QUERY
    font = font_of(23)
    pill = draw.textlength(panel.title, font=font) + 28
    draw.rounded_rectangle((x, top + _PAD, x + pill, top + _PAD + 34), 17, fill=colour)
    draw.text((x + 14, top + _PAD + 17), panel.title, fill="white", font=font, anchor="lm")
    room = left + width - _PAD - (x + pill + 10)
    subtitle = fit(draw, panel.subtitle, font_of(18), room)
    draw.text((x + pill + 10, top + _PAD + 17), subtitle, fill=SOFT, font=font_of(18), anchor="lm")
    for index, match in enumerate(panel.matches):
        at = (x + index * (_THUMB + 12), top + _PAD + 46)
        paste(canvas, match.photo, at, _THUMB)
        frame = (at[0], at[1], at[0] + _THUMB, at[1] + _THUMB)
        mark = _COLOURS["right"] if match.right else "#e3dfd7"
        draw.rounded_rectangle(frame, 10, outline=mark, width=4 if match.right else 2)
        y = at[1] + _THUMB + 4
        for line in wrap(draw, match.name, font_of(13), _THUMB):
            draw.text((at[0], y), line, fill=INK, font=font_of(13))
            y += 15
        draw.text((at[0], y + 1), f"{match.score:.2f}", fill=SOFT, font=font_of(15))


def paste(canvas: Image.Image, photo: Photo, corner: tuple[int, int], side: int) -> None:
    """Fill a square with rounded corners with the middle of a photo."""
    image = Image.fromarray(load_reduced(photo, side))
    scale = side / min(image.size)
    big = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
    image = image.resize(big, Image.Resampling.LANCZOS)
    left, top = (big[0] - side) // 2, (big[1] - side) // 2
    mask = Image.new("L", (side * 2, side * 2), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side * 2 - 1, side * 2 - 1), 20, fill=255)
    smooth = mask.resize((side, side), Image.Resampling.LANCZOS)
    canvas.paste(image.crop((left, top, left + side, top + side)), corner, smooth)


def wrap(draw: ImageDraw.ImageDraw, text: str, font: Any, room: float) -> list[str]:
    """At most two lines; variants differ at the end of their names, so the start is cut."""
    words = text.split()
    tail = [words.pop()] if words else []
    while words and draw.textlength(" ".join([words[-1], *tail]), font=font) <= room:
        tail.insert(0, words.pop())
    lines = [" ".join(words), " ".join(tail)]
    return [fit(draw, line, font, room) for line in lines if line]


def fit(draw: ImageDraw.ImageDraw, text: str, font: Any, room: float) -> str:
    if draw.textlength(text, font=font) <= room:
        return text
    while text and draw.textlength(text + "…", font=font) > room:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def font_of(size: int) -> Any:
    """A font that draws any text, of this size in pixels where there is one that can be scaled."""
    with suppress(TypeError, ImportError):  # Pillow below 10.1 knows no size, or has no FreeType
        return ImageFont.load_default(size)
    with suppress(OSError, ImportError):
        return ImageFont.truetype("DejaVuSans.ttf", size)
    small = _SmallFont()
    small.__dict__.update(ImageFont.load_default().__dict__)
    return small


class _SmallFont(ImageFont.ImageFont):
    """Pillow's own bitmaps, which know Latin-1 and raise an error at any other character."""

    def getmask(self, text: Any, *args: Any, **options: Any) -> Any:
        return super().getmask(_latin(text), *args, **options)

    def getbbox(self, text: Any, *args: Any, **options: Any) -> Any:
        return super().getbbox(_latin(text), *args, **options)

    def getlength(self, text: Any, *args: Any, **options: Any) -> Any:
        return super().getlength(_latin(text), *args, **options)


def _latin(text: str) -> str:
    return text.replace("…", "...").encode("latin-1", "replace").decode("latin-1")
