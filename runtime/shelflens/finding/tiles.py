"""Parts of a picture that the finder looks at one by one: small products are larger in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.finding.finder import Finder
from shelflens.finding.regions import MIN_SCORE, Box, Region, intersection, iou, without_overlap
from shelflens.model.image import load_image

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
CORNERS: tuple[Box, ...] = tuple((x, y, x + 0.6, y + 0.6) for y in (0.0, 0.4) for x in (0.0, 0.4))
"""Tiles of 0.6 of the picture's sides; what is up to a fifth of a side lies whole in one."""
CLOSE_SCORE = 0.3
"""From which a region counts where tiles are looked at too: there are more of them then."""
LARGE_IN_TILE = 0.7
"""Share of a tile's side from which a region is left to the whole picture."""
PART = 0.7
"""Share of a region inside a sure one of the whole picture from which it is a part of it ..."""
SMALLER = 0.6
"""... if its area is below this share of that one's."""
EDGE = 0.02
"""A box that ends this near the inner edge of a tile, as a share of it, was cut by it."""
SURROUNDINGS = 0.3
"""Seen on every side of a region that is looked at again, as a share of its own."""
AGAIN_SCORE = 0.15
"""From which a region counts there: that a product is there was settled before."""
AGREES = 0.3
"""IoU of the two boxes from which they are of one product, and their mean is taken."""


def find_closely(
    finder: Finder, pixels: NDArray[np.uint8], *, min_score: float = CLOSE_SCORE
) -> list[Region]:
    """The products of a picture of several: in the whole, in four tiles, each once more by itself.

    A product that the whole picture shows as one is not taken apart: what lies in it and is smaller
    is dropped. The work is that of five pictures, and of one more for each product.

    Args:
        finder: The model.
        pixels: uint8 [h, w, 3].
        min_score: Of a region.

    Returns:
        Regions, surest first; an empty list where no product was found.
    """
    whole = find_in(finder, pixels, WHOLE, min_score=min_score)
    sure = [region for region in whole if region.score >= CLOSE_SCORE]

    def is_part(region: Region) -> bool:
        return any(
            inside(region.box, larger.box) >= PART and region.area < SMALLER * larger.area
            for larger in sure
        )

    close = [
        region
        for tile in CORNERS
        for region in find_in(finder, pixels, tile, min_score=min_score)
        if _longer_side(region) <= LARGE_IN_TILE * (tile[2] - tile[0]) and not is_part(region)
    ]
    found = without_overlap(whole + close)
    return without_overlap([look_again(finder, pixels, region) for region in found])


def look_again(finder: Finder, pixels: NDArray[np.uint8], region: Region) -> Region:
    """The same region with a more exact box: the mean of its own and of that in its surroundings.

    Regions below `CLOSE_SCORE`, and those not found again there, stay as they are.

    Args:
        finder: The model.
        pixels: uint8 [h, w, 3], the whole picture.
        region: Of it.
    """
    if region.score < CLOSE_SCORE:
        return region
    around = surroundings(region)
    found = find_in(finder, pixels, around, min_score=AGAIN_SCORE)
    again = max(found, key=lambda each: iou(each.box, region.box), default=region)
    if iou(again.box, region.box) < AGREES:
        return region
    left, top, right, bottom = ((a + b) / 2 for a, b in zip(region.box, again.box, strict=True))
    return Region((left, top, right, bottom), region.score)


def surroundings(region: Region) -> Box:
    """A region with what lies around it, as far as the picture goes."""
    left, top, right, bottom = region.box
    across, down = (right - left) * SURROUNDINGS, (bottom - top) * SURROUNDINGS
    return (
        max(0.0, left - across), max(0.0, top - down),
        min(1.0, right + across), min(1.0, bottom + down),
    )  # fmt: skip


def find_in(
    finder: Finder, pixels: NDArray[np.uint8], tile: Box, *, min_score: float = MIN_SCORE
) -> list[Region]:
    """What a part of a picture shows whole, in shares of the picture.

    Args:
        finder: The model.
        pixels: uint8 [h, w, 3], the whole picture.
        tile: The part, as shares of it.
        min_score: Of a region.
    """
    part = load_image(part_of(pixels, tile), size=finder.card.size)
    found = finder.find(part, min_score=min_score)
    return [_in_picture(region, tile) for region in found if not _is_cut(region, tile)]


def part_of(picture: NDArray[Any], tile: Box) -> NDArray[Any]:
    """A view of a tile's pixels: [h, w, ...] -> [h', w', ...], at least one each way."""
    height, width = picture.shape[:2]
    x0, y0 = (min(int(a * b), b - 1) for a, b in ((tile[0], width), (tile[1], height)))
    x1, y1 = max(x0 + 1, round(tile[2] * width)), max(y0 + 1, round(tile[3] * height))
    return picture[y0:y1, x0:x1]


def inside(first: Box, second: Box) -> float:
    """Intersection of two boxes as a share of the smaller."""
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return intersection(first, second) / max(min(areas), 1e-9)


def _longer_side(region: Region) -> float:
    left, top, right, bottom = region.box
    return max(right - left, bottom - top)


def _in_picture(region: Region, tile: Box) -> Region:
    (left, top, right, bottom), (x, y, x1, y1) = region.box, tile
    width, height = x1 - x, y1 - y
    box = (x + left * width, y + top * height, x + right * width, y + bottom * height)
    return Region(box, region.score)


def _is_cut(region: Region, tile: Box) -> bool:
    left, top, right, bottom = region.box
    return (
        (left < EDGE and tile[0] > 0)
        or (top < EDGE and tile[1] > 0)
        or (right > 1 - EDGE and tile[2] < 1 - 1e-9)
        or (bottom > 1 - EDGE and tile[3] < 1 - 1e-9)
    )
