"""A contact sheet of suggestions: the query of each group, and the products beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from shelflens.catalog.answer import Match
from shelflens.discovery.recommend import Recommendation
from shelflens.files import atomic_writer
from shelflens.model.image import Photo
from shelflens.render.contact_sheet import CARD, INK, PAPER, SOFT, fit, font_of, paste, wrap

_ACCENT = "#1f8a5b"
_EDGE, _GAP, _PAD = 48, 18, 14
_TILE, _HERO, _TEXT = 190, 250, 78
_PALETTE = ("#dfe9e2", "#e9e3d6", "#dde4ee", "#eedfdd", "#e6dfec")

Images = Callable[[str], "Photo | None"]
"""From a product id to its image, if there is one."""


@dataclass(frozen=True)
class Card:
    """One product of a group."""

    name: str
    note: str
    """Under the name: the score, the price."""
    image: Photo | None


@dataclass(frozen=True)
class SuggestionGroup:
    """A heading with its image, and the products suggested for it."""

    title: str
    subtitle: str
    image: Photo | None
    cards: Sequence[Card]
    footnote: str = ""


def card(match: Match, images: Images) -> Card:
    """A product as a card: name, score, price if it has one."""
    price = match.attributes.get("price", "")
    note = f"{match.score:.2f}" + (f"   ·   {price}" if price else "")
    return Card(match.name, note, images(match.id))


def groups_of(found: Recommendation, images: Images) -> list[SuggestionGroup]:
    """One group per interest, headed by the event behind its first suggestion."""
    groups = []
    for interest in sorted({suggestion.interest for suggestion in found.suggestions}):
        suggestions = [item for item in found.suggestions if item.interest == interest]
        cards = [card(suggestion.product, images) for suggestion in suggestions]
        event = suggestions[0].event
        if event is None:
            groups.append(SuggestionGroup("a first look around", "", cards[0].image, cards))
        else:
            title = suggestions[0].because.removesuffix(event.name).strip()
            footnote = f"{found.weights[interest]:.0%} of your interest"
            image = images(event.product)
            groups.append(SuggestionGroup(title, event.name, image, cards, footnote))
    return groups


def draw_suggestions(
    groups: Sequence[SuggestionGroup], *, title: str, lines: Sequence[str]
) -> Image.Image:
    """Draw groups below each other.

    Args:
        groups: In reading order.
        title: Headline.
        lines: The lines under it.

    Returns:
        An RGB image as wide as the largest group, at most five products beside each other.
    """
    columns = max(1, min(5, max((len(group.cards) for group in groups), default=1)))
    width = max(_HERO + columns * (_TILE + _GAP) + 2 * _PAD + _GAP, 720)
    heights = [_group_height(group, columns) for group in groups]
    head = _EDGE + 60 + 28 * len(lines) + 14
    size = (width + 2 * _EDGE, head + sum(heights) + _GAP * len(groups) + _EDGE - _GAP)
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((_EDGE, _EDGE - 12), fit(draw, title, font_of(42), width), fill=INK, font=font_of(42))
    for index, line in enumerate(lines):
        text = fit(draw, line, font_of(20), width)
        draw.text((_EDGE, _EDGE + 48 + 28 * index), text, fill=SOFT, font=font_of(20))
    top = head
    for group, height in zip(groups, heights, strict=True):
        box = (_EDGE, top, _EDGE + width, top + height)
        draw.rounded_rectangle(box, 20, fill=CARD)
        _draw_group(canvas, draw, group, (_EDGE + _PAD, top + _PAD), columns)
        top += height + _GAP
    return canvas


def save_png(image: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write an image as PNG, whole or not at all; a text in it says who drew it."""
    buffer, author = BytesIO(), PngInfo()
    author.add_text("Software", "ShelfLens")
    image.save(buffer, "PNG", compress_level=6, pnginfo=author)
    with atomic_writer(os.fspath(path)) as stream:
        stream.write(buffer.getvalue())


def _group_height(group: SuggestionGroup, columns: int) -> int:
    rows = max(1, -(-len(group.cards) // columns))
    return 2 * _PAD + max(_HERO + 88, rows * (_TILE + _TEXT))


def _draw_group(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    group: SuggestionGroup,
    corner: tuple[int, int],
    columns: int,
) -> None:
    left, top = corner
    _draw_image(canvas, draw, group.image, group.subtitle, (left, top), _HERO)
    draw.rounded_rectangle((left, top, left + _HERO, top + _HERO), 20, outline=_ACCENT, width=4)
    y = top + _HERO + 8
    draw.text((left, y), fit(draw, group.title, font_of(20), _HERO), fill=_ACCENT, font=font_of(20))
    for line in wrap(draw, group.subtitle, font_of(16), _HERO):
        y += 21
        draw.text((left, y + 4), line, fill=INK, font=font_of(16))
    if group.footnote:
        text = fit(draw, group.footnote, font_of(15), _HERO)
        draw.text((left, y + 27), text, fill=SOFT, font=font_of(15))
    start = left + _HERO + 2 * _GAP
    for index, item in enumerate(group.cards):
        row, column = divmod(index, columns)
        at = (start + column * (_TILE + _GAP), top + row * (_TILE + _TEXT))
        _draw_image(canvas, draw, item.image, item.name, at, _TILE)
        y = at[1] + _TILE + 6
        for line in wrap(draw, item.name, font_of(16), _TILE):
            draw.text((at[0], y), line, fill=INK, font=font_of(16))
            y += 19
        draw.text((at[0], y + 1), fit(draw, item.note, font_of(15), _TILE), SOFT, font=font_of(15))


def _draw_image(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    photo: Photo | None,
    name: str,
    at: tuple[int, int],
    side: int,
) -> None:
    """The image, or a coloured square with the first letter where there is none."""
    if photo is not None:
        paste(canvas, photo, at, side)
        return
    colour = _PALETTE[sum(name.encode()) % len(_PALETTE)]
    draw.rounded_rectangle((*at, at[0] + side, at[1] + side), 14, fill=colour)
    middle = (at[0] + side / 2, at[1] + side / 2)
    draw.text(middle, name[:1].upper(), fill=SOFT, font=font_of(side // 2), anchor="mm")
