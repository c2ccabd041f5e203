"""Where a phone photo is taken: before a shop shelf, at a table, or looking down on a surface.

A scene is painted flat and larger than the frame; ``phone`` then sees it at an angle.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from shelflens_train.synthetic.scenes.above import above
from shelflens_train.synthetic.scenes.shelf import shelf
from shelflens_train.synthetic.scenes.stage import Stage
from shelflens_train.synthetic.scenes.table import table

Scene = Callable[[Stage], Image.Image]

SCENES: tuple[tuple[Scene, float], ...] = ((shelf, 0.45), (table, 0.35), (above, 0.2))
"""Each scene and how often it is chosen."""
