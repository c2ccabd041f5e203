"""Cut-outs from photos on a plain ground, so that training can show a thing elsewhere."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

_SIDE = 256
_PLAIN = 40.0
"""How far a ground may depart from its median, of 255."""
_TOLERANCES = (14.0, 32.0)
"""Between which noise decides what still is ground; a noisier one is given up."""
_AREA = (0.06, 0.8)
_TOUCHING = 0.12
"""Share of the border that a thing may cover."""


def opacity(photo: Image.Image) -> Image.Image | None:
    """What is not ground: the ground is one colour with a slow change of light, from the border in.

    Args:
        photo: RGB.

    Returns:
        Mode L, as large as the photo; None where the ground is not plain or what is left is not
        one thing.
    """
    scale = _SIDE / max(photo.size)
    size = (max(8, round(photo.width * scale)), max(8, round(photo.height * scale)))
    pixels = np.asarray(photo.resize(size, Image.Resampling.BILINEAR), np.float32)
    height, width = pixels.shape[:2]
    edge = np.ones((height, width), bool)
    margin = max(2, height // 40)
    edge[margin:-margin, margin:-margin] = False
    median = np.median(pixels[edge], axis=0)
    near = edge & (np.abs(pixels - median).max(axis=2) < _PLAIN)
    if near.sum() < 0.85 * edge.sum():
        return None
    y, x = np.mgrid[0:height, 0:width]
    terms = np.stack([np.ones(x.size), x.ravel() / width, y.ravel() / height], axis=1)
    plane, *_ = np.linalg.lstsq(terms[near.ravel()], pixels[near], rcond=None)
    apart = pixels - (terms @ plane).reshape(pixels.shape)
    tolerance = max(_TOLERANCES[0], 2.5 * float(np.std(apart[near])))
    if tolerance > _TOLERANCES[1]:
        return None
    regions, _ = ndimage.label(np.abs(apart).max(axis=2) < tolerance)
    ground = np.isin(regions, np.setdiff1d(regions[edge], [0]))
    thing = ndimage.binary_fill_holes(ndimage.binary_opening(~ground))
    parts, count = ndimage.label(thing)
    if not count:
        return None
    sizes = ndimage.sum(thing, parts, range(1, count + 1))
    kept = np.isin(parts, 1 + np.flatnonzero(sizes > 0.02 * thing.sum()))
    whole = sizes.max() >= 0.6 * thing.sum()
    if not (whole and _AREA[0] < kept.mean() < _AREA[1] and kept[edge].mean() <= _TOUCHING):
        return None
    soft = ndimage.gaussian_filter(ndimage.binary_erosion(kept).astype(np.float32), 0.7)
    mask = Image.fromarray((soft * 255).astype(np.uint8))
    return mask.resize(photo.size, Image.Resampling.BILINEAR)
