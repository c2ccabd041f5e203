"""The product that a camera's frames are about: chosen once, then followed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.finding.answers import DETAIL, parts_of
from shelflens.finding.finder import Finder
from shelflens.finding.regions import Region, iou, main_region
from shelflens.model.image import Photo, load_reduced

LARGE = 0.4
"""Share of the frame from which the product is not cut out. Crop and frame are asked together here,
and with 0.75 crops of household objects then lost 0.02 of recall@1 from three shots."""
SAME = 0.3
"""IoU from which a region is the one followed: a hand moves by less between two frames."""


class Follow:
    """Keeps to one product while it is there, so that answers do not change between two."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self.region: Region | None = None
        """That of the last frame."""

    def crops(self, photo: Photo, size: int) -> list[NDArray[np.uint8]]:
        """What to embed of a frame beside the whole of it.

        Args:
            photo: As `load_image` takes it.
            size: Side of the embedder's input, pixels.

        Returns:
            The product followed, uint8 [h, w, 3]; nothing where none is found, the finder is not
            sure, or it fills the frame.

        Raises:
            PhotoError, OSError: as `load_image`.
        """
        pixels = load_reduced(photo, DETAIL * size)
        region = self.choose(self._finder.find(pixels))
        return parts_of(pixels, region, large=LARGE)[:-1]

    def choose(self, regions: Sequence[Region]) -> Region | None:
        """Of a frame's regions that of the product followed; where it is gone, the main one."""
        followed = None
        if self.region is not None:
            box = self.region.box
            followed = max(regions, key=lambda region: iou(region.box, box), default=None)
            if followed is not None and iou(followed.box, box) < SAME:
                followed = None
        self.region = followed or main_region(regions)
        return self.region
