"""Looks an icon up by name and draws it once per size and colour."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image

from shelflens_train.synthetic.colour import Colour
from shelflens_train.synthetic.icons.fruit import FRUIT
from shelflens_train.synthetic.icons.garden import GARDEN
from shelflens_train.synthetic.icons.pantry import PANTRY
from shelflens_train.synthetic.pen import Pen

ICONS = FRUIT | GARDEN | PANTRY


@lru_cache(maxsize=512)
def icon(name: str, size: int, colour: Colour) -> Image.Image:
    """Returns the icon as RGBA, ``size`` pixels square. Shared: callers must not draw on it.

    Args:
        name: A key of ``ICONS``.
        size: Side in pixels.
        colour: The colour of its main body; leaves and stalks keep theirs.
    """
    pen = Pen(max(size, 8))
    ICONS[name](pen, colour)
    return pen.finish()


@lru_cache(maxsize=512)
def silhouette(name: str, size: int) -> Image.Image:
    """Returns the icon's outline as a mask, mode L, ``size`` pixels square. Read only."""
    return icon(name, size, (120, 120, 120)).getchannel("A")
