"""Is a frame worth looking at? Sharpness and difference, on the pixels that the model will see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.errors import DataError
from shelflens.options import option

SMALL = 32
"""Side of the small picture that frames are compared by. Each of its pixels is the mean of 7 x 7
of the model's 224 x 224, in which the noise of a camera drowns."""

_HALF = 2
"""Sharpness is measured at half of the model's side: noise is fine and goes, lettering stays."""

_FLAT = 1.0
"""Least variance of the grey that sharpness is relative to; below, there is only noise."""


@dataclass(frozen=True)
class FrameFilter:
    """Knobs of when a frame is taken, and when an answer is given.

    The defaults are judged on films of the drawn demo photos (`tests/film.py`), with the noise of
    a sensor and a trembling hand: every photo of the demo is sharp, none is when out of focus by
    2 % of its width; two photos of different products differ by 32 or more.
    """

    sharp: float = option(
        0.12,
        "variance of the Laplacian over that of the grey from which a frame is sharp; the least "
        "sharp demo photo has 0.14, out of focus by 2 % of the width 0.03",
    )
    steady: float = option(
        14.0,
        "levels of 255 that the picture may differ by while it is still; a hand's tremble of 0.3 % "
        "of the width gives up to 11, a slide by a tenth of it 15 and more",
    )
    change: float = option(
        18.0,
        "levels of 255 above which it is another scene; another product gives 30 and more, "
        "its going 20",
    )
    settle: float = option(
        0.3, "seconds of being still before the first photo; shorter, hands in passing are answered"
    )
    burst: int = option(3, "photos of one thing that are fused into its answer; more gain little")
    apart: float = option(0.1, "seconds between them; two frames of one moment say the same twice")
    patience: float = option(
        1.0, "seconds of being still after which fewer sharp photos have to do; people wait no more"
    )
    again: float = option(
        1.0,
        "seconds within which the same product is still the same showing: a hand that shifted it",
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
                "picture would be another scene"
            )


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """How sharp a picture is, whatever its light and contrast.

    Variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy"), here over the variance of the grey itself, so that one threshold does in every
    light. On the demo photos it tells sharp from blurred by 2.5 % of the width with AUC 0.95, and
    from out of focus with 1.00; 0.84 and 0.94 in dim light with much noise. Over the mean gradient
    (Tenengrad) it was better without noise and worse with it.

    Args:
        pixels: uint8 RGB [side, side, 3].

    Returns:
        Without unit, 0 for a flat picture; about 0.02 out of focus, 0.5 sharp, 1 and more noise.
    """
    side = max(pixels.shape[0] // _HALF, 3)
    half = Image.fromarray(pixels).convert("L").resize((side, side), Image.Resampling.BOX)
    grey = np.asarray(half, np.float32)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((4 * grey[1:-1, 1:-1] - around).var() / max(float(grey.var()), _FLAT))


def small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture in small, to be compared: uint8 RGB [side, side, 3] -> float32 [32, 32, 3].

    In colour: a red and a green variant of one pack can be the same grey.
    """
    one = Image.fromarray(pixels).resize((SMALL, SMALL), Image.Resampling.BOX)
    return np.array(one, np.float32)


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean absolute difference of two small pictures, in levels of 255.

    Without that of their means: a lamp or the camera's exposure is no new scene.
    """
    apart = one - other
    return float(np.abs(apart - apart.mean((0, 1))).mean())
