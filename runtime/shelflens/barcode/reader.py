"""Reading the barcodes of products from a photo, through zxing-cpp (the extra [barcode]).

zxing-cpp reads codes that stand nearly upright or turned by quarters, and near the limit of
sharpness it now and then reads another number with a right check digit. So regions of parallel
edges are found first, turned upright, and a number counts when two more views of a region agree on
it than on another.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelflens.barcode.gtin import gtin
from shelflens.model.image import Photo, load_reduced

LONGEST = 1600
"""Pixels of the longest side in which barcodes are looked for: a code across an eighth of a photo
still has two pixels for each of its 95 bars."""

_REGIONS = 3
"""Regions that are read, those with most edges first."""
_BLOCK = 12
"""Side of a block in which the direction of edges is estimated, pixels of the halved photo."""
_COHERENT, _STRONG = 0.6, 0.15
"""Of a block's gradients: how alike their directions are (0 to 1), and their energy as a share of
the strongest block's."""
_TURN = 15.0
"""Degrees between neighbouring blocks of one region."""
_SMALLEST = 6
"""Blocks."""
_MARGIN = 1.35
"""Of the side of what is read, times the region's."""
_VIEW = 1000
"""Pixels of the longest side that a region is enlarged to, at most twice."""
_LEAD = 2
"""Views that must read a number, beyond those that read another."""

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A part of a photo with parallel edges."""

    centre: tuple[float, float]
    """x, y, pixels."""
    radius: float
    """Pixels, from the centre to the farthest block."""
    angle: float
    """Degrees counterclockwise by which it must be turned so that its edges stand upright."""


def can_read_barcodes() -> bool:
    """Whether zxing-cpp is installed."""
    return importlib.util.find_spec("zxingcpp") is not None


def grey_of(photo: Photo) -> Grey:
    """A photo as `read_barcodes` takes it: luminance, uint8 [h, w], at most `LONGEST` a side.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    picture = Image.fromarray(load_reduced(photo, LONGEST * 3 // 4)).convert("L")
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def read_barcodes(grey: Grey) -> list[str]:
    """The numbers of all product barcodes in a photo: EAN-13, EAN-8 and UPC-A.

    Args:
        grey: uint8 [h, w], luminance, the longest side about `LONGEST`.

    Returns:
        Different numbers, 14 digits each, those with most edges first.

    Raises:
        ImportError: zxing-cpp is not installed.
    """
    numbers = [_number(grey, region) for region in regions(grey)]
    return list(dict.fromkeys(number for number in numbers if number))


def _number(grey: Grey, region: Region) -> str | None:
    """The number of a region, by the votes of its views; without any vote of the first, none."""
    votes: Counter[str] = Counter()
    for view in _views(grey, region):
        votes.update(_read(view))
        if not votes:
            return None
        (first, count), *rest = votes.most_common(2)
        if count - sum(second for _, second in rest) >= _LEAD:
            return first
    return None


def _views(grey: Grey, region: Region) -> Iterator[Grey]:
    (x, y), reach = region.centre, int(np.ceil(region.radius * _MARGIN))
    box = (round(x) - reach, round(y) - reach, round(x) + reach, round(y) + reach)
    part = Image.fromarray(grey).crop(box)
    upright = part.rotate(region.angle, Image.Resampling.BICUBIC, fillcolor=255)
    factor = min(2.0, _VIEW / max(upright.size))
    size = (round(factor * upright.width), round(factor * upright.height))
    smooth = upright.resize(size, Image.Resampling.BICUBIC)
    yield np.asarray(smooth.filter(ImageFilter.UnsharpMask(3, 150, 0)))  # reads the blurred too
    yield np.asarray(smooth.filter(ImageFilter.UnsharpMask(4, 250, 0)))
    yield np.asarray(smooth)
    yield np.asarray(upright)


def _read(grey: Grey) -> set[str]:
    import zxingcpp

    kinds = zxingcpp.BarcodeFormat
    # A UPC-E has no second half to check: parts of other codes pass for one, in all views alike.
    formats = [kinds.EAN13, kinds.EAN8, kinds.UPCA]
    read = zxingcpp.read_barcodes(np.ascontiguousarray(grey), formats=formats)
    return {number for barcode in read if (number := gtin(barcode.text))}


def regions(grey: Grey) -> list[Region]:
    """Where many parallel edges lie together, by the structure tensor of blocks.

    Bigun and Granlund, "Optimal Orientation Detection of Linear Symmetry", ICCV 1987.

    Args:
        grey: uint8 [h, w].

    Returns:
        At most three, those with most edges first.
    """
    values = np.asarray(Image.fromarray(grey).reduce(2), np.float32)
    if min(values.shape) < 2 * _BLOCK:
        return []
    down, right = (np.asarray(part, np.float32) for part in np.gradient(values))
    xx, yy, xy = _blocks(right * right), _blocks(down * down), _blocks(right * down)
    energy = xx + yy
    apart = np.hypot(xx - yy, 2 * xy)
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))  # of the gradient, rows down
    chosen = (apart > _COHERENT * energy) & (energy > _STRONG * energy.max())
    found = []
    for blocks in _connected(chosen, angle):
        rows, columns = np.array(blocks).T
        if len(rows) < _SMALLEST:
            continue
        weight = apart[rows, columns]
        doubled = np.exp(2j * np.radians(angle[rows, columns]))
        mean = float(np.degrees(0.5 * np.angle((weight * doubled).sum())))
        middle = ((columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2)
        apart_x, apart_y = columns + 0.5 - middle[0], rows + 0.5 - middle[1]
        radius = float(np.hypot(apart_x, apart_y).max()) + 1
        centre = (middle[0] * 2 * _BLOCK, middle[1] * 2 * _BLOCK)
        found.append((float(weight.sum()), Region(centre, radius * 2 * _BLOCK, mean)))
    found.sort(key=lambda pair: -pair[0])
    return [region for _, region in found[:_REGIONS]]


def _blocks(values: Floats) -> Floats:
    """Means of the whole blocks of an image."""
    rows, columns = (length // _BLOCK for length in values.shape)
    cut = values[: rows * _BLOCK, : columns * _BLOCK]
    means: Floats = cut.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    return means


def _connected(chosen: NDArray[np.bool_], angle: Floats) -> Iterator[list[tuple[int, int]]]:
    """Groups of chosen blocks that touch each other and have nearly one direction."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(chosen), strict=True)}
    while left:
        group = [left.pop()]
        for row, column in group:
            for near in [
                (row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)
            ]:
                if near in left and _between(angle[near], angle[row, column]) < _TURN:
                    left.remove(near)
                    group.append(near)
        yield group


def _between(first: float, second: float) -> float:
    """Degrees between two directions, 0 to 90."""
    return float(abs((first - second + 90) % 180 - 90))
