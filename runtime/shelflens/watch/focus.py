"""Whether a frame is in focus, for goods of every kind, learnt from what this camera gives.

`frame_filter.sharpness` relates fine detail to contrast: print has much, a plain shirt has little,
however sharp it is. Here only the strongest edges are looked at, and how steep they are does not
depend on how many there are.

Two things are learnt over the stream: the camera's noise, which looks like detail, and how steep
edges get at best when the lens is soft.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.watch.frame_filter import HALF, sharpness
from shelflens.watch.ring_buffer import RingBuffer
from shelflens.watch.scene import State

STEEP = 0.6
"""Steepness from which edges are in focus: photos in focus have 1.1 and more, those out of focus by
0.5 % of the width 0.7 to 1.4, by 1 % 0.3 to 0.8, by 2 % up to 0.4; less with noise."""

_SOFT = 0.4
"""Steepness below which a frame is never in focus, whatever the camera gave before."""

_SOFT_SHARE = 0.8
"""Share of the best steepness of a soft lens from which its frames are taken as in focus."""

_SOFT_SCENES = 3
"""Scenes that were held still and were not in focus, one after the other, until the lens is taken
to be soft."""

_EDGES = 0.01
"""Share of the pixels that are looked at: those with the highest gradient."""

_LAPLACIAN_NOISE = 20**0.5
"""Standard deviation of the Laplacian (4, -1, -1, -1, -1) of noise of standard deviation 1."""

_MEDIAN = 0.6745
"""Median of the magnitude of a normal variable of standard deviation 1."""

_MAX_OF_NINE = 2.0
"""Mean of the largest magnitude of nine such variables, about."""

_MIN_CONTRAST = 4.0
"""Gradient, in standard deviations of the noise, below which there is no edge to judge by."""


def steepness(pixels: NDArray[np.uint8], noise: float | None = None) -> tuple[float, float]:
    """How steep the strongest edges are, independent of light, contrast and their number.

    The largest Laplacian around each of the strongest edges, over the gradient there: the inverse
    of the edge's width, as in the width of edges of Marziliano et al. 2002, "A no-reference
    perceptual blur metric". The noise is that of the median of the Laplacian's magnitude (Immerkær
    1996, "Fast noise variance estimation", with the robust estimate of Donoho and Johnstone 1994).

    Args:
        pixels: uint8 RGB [side, side, 3].
        noise: Standard deviation of the camera's noise at half of the side, levels of 255, if it is
            known to be lower than this image's, which fine print raises.

    Returns:
        The steepness without unit, 0 when there is no edge; and this image's own noise.
    """
    side = max(pixels.shape[0] // HALF, 3)
    half = Image.fromarray(pixels).convert("L").resize((side, side), Image.Resampling.BOX)
    grey = np.asarray(half, np.float32)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    laplacian = np.abs(4 * grey[1:-1, 1:-1] - around)
    across = (grey[1:-1, 2:] - grey[1:-1, :-2]) / 2
    down = (grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    gradient = np.hypot(across, down)
    own_noise = float(np.median(laplacian)) / (_MEDIAN * _LAPLACIAN_NOISE)
    sigma = own_noise if noise is None else min(noise, own_noise)
    count = max(int(gradient.size * _EDGES), 1)
    edges = np.argpartition(gradient, -count, axis=None)[-count:]
    height = float(gradient.flat[edges].mean())
    if height < max(_MIN_CONTRAST * sigma, 1.0):
        return 0.0, own_noise
    rows, columns = np.unravel_index(edges, gradient.shape)
    padded = np.pad(laplacian, 1)
    largest = np.max([padded[rows + y, columns + x] for y in range(3) for x in range(3)], axis=0)
    curve = float(largest.mean()) - _MAX_OF_NINE * _LAPLACIAN_NOISE * sigma
    return max(curve, 0.0) / height, own_noise


class Focus:
    """Judges frames in order, and learns the camera's noise and the softness of its lens."""

    def __init__(self, sharp: float) -> None:
        """Start with a camera of which nothing is known.

        Args:
            sharp: `frame_filter.sharpness` from which a frame is sharp in any case.
        """
        self._sharp = sharp
        self._noise = RingBuffer(64)
        self._soft = RingBuffer(16)
        self._steepness = self._best = 0.0

    def judge(self, pixels: NDArray[np.uint8]) -> float:
        """The sharpness of a frame, on the scale of `frame_filter.sharpness`.

        A frame whose edges are in focus has at least the `sharp` of this camera.

        Args:
            pixels: uint8 RGB [side, side, 3].
        """
        detail = sharpness(pixels)
        self._steepness = STEEP
        if detail >= self._sharp:
            return detail
        known = self._noise.percentile(10) if self._noise.count else None
        self._steepness, noise = steepness(pixels, known)
        self._noise.add(noise)
        return max(detail, self._sharp * self._steepness / self._threshold)

    def learn(self, state: State) -> None:
        """Take what became of the frame that was judged last."""
        if state == "blurred":
            self._best = max(self._best, self._steepness)
        elif state == "take" and self._steepness >= STEEP:
            self._soft, self._best = RingBuffer(16), 0.0  # the lens can do better
        elif state == "moving" and self._best > 0:  # what was held still before is over
            self._soft.add(self._best)
            self._best = 0.0

    @property
    def _threshold(self) -> float:
        if self._soft.count < _SOFT_SCENES:
            return STEEP
        return min(STEEP, max(_SOFT, _SOFT_SHARE * self._soft.percentile(100)))
