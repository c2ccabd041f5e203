"""A label in the making: its picture, its safe area, and the parts layouts are made of."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shelflens_train.synthetic.colour import Colour, contrast, darker, lighter, luminance, readable
from shelflens_train.synthetic.icons.icon import icon, silhouette
from shelflens_train.synthetic.lettering import Box, write
from shelflens_train.synthetic.pen import OVERSAMPLE, Point, smooth
from shelflens_train.synthetic.product import SyntheticProduct


class Label:
    """The flat artwork of one pack.

    Args:
        product: Whose label.
        width: In pixels.
        height: In pixels.
        safe: Share of the width, centred, that faces the shopper; text stays inside it.
    """

    def __init__(self, product: SyntheticProduct, width: int, height: int, safe: float) -> None:
        self.product = product
        self.design = product.design
        self.w, self.h = width, height
        self.left, self.right = width * (0.5 - safe / 2), width * (0.5 + safe / 2)
        self.image = Image.new("RGB", (width, height), product.design.ground)
        self.rng = np.random.default_rng(product.design.detail)
        self.middle = width / 2
        self.span = self.right - self.left
        self.unit = min(self.span, height * 0.75)
        """The length icons and small print are measured in, so squat labels stay in proportion."""

    # Colours -----------------------------------------------------------------------------------

    def on(self, ground: Colour, *, min_contrast: float = 3.2) -> Colour:
        """Returns the colour for text on ``ground``."""
        ink, panel = self.design.ink, self.design.panel
        if luminance(ground) < 0.33:
            # On a strong mid tone pale type looks crisper than the arithmetic of contrast says.
            return readable(ground, panel, ink, min_contrast=min_contrast - 0.6)
        return readable(ground, ink, panel, min_contrast=min_contrast)

    def accent_on(self, ground: Colour) -> Colour:
        """Returns the flavour's colour, moved until it can be read as type on ``ground``."""
        accent = self.product.accent
        for share in (0.0, 0.15, 0.3, 0.45):
            tone = darker(accent, share) if luminance(ground) > 0.3 else lighter(accent, share)
            if contrast(ground, tone) >= 2.9:
                return tone
        return self.on(ground)

    # Shapes ------------------------------------------------------------------------------------

    def fill(self, colour: Colour, box: Box | None = None, *, radius: float = 0) -> None:
        """Fills a rectangle, or all of the label."""
        x0, y0, x1, y1 = box or (0, 0, self.w, self.h)
        draw = ImageDraw.Draw(self.image)
        if radius <= 0:
            draw.rectangle((round(x0), round(y0), round(x1) - 1, round(y1) - 1), fill=colour)
            return
        mask, corner = self._mask((x0, y0, x1, y1))
        size = (mask.width - 1, mask.height - 1)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *size), radius * OVERSAMPLE, fill=255)
        self.image.paste(colour, corner, mask.reduce(OVERSAMPLE))

    def oval(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, ring: float = 0
    ) -> None:
        """Fills an ellipse, or draws its outline ``ring`` pixels wide."""
        mask, corner = self._mask((x - rx, y - ry, x + rx, y + ry))
        draw = ImageDraw.Draw(mask)
        size = (mask.width - 1, mask.height - 1)
        if ring:
            draw.ellipse((0, 0, *size), outline=255, width=max(1, round(ring * OVERSAMPLE)))
        else:
            draw.ellipse((0, 0, *size), fill=255)
        self.image.paste(colour, corner, mask.reduce(OVERSAMPLE))

    def poly(self, points: list[Point], colour: Colour) -> None:
        """Fills a polygon."""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (max(min(xs), 0), max(min(ys), 0), min(max(xs), self.w), min(max(ys), self.h))
        mask, (x0, y0) = self._mask(box)
        corners = [((x - x0) * OVERSAMPLE, (y - y0) * OVERSAMPLE) for x, y in points]
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        self.image.paste(colour, (x0, y0), mask.reduce(OVERSAMPLE))

    def swell(self, y: float, rise: float, waves: float, phase: float, colour: Colour) -> None:
        """Fills everything below a wave of height ``rise`` pixels around ``y``."""
        xs = np.linspace(0, self.w, 60)
        ys = y - rise * np.sin(2 * math.pi * (waves * xs / self.span + phase))
        edge = list(zip(xs.tolist(), ys.tolist(), strict=True))
        self.poly([*edge, (self.w, self.h), (0, self.h)], colour)

    def curve(self, points: list[Point], colour: Colour) -> None:
        """Fills the smooth closed curve through the points."""
        self.poly(smooth(points), colour)

    @staticmethod
    def _mask(box: Box) -> tuple[Image.Image, tuple[int, int]]:
        x0, y0 = round(box[0]), round(box[1])
        width, height = max(1, round(box[2]) - x0), max(1, round(box[3]) - y0)
        return Image.new("L", (width * OVERSAMPLE, height * OVERSAMPLE)), (x0, y0)

    # Pictures ----------------------------------------------------------------------------------

    def icon(
        self,
        x: float,
        y: float,
        size: float,
        *,
        lean: float = 0,
        colour: Colour | None = None,
        halo: Colour | None = None,
    ) -> None:
        """Draws the flavour's icon centred on a point, ``lean`` degrees counter-clockwise.

        Args:
            halo: Colour of a sticker's border around it, which parts it from a ground of its own
                colour; none when not given.
        """
        art = icon(self.product.icon, round(size), colour or self.product.accent)
        if lean:
            art = art.rotate(lean, Image.Resampling.BICUBIC, expand=True)
        if halo is not None:
            border = max(3, round(size * 0.035))
            room = Image.new("L", (art.width + 2 * border, art.height + 2 * border))
            room.paste(art.getchannel("A"), (border, border))
            room = room.filter(ImageFilter.GaussianBlur(border * 0.75)).point(
                [min(255, 5 * v) for v in range(256)]
            )
            self.image.paste(halo, (round(x - room.width / 2), round(y - room.height / 2)), room)
        self.image.paste(art, (round(x - art.width / 2), round(y - art.height / 2)), art)

    def stamp(self, x: float, y: float, size: float, colour: Colour, *, name: str = "") -> None:
        """Draws the icon's silhouette in one colour."""
        mask = silhouette(name or self.product.icon, round(size))
        self.image.paste(colour, (round(x - mask.width / 2), round(y - mask.height / 2)), mask)

    def cluster(self, x: float, y: float, size: float) -> None:
        """Draws a group of three icons, the main one in front."""
        self.icon(x - size * 0.42, y + size * 0.1, size * 0.62, lean=18)
        self.icon(x + size * 0.42, y + size * 0.1, size * 0.62, lean=-18)
        self.icon(x, y, size * 0.92)

    def pattern(self, colour: Colour, box: Box | None = None, *, kind: str = "") -> None:
        """Fills a box with a repeat in one colour: dots, icons, scales or crosses."""
        x0, y0, x1, y1 = box or (0, 0, self.w, self.h)
        kind = kind or str(self.rng.choice(["dots", "icons", "icons", "scales", "crosses"]))
        step = self.unit * {"icons": 0.26, "scales": 0.2}.get(kind, 0.125)
        part = self.image.crop((round(x0), round(y0), round(x1), round(y1)))
        draw = ImageDraw.Draw(part)
        for row in range(-1, int((y1 - y0) / step * 2) + 2):
            for column in range(-1, int((x1 - x0) / step) + 2):
                x, y = (column + 0.5 * (row % 2)) * step, row * step / 2
                if kind == "dots":
                    r = step * 0.13
                    draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
                elif kind == "icons" and row % 2 == 0:
                    mask = silhouette(self.product.icon, round(step * 0.62))
                    shift = step / 2 * (row // 2 % 2)
                    part.paste(colour, (round(x + shift), round(y)), mask)
                elif kind == "scales":
                    r = step * 0.46
                    width = max(2, round(step * 0.07))
                    draw.arc((x - r, y - r, x + r, y + r), 0, 180, fill=colour, width=width)
                elif kind == "crosses":
                    r, width = step * 0.16, max(2, round(step * 0.07))
                    draw.line((x - r, y, x + r, y), fill=colour, width=width)
                    draw.line((x, y - r, x, y + r), fill=colour, width=width)
        self.image.paste(part, (round(x0), round(y0)))

    # Words -------------------------------------------------------------------------------------

    def write(
        self,
        text: str,
        y0: float,
        y1: float,
        face: str,
        colour: Colour,
        *,
        align: str = "centre",
        lines: int = 1,
        x0: float = 0,
        x1: float = 1,
        cap: float = 1,
        valign: str = "middle",
    ) -> float:
        """Writes text between two heights, given as shares of the label; see ``lettering.write``.

        Args:
            x0: Left end, as a share of the safe area.
            x1: Right end, likewise.
            cap: Largest height of a capital, as a share of ``unit``.

        Returns:
            The last baseline as a share of the height.
        """
        box = (self.left + x0 * self.span, y0 * self.h, self.left + x1 * self.span, y1 * self.h)
        last = write(
            self.image,
            text,
            box,
            face,
            colour,
            align=align,
            valign=valign,
            lines=lines,
            cap=cap * self.unit,
        )
        return last / self.h
