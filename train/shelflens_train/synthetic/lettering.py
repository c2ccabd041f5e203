"""Type: text becomes a mask once, and is then scaled into the box it has to fit."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from shelflens_train.synthetic.colour import Colour

DRAWN_SIZE = 110
"""Pixels per em at which masks are drawn; above what a label needs, so scaling only shrinks."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Face:
    """One way to set type.

    Attributes:
        file: A font file that matplotlib carries; empty for Pillow's own Aileron.
        weight: Outline that makes a light face bold, in pixels at ``DRAWN_SIZE``.
        width: Horizontal scale; below 1 condenses.
        tracking: Extra space between letters, in ems.
        capitals: Whether text is set in capitals.
    """

    file: str = ""
    weight: int = 0
    width: float = 1.0
    tracking: float = 0.0
    capitals: bool = False


FACES: dict[str, Face] = {
    "grotesk": Face(weight=2, tracking=0.01),
    "heavy": Face(weight=4, tracking=0.04),
    "light": Face(weight=1, tracking=0.01),
    "spaced": Face(weight=2, tracking=0.15, capitals=True),
    "round": Face(weight=5, tracking=0.07),
    "poster": Face("DejaVuSans-Bold.ttf", 0, 0.66, 0.0, True),
    "condensed": Face("DejaVuSans-Bold.ttf", 0, 0.74, -0.02),
    "slab": Face("DejaVuSerif-Bold.ttf", 0, 0.76, -0.02),
    "classic": Face("STIXGeneralBol.ttf", 1, 0.96, 0.0),
    "title": Face("STIXGeneral.ttf", 2, 1.0, 0.08, True),
    "script": Face("STIXGeneralBolIta.ttf", 1, 0.96, 0.0),
    "modern": Face("cmss10.ttf", 3, 1.0, 0.02),
    "typed": Face("DejaVuSansMono-Bold.ttf", 0, 0.8, -0.03),
    "antique": Face("cmb10.ttf", 2, 0.94, 0.0),
}


@dataclass(frozen=True)
class Line:
    """A line of type as a mask (mode L) whose first ``cap`` rows are the height of a capital."""

    mask: Image.Image
    cap: int


@lru_cache(maxsize=1)
def _font_folder() -> Path:
    import matplotlib  # slow to import, and only drawing text needs it

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@lru_cache(maxsize=32)
def _font(file: str) -> ImageFont.FreeTypeFont:
    if file:
        data = io.BytesIO((_font_folder() / file).read_bytes())
        return ImageFont.truetype(data, DRAWN_SIZE)
    font = ImageFont.load_default(DRAWN_SIZE)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType, which drawing text needs")
    return font


@lru_cache(maxsize=2048)
def line(text: str, face: str) -> Line:
    """Draws one line of text at ``DRAWN_SIZE``, cropped to its ink left and right.

    Args:
        text: What to write.
        face: A key of ``FACES``.
    """
    style = FACES[face]
    font = _font(style.file)
    if style.capitals:
        text = text.upper()
    pad, track = DRAWN_SIZE // 2, style.tracking * DRAWN_SIZE
    width = int(font.getlength(text) + abs(track) * len(text)) + 2 * pad
    mask = Image.new("L", (width, 2 * DRAWN_SIZE))
    draw = ImageDraw.Draw(mask)
    baseline = round(1.3 * DRAWN_SIZE)
    if track:
        x = float(pad)
        for first, second in zip(text, (*text[1:], " "), strict=True):
            draw.text((x, baseline), first, 255, font, "ls", stroke_width=style.weight)
            x += font.getlength(first + second) - font.getlength(second) + track
    else:
        draw.text((pad, baseline), text, 255, font, "ls", stroke_width=style.weight)
    left, _, right, bottom = mask.getbbox() or (0, 0, 1, 1)
    top = baseline + round(font.getbbox("H", anchor="ls")[1]) - style.weight
    mask = mask.crop((left, top, right, max(bottom, baseline + style.weight)))
    if style.width != 1.0:
        mask = mask.resize((max(1, round(mask.width * style.width)), mask.height))
    return Line(mask, baseline + style.weight - top)


def breaks(text: str, max_lines: int) -> list[list[str]]:
    """Returns each way to set the words in 1 to ``max_lines`` lines, with the lines balanced."""
    words = text.split()
    ways = [[text]]
    if max_lines >= 2 and len(words) >= 2:
        cut = min(
            range(1, len(words)),
            key=lambda i: max(len(" ".join(words[:i])), len(" ".join(words[i:]))),
        )
        ways.append([" ".join(words[:cut]), " ".join(words[cut:])])
    if max_lines >= 3 and len(words) == 3:
        ways.append(words)
    return ways


def write(
    image: Image.Image,
    text: str,
    box: Box,
    face: str,
    colour: Colour,
    *,
    align: str = "centre",
    valign: str = "middle",
    lines: int = 1,
    cap: float | None = None,
) -> float:
    """Writes text as large as its box allows.

    Args:
        image: Drawn on; RGB.
        text: One or more words.
        box: Left, top, right, bottom in pixels; no ink leaves it but descenders.
        face: A key of ``FACES``.
        colour: Of the ink.
        align: ``left``, ``centre`` or ``right``.
        valign: ``top``, ``middle`` or ``bottom``.
        lines: The most lines the text may be broken into.
        cap: The largest height of a capital, pixels; the box decides when not given.

    Returns:
        The y coordinate of the last baseline, pixels.
    """
    left, top, right, bottom = box
    best: tuple[float, list[Line], float] = (0.0, [], 0.0)
    for way in breaks(text, lines):
        rows = [line(row, face) for row in way]
        leading = 1.34 if FACES[face].capitals else 1.56
        unit = max(row.mask.width for row in rows) / rows[0].cap
        high = 1 + leading * (len(rows) - 1)
        fit = min((right - left) / unit, (bottom - top) / high, cap or 1e9)
        if fit > best[0] * 1.05:  # another line has to be worth it
            best = (fit, rows, leading)
    size, rows, leading = best
    height = size * (1 + leading * (len(rows) - 1))
    slack = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[valign]
    y = top + (bottom - top - height) * slack
    for row in rows:
        scale = size / row.cap
        shape = (max(1, round(row.mask.width * scale)), max(1, round(row.mask.height * scale)))
        share = {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
        x = left + (right - left - shape[0]) * share
        ink = row.mask.resize(
            shape, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
        )
        image.paste(colour, (round(x), round(y)), ink)
        y += size * leading
    return y - size * (leading - 1)
