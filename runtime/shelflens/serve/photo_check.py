"""Whether photos suit to enrol a product: sharp, from several sides, of nothing that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog

MIN_SHARPNESS = 0.015
"""`sharpness` from which a photo is sharp. Of 200 photos that people took in stores all are above
0.04; blurred by 1.5 pixels of the model's input, which turns the embedding by 25 degrees, 95 % are
below."""

SAME_SIDE = 0.93
"""Cosine similarity from which two photos show the same side. Of household objects turned by 22.5
degrees 93 % are below; of a photo with the camera moved a little 83 % are above."""


KNOWN = 0.95
"""Probability that the catalog has the product, from which its nearest is named."""


@dataclass(frozen=True)
class PhotoCheck:
    """What is to be said of a photo before its product is enrolled."""

    sharpness: float
    same_side_as: int | None
    """Index of the earlier photo that shows the same side."""
    known: Match | None
    """The nearest product, where the catalog has what the photo shows by at least `KNOWN`."""

    @property
    def sharp(self) -> bool:
        """Whether the model sees enough of it."""
        return self.sharpness >= MIN_SHARPNESS

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "sharpness": round(self.sharpness, 4),
            "sharp": self.sharp,
            "same_side_as": self.same_side_as,
            "known": self.known and self.known.to_dict(),
        }


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian over the variance of brightness, uint8 [h, w, 3].

    The measure of Pech-Pacheco et al. (2000), divided by the contrast, so that a dark or plain
    photo is not taken for a blurred one; 0 for an even surface.
    """
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    spread = float(grey.var())
    if spread < 1:
        return 0.0
    sides = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((4 * grey[1:-1, 1:-1] - sides).var()) / spread


def check_photos(
    catalog: Catalog, pixels: Sequence[NDArray[np.uint8]], vectors: NDArray[np.float32]
) -> list[PhotoCheck]:
    """Check photos of one product.

    Args:
        catalog: The catalog that it is to be enrolled in.
        pixels: n photos as the model sees them, uint8 [h, w, 3].
        vectors: Their embeddings, float32 [n, d], of length 1.
    """
    similarity = vectors @ vectors.T
    checks = []
    for index, image in enumerate(pixels):
        earlier = np.flatnonzero(similarity[index, :index] >= SAME_SIDE)
        answer = catalog.answer(vectors[index], 1)
        known = answer.matches[0] if 1 - answer.unknown_probability >= KNOWN else None
        same = int(earlier[0]) if len(earlier) else None
        checks.append(PhotoCheck(sharpness(image), same, known))
    return checks
