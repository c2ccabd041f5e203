"""Which frames are used: sharpness and difference, on the pixels that the model gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.errors import DataError
from shelflens.options import option

COMPARED_SIDE = 32
"""Side of the thumbnails by which frames are compared. Each of their pixels is the mean of 7 x 7 of
the model's 224 x 224, which averages the noise of a camera out."""

HALF = 2
"""Sharpness is measured at half of the model's side: noise is averaged, lettering stays."""

_MIN_VARIANCE = 1.0
"""Minimum variance of the grey that sharpness is relative to; below, there is only noise."""


@dataclass(frozen=True)
class FrameFilter:
    """Options of when a frame is used, and when an answer is given.

    The defaults are chosen by `benchmarks/quality/frame_filter.py`.
    """

    sharp: float = option(
        0.12,
        "variance of the Laplacian over that of the grey from which a frame is sharp; photos in "
        "focus have more, those out of focus by 2 % of the width 0.03",
    )
    steady: float = option(
        14.0,
        "levels of 255 that frames may differ by while the product is held still; a hand's tremble "
        "gives up to 11, a slide by a tenth of the width 15 and more",
    )
    change: float = option(
        18.0,
        "levels of 255 above which it is another scene; another product gives 30 and more, its "
        "removal 20",
    )
    settle: float = option(
        0.3, "seconds of being still before the first photo; with less, passing hands are answered"
    )
    burst: int = option(3, "photos of one product that are fused into its answer; more gain little")
    apart: float = option(0.1, "seconds between them; two frames of the same moment add nothing")
    patience: float = option(
        1.0, "seconds of being still after which fewer sharp photos are enough"
    )
    again: float = option(
        1.0,
        "seconds within which the same product is not answered again: a hand has shifted it",
    )

    def __post_init__(self) -> None:
        for name in ("sharp", "steady", "change", "settle", "apart", "patience", "again"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise DataError(f"{name}: expected a number from 0, got {getattr(self, name)}")
        if not 1 <= self.burst <= 100:
            raise DataError(f"burst: expected 1 to 100 photos, got {self.burst}")
        if self.change < self.steady:
            raise DataError(
                f"change: expected at least steady ({self.steady:g}), got {self.change:g}; a still "
                "frame would be another scene"
            )


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """How sharp an image is, independent of light and contrast.

    Variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy"), here over the variance of the grey itself, so that one threshold is valid in every
    light.

    Args:
        pixels: uint8 RGB [side, side, 3].

    Returns:
        Without unit, 0 for a uniform image; about 0.02 out of focus, 0.5 sharp, 1 and more noise.
    """
    side = max(pixels.shape[0] // HALF, 3)
    half = Image.fromarray(pixels).convert("L").resize((side, side), Image.Resampling.BOX)
    grey = np.asarray(half, np.float32)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((4 * grey[1:-1, 1:-1] - around).var() / max(float(grey.var()), _MIN_VARIANCE))


def downscale(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A thumbnail to be compared: uint8 RGB [side, side, 3] -> float32 [32, 32, 3].

    In colour: a red and a green variant of one pack can have the same grey.
    """
    side = (COMPARED_SIDE, COMPARED_SIDE)
    return np.array(Image.fromarray(pixels).resize(side, Image.Resampling.BOX), np.float32)


def difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean absolute difference of two thumbnails, in levels of 255.

    Without the difference of their means: a change of light or exposure is not a new scene.
    """
    change = a - b
    return float(np.abs(change - change.mean((0, 1))).mean())
