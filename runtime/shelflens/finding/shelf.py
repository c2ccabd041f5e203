"""A photo of a shelf: every facing found, its row and position, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.finding.answers import embed_regions
from shelflens.finding.finder import Finder
from shelflens.finding.regions import Box, Region
from shelflens.finding.tiles import find_in, inside
from shelflens.model.embedder import Embedder

LEVELS = (1, 2, 3)
"""The picture is looked at whole, and in tiles of a half and of a third of its sides."""
OVERLAP = 0.5
"""Of neighbouring tiles, as a share of a tile: a facing cut by one lies whole in the next."""
INSIDE = 0.6
"""Share of the smaller of two boxes inside the other from which they are of one facing."""


@dataclass(frozen=True)
class Facing:
    """One product unit that the front of a shelf shows."""

    row: int
    """Of the shelf, from the top, 1 and up."""
    position: int
    """In the row, from the left, 1 and up."""
    region: Region
    answer: Answer

    @property
    def product(self) -> str:
        """The product id of a `match`, else ""."""
        return self.answer.best.id if self.answer.best else ""

    def to_dict(self) -> dict[str, Any]:
        """The facing as JSON values."""
        at = {"row": self.row, "position": self.position, "region": self.region.to_dict()}
        return {**at, **self.answer.to_dict()}


def find_facings(
    finder: Finder,
    pixels: NDArray[np.uint8],
    *,
    on_tile: Callable[[int, int], None] | None = None,
) -> list[Region]:
    """The products of a large picture, looked at in overlapping tiles of several sizes.

    Args:
        finder: The model.
        pixels: uint8 [h, w, 3], all of them.
        on_tile: Called with the number of tiles done, and of all.

    Returns:
        Regions with boxes as shares of the whole picture, in no order; each facing once.
    """
    tiles = all_tiles()
    found: list[Region] = []
    for number, tile in enumerate(tiles, 1):
        found += find_in(finder, pixels, tile)
        if on_tile is not None:
            on_tile(number, len(tiles))
    return merged(found)


def all_tiles() -> list[Box]:
    """What a picture is looked at in: those of each of `LEVELS`."""
    return [tile for level in LEVELS for tile in tiles_of(level)]


def tiles_of(level: int) -> list[Box]:
    """Overlapping tiles that cover the picture, each 1/level of its sides."""
    size = 1 / level
    count = 1 if level == 1 else round((1 - size) / (size * (1 - OVERLAP))) + 1
    starts = [0.0] if count == 1 else [index * (1 - size) / (count - 1) for index in range(count)]
    return [(x, y, x + size, y + size) for y in starts for x in starts]


def merged(regions: Sequence[Region]) -> list[Region]:
    """Of regions that lie in each other, that with the highest score."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda region: -region.score):
        if all(inside(region.box, better.box) < INSIDE for better in kept):
            kept.append(region)
    return kept


def rows_of(regions: Sequence[Region]) -> list[list[Region]]:
    """The rows of a shelf, top first, each from left to right.

    Products of a row stand on one board: their boxes' lower sides lie together, nearer than half
    the middle height of a box.
    """
    if not regions:
        return []
    ordered = sorted(regions, key=lambda region: region.box[3])
    heights = sorted(region.box[3] - region.box[1] for region in regions)
    step = heights[len(heights) // 2] / 2
    rows = [[ordered[0]]]
    for region in ordered[1:]:
        if region.box[3] - rows[-1][-1].box[3] > step:
            rows.append([])
        rows[-1].append(region)
    return [sorted(row, key=lambda region: region.box[0]) for row in rows]


def read_shelf(
    embedder: Embedder,
    catalog: Catalog,
    pixels: NDArray[np.uint8],
    regions: Sequence[Region],
    *,
    on_facing: Callable[[int, int], None] | None = None,
) -> list[Facing]:
    """Each facing with its row, its position and its answer, row by row.

    Args:
        embedder: The model.
        catalog: What is sold.
        pixels: uint8 [h, w, 3].
        regions: From `find_facings`.
        on_facing: Called with the number of facings done, and of all.

    Raises:
        CatalogError: vectors that do not fit the catalog.
    """
    facings: list[Facing] = []
    for row, members in enumerate(rows_of(regions), 1):
        embedded = embed_regions(embedder, pixels, members, "")
        for position, (region, query) in enumerate(embedded, 1):
            facings.append(Facing(row, position, region, catalog.answer(query.vector)))
            if on_facing is not None:
                on_facing(len(facings), len(regions))
    return facings
