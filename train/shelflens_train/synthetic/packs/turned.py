"""Solids of revolution: cans, jars, bottles, cups and tubes are a profile and a skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens_train.synthetic.colour import Colour, darker, lighter

Floats = NDArray[np.float32]
SKIN_WIDTH = 720
"""Pixels of skin from the left edge of the solid to its right edge, measured around it."""


@dataclass
class Turned:
    """A solid seen from the front and slightly above.

    Args:
        height: Of the solid in pixels, without what the view from above adds.
        profile: (height, radius) knots from top to bottom, pixels; straight lines between them.
        tilt: Sine of the angle the camera looks down by; how round its ellipses are.
    """

    height: int
    profile: Sequence[tuple[float, float]]
    tilt: float = 0.1
    skin: Image.Image = field(init=False)
    gloss: Floats = field(init=False)
    metal: Floats = field(init=False)
    top: Image.Image | None = None

    def __post_init__(self) -> None:
        self.skin = Image.new("RGB", (SKIN_WIDTH, self.height), (255, 255, 255))
        self.gloss = np.full(self.height, 0.25, np.float32)
        self.metal = np.zeros(self.height, np.float32)

    def wrap(
        self,
        y0: float,
        y1: float,
        what: Colour | Image.Image,
        *,
        gloss: float = 0.25,
        metal: float = 0.0,
    ) -> None:
        """Covers the rows ``y0`` to ``y1`` with a colour, or with artwork around the visible half.

        Args:
            gloss: Strength of the highlights, 0 (paper) to 1 (glass).
            metal: How much it mirrors the studio, 0 to 1.
        """
        top, bottom = max(0, round(y0)), min(self.height, round(y1))
        if isinstance(what, Image.Image):
            self.skin.paste(what.resize((SKIN_WIDTH, bottom - top)), (0, top))
        else:
            self.skin.paste(what, (0, top, SKIN_WIDTH, bottom))
        self.gloss[top:bottom] = gloss
        self.metal[top:bottom] = metal

    def ridges(self, y0: float, y1: float, count: int, depth: float) -> None:
        """Cuts vertical ridges, as a screw cap has; ``depth`` 0..1 is how dark they get."""
        top, bottom = max(0, round(y0)), min(self.height, round(y1))
        u = np.linspace(-1, 1, SKIN_WIDTH)
        shade = 1 - depth * (0.5 + 0.5 * np.sin(u * count * np.pi))
        part = np.asarray(self.skin.crop((0, top, SKIN_WIDTH, bottom)), np.float32) * shade[:, None]
        self.skin.paste(Image.fromarray(part.astype(np.uint8)), (0, top))

    def rings(self, heights: Sequence[float], strength: float = 0.3) -> None:
        """Presses rings into the solid: a dark line with a bright one under it at each height."""
        draw = ImageDraw.Draw(self.skin)
        for y in heights:
            row = self.skin.getpixel((SKIN_WIDTH // 2, min(self.height - 1, max(0, round(y)))))
            colour = row if isinstance(row, tuple) else (200, 200, 200)
            base: Colour = (int(colour[0]), int(colour[1]), int(colour[2]))
            draw.rectangle((0, round(y) - 2, SKIN_WIDTH, round(y)), fill=darker(base, strength))
            draw.rectangle(
                (0, round(y) + 1, SKIN_WIDTH, round(y) + 3), fill=lighter(base, strength)
            )

    def lid(self, colour: Colour, *, rim: Colour | None = None, tab: Colour | None = None) -> None:
        """Covers the top: a disc of one colour, with a rim and a pull tab if asked."""
        size = 400
        disc = Image.new("RGB", (size, size), rim or lighter(colour, 0.3))
        draw = ImageDraw.Draw(disc)
        draw.ellipse((12, 12, size - 13, size - 13), fill=darker(colour, 0.22))
        draw.ellipse((24, 30, size - 25, size - 13), fill=colour)
        if tab is not None:
            draw.ellipse((150, 170, 250, 340), fill=darker(colour, 0.25))
            draw.ellipse((155, 165, 245, 330), fill=tab)
            draw.ellipse((178, 260, 222, 310), fill=darker(colour, 0.35))
        self.top = disc

    def render(self) -> Image.Image:
        """Returns the solid cut out, RGBA, just as large as it needs to be."""
        knots = np.array(self.profile, np.float32)
        radius = np.interp(np.arange(self.height), knots[:, 0], knots[:, 1]).astype(np.float32)
        widest = float(radius.max())
        above, below = self.tilt * float(radius[0]), self.tilt * float(radius[-1])
        width, height = 2 * int(np.ceil(widest)) + 2, int(np.ceil(self.height + above + below)) + 1
        x = (np.arange(width, dtype=np.float32) - (width - 1) / 2)[None, :]
        y = (np.arange(height, dtype=np.float32) - above)[:, None]
        row = np.broadcast_to(y - self.tilt * widest * 0.5, (height, width))
        for _ in range(2):  # which height of the solid is seen here: it bulges towards the camera
            r = radius[np.clip(row, 0, self.height - 1).astype(np.int32)]
            row = y - self.tilt * np.sqrt(np.maximum(r * r - x * x, 0))
        index = np.clip(row, 0, self.height - 1).astype(np.int32)
        r = radius[index]
        side = np.clip(x / r, -1, 1)
        around = ((np.arcsin(side) / np.pi + 0.5) * (SKIN_WIDTH - 1) + 0.5).astype(np.int32)
        # Between two rows of skin the colour is blended; without that, small type has steps.
        share = np.clip(row - index, 0, 1).astype(np.float32)
        here = index * SKIN_WIDTH + around
        below_it = np.minimum(index + 1, self.height - 1) * SKIN_WIDTH + around
        slope = np.gradient(radius).clip(-1.5, 1.5)[index]
        lit, shine = self._light(side, slope, self.metal[index], self.gloss[index])
        shine *= 255
        colour = np.empty((height, width, 3), np.float32)
        for channel, skin in enumerate(self.skin.split()):  # long rows of one channel are fast
            values = np.asarray(skin).ravel()
            tone = values[here].astype(np.float32)
            tone += (values[below_it].astype(np.float32) - tone) * share
            colour[..., channel] = tone * lit + shine
        ends = np.minimum(row + 0.5, self.height - row)
        alpha = np.clip(np.minimum(r - np.abs(x) + 0.5, ends), 0, 1).astype(np.float32)
        if self.top is not None and above >= 1:
            self._paste_top(colour, alpha, float(radius[0]), above, width)
        pixels = np.dstack([colour.clip(0, 255), alpha * 255]).astype(np.uint8)
        return Image.fromarray(pixels, "RGBA")

    @staticmethod
    def _light(side: Floats, slope: Floats, metal: Floats, gloss: Floats) -> tuple[Floats, Floats]:
        """Returns what to multiply the skin by and what white to add, for a window on the left."""
        round_off = np.sqrt(np.maximum(1 - side * side, 0))
        lit = 0.5 + 0.5 * round_off**0.6 - 0.17 * side + 0.04
        lit = lit + 0.16 * np.clip(slope, -1, 1)  # a shoulder that faces up catches the ceiling
        bands = 0.16 * np.cos(side * 7.5 + 1.0) + 0.12 * np.cos(side * 17 - 0.6)
        lit = lit + metal * bands
        window = np.exp(-(((side + 0.6) / 0.085) ** 2)) + 0.35 * np.exp(
            -(((side + 0.42) / 0.035) ** 2)
        )
        rim = np.exp(-(((side - 0.86) / 0.05) ** 2))
        shine = gloss * (0.42 * window + 0.2 * rim)
        return lit.astype(np.float32), shine.astype(np.float32)

    def _paste_top(
        self, colour: Floats, alpha: Floats, radius: float, above: float, width: int
    ) -> None:
        if self.top is None:
            return
        size = (max(2, round(2 * radius)), max(2, round(2 * above)))
        disc = np.asarray(self.top.resize(size, Image.Resampling.BICUBIC), np.float32)
        u = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
        v = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
        hit = u * u + v * v <= 1
        lit = 1.02 - 0.1 * u + 0.06 * v + 0.07 * np.cos(u * 5 + v * 3)
        x0 = (width - size[0]) // 2
        part = colour[: size[1], x0 : x0 + size[0]]
        part[hit] = (disc * lit[..., None])[: part.shape[0]][hit]
        alpha[: size[1], x0 : x0 + size[0]][hit] = 1
