"""Twelve ways to lay out a label, by name."""

from __future__ import annotations

from collections.abc import Callable

from shelflens_train.synthetic.layouts import graphic, scenic
from shelflens_train.synthetic.layouts.label import Label

Layout = Callable[[Label], None]
LAYOUTS: dict[str, Layout] = {
    layout.__name__: layout
    for layout in (
        graphic.band,
        graphic.diagonal,
        graphic.pattern,
        graphic.swiss,
        graphic.stripes,
        graphic.blocks,
        scenic.medallion,
        scenic.hills,
        scenic.wave,
        scenic.arch,
        scenic.hero,
        scenic.rays,
    )
}
