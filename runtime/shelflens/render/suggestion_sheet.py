"""A sheet of shelves for a person to look at: what was asked, and the products beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import read_dataset
from shelflens.discovery.recommend import Recommendation
from shelflens.errors import CatalogError, DataError
from shelflens.files import atomic_writer
from shelflens.model.image import Photo
from shelflens.render.contact_sheet import fit, font_of, paste, wrap

_PAPER, _CARD, _INK, _SOFT, _ACCENT = "#f3f0ea", "#ffffff", "#22262b", "#7b8087", "#1f8a5b"
_EDGE, _GAP, _PAD = 48, 18, 14
_TILE, _HERO, _TEXT = 190, 250, 78
_PALETTE = ("#dfe9e2", "#e9e3d6", "#dde4ee", "#eedfdd", "#e6dfec")

Pictures = Callable[[str], "Photo | None"]
"""From a product id to its picture, if there is one."""


@dataclass(frozen=True)
class Card:
    """One product on a shelf."""

    name: str
    note: str
    """Under the name: the score, the price."""
    picture: Photo | None


@dataclass(frozen=True)
class Shelf:
    """A heading with its picture, and a row of products."""

    title: str
    subtitle: str
    picture: Photo | None
    cards: Sequence[Card]
    footnote: str = ""


def find_pictures(catalog: Catalog, data: str | None) -> Callable[[str], Path | None]:
    """Where the pictures of products are; a catalog holds none.

    Args:
        catalog: An attribute `picture` names a file, relative to the catalog's.
        data: The DATA that the catalog was built from, or None; each product is shown by its
            first photo there.

    Raises:
        DataError: neither is there.
    """
    if data is not None:
        first: dict[str, Path] = {}
        for item in read_dataset(data).items:
            first.setdefault(item.product, item.path)
        return first.get
    if not catalog.mentions('"picture":'):
        raise DataError(
            "--sheet needs pictures, which a catalog does not hold: add --pictures DATA, the "
            "folder or CSV it was built from, or a column 'picture' with file names"
        )
    home = (catalog.path or Path()).parent

    def look(product: str) -> Path | None:
        try:
            name = catalog.at(catalog.index_of(product)).attributes.get("picture", "")
        except CatalogError:  # a product of the past
            return None
        return home / name if name else None

    return look


def card(match: Match, pictures: Pictures) -> Card:
    """A product as a card: name, score, price if it has one."""
    price = match.attributes.get("price", "")
    note = f"{match.score:.2f}" + (f"   ·   {price}" if price else "")
    return Card(match.name, note, pictures(match.id))


def shelves_of(found: Recommendation, pictures: Pictures) -> list[Shelf]:
    """One shelf for each interest; the event behind its first suggestion heads it."""
    shelves = []
    for interest in sorted({one.interest for one in found.suggestions}):
        ours = [one for one in found.suggestions if one.interest == interest]
        cards = [card(one.product, pictures) for one in ours]
        event = ours[0].event
        if event is None:
            shelves.append(Shelf("a first look around", "", cards[0].picture, cards))
        else:
            share = f"   {found.weights[interest]:.0%} of your interest"
            head = ours[0].because.removesuffix(event.name).strip()
            shelves.append(Shelf(head, event.name, pictures(event.product), cards, share.strip()))
    return shelves


def draw_shelves(shelves: Sequence[Shelf], *, title: str, lines: Sequence[str]) -> Image.Image:
    """Draw shelves below each other.

    Args:
        shelves: In reading order.
        title: Headline.
        lines: What to say under it.

    Returns:
        An RGB picture as wide as the fullest shelf, at most five products beside each other.
    """
    columns = max(1, min(5, max((len(shelf.cards) for shelf in shelves), default=1)))
    width = max(_HERO + columns * (_TILE + _GAP) + 2 * _PAD + _GAP, 720)
    heights = [_shelf_height(shelf, columns) for shelf in shelves]
    head = _EDGE + 60 + 28 * len(lines) + 14
    size = (width + 2 * _EDGE, head + sum(heights) + _GAP * len(shelves) + _EDGE - _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text(
        (_EDGE, _EDGE - 12), fit(draw, title, font_of(42), width), fill=_INK, font=font_of(42)
    )
    for place, line in enumerate(lines):
        text = fit(draw, line, font_of(20), width)
        draw.text((_EDGE, _EDGE + 48 + 28 * place), text, fill=_SOFT, font=font_of(20))
    top = head
    for shelf, height in zip(shelves, heights, strict=True):
        box = (_EDGE, top, _EDGE + width, top + height)
        draw.rounded_rectangle(box, 20, fill=_CARD)
        _draw_shelf(sheet, draw, shelf, (_EDGE + _PAD, top + _PAD), columns)
        top += height + _GAP
    return sheet


def save_sheet(sheet: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a sheet as PNG, whole or not at all."""
    buffer = BytesIO()
    sheet.save(buffer, "PNG", compress_level=6)
    with atomic_writer(os.fspath(path)) as stream:
        stream.write(buffer.getvalue())


def _shelf_height(shelf: Shelf, columns: int) -> int:
    rows = max(1, -(-len(shelf.cards) // columns))
    return 2 * _PAD + max(_HERO + 88, rows * (_TILE + _TEXT))


def _draw_shelf(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    shelf: Shelf,
    corner: tuple[int, int],
    columns: int,
) -> None:
    left, top = corner
    _picture(sheet, draw, shelf.picture, shelf.subtitle, (left, top), _HERO)
    draw.rounded_rectangle((left, top, left + _HERO, top + _HERO), 20, outline=_ACCENT, width=4)
    y = top + _HERO + 8
    draw.text((left, y), fit(draw, shelf.title, font_of(20), _HERO), fill=_ACCENT, font=font_of(20))
    for line in wrap(draw, shelf.subtitle, font_of(16), _HERO):
        y += 21
        draw.text((left, y + 4), line, fill=_INK, font=font_of(16))
    if shelf.footnote:
        text = fit(draw, shelf.footnote, font_of(15), _HERO)
        draw.text((left, y + 27), text, fill=_SOFT, font=font_of(15))
    start = left + _HERO + 2 * _GAP
    for place, one in enumerate(shelf.cards):
        row, column = divmod(place, columns)
        at = (start + column * (_TILE + _GAP), top + row * (_TILE + _TEXT))
        _picture(sheet, draw, one.picture, one.name, at, _TILE)
        y = at[1] + _TILE + 6
        for line in wrap(draw, one.name, font_of(16), _TILE):
            draw.text((at[0], y), line, fill=_INK, font=font_of(16))
            y += 19
        draw.text((at[0], y + 1), fit(draw, one.note, font_of(15), _TILE), _SOFT, font=font_of(15))


def _picture(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    photo: Photo | None,
    name: str,
    at: tuple[int, int],
    side: int,
) -> None:
    """The picture, or a coloured square with the first letter where there is none."""
    if photo is not None:
        paste(sheet, photo, at, side)
        return
    colour = _PALETTE[sum(name.encode()) % len(_PALETTE)]
    draw.rounded_rectangle((*at, at[0] + side, at[1] + side), 14, fill=colour)
    middle = (at[0] + side / 2, at[1] + side / 2)
    draw.text(middle, name[:1].upper(), fill=_SOFT, font=font_of(side // 2), anchor="mm")
