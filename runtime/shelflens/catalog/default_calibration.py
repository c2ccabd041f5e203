"""What a catalog's goods say of "not enrolled", before anything is measured with photos.

Where products look alike, so does what is not enrolled; where the model knows such goods, their
photos score high and a middling score is of something else; where products have many images, so do
more of the things that are not enrolled find a near one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.neighbours import TYPICAL, Neighbour, mean_nearest, product_neighbours
from shelflens.catalog.posterior import number

KNOWN_FROM = 0.85
"""Similarity of an image and its views above which a model knows such goods better than most."""


@dataclass(frozen=True)
class Goods:
    """Traits of a catalog."""

    nearest: float
    """Mean similarity of products to the nearest other one (`mean_nearest`)."""
    view_similarity: float | None
    """Mean cosine of an image and its views (`catalog.enrol`); None where it was not looked at."""
    images: float
    """Mean number of rows per product."""

    @classmethod
    def of(cls, catalog: Catalog, neighbours: Sequence[Neighbour] | None = None) -> Goods:
        """Of a catalog with at least one product, and its `product_neighbours` where known."""
        if neighbours is None:
            neighbours = product_neighbours(catalog)
        rows = len(catalog.vectors) / len(catalog)
        return cls(mean_nearest(neighbours), catalog.calibration.view_similarity, rows)

    def values(self) -> tuple[float, float, float]:
        """What the coefficients of `Rise` multiply, in their order."""
        known = KNOWN_FROM if self.view_similarity is None else self.view_similarity
        return self.nearest - TYPICAL, max(known - KNOWN_FROM, 0.0), math.log(self.images)


@dataclass(frozen=True)
class Rise:
    """Of the log weight of "not enrolled". The defaults are for a model card without a posterior;
    others have those fitted by `python -m benchmarks.quality.shops`."""

    nearest: float = 2.63
    """Per unit of similarity to the nearest product above `TYPICAL`."""
    views: float = 20.09
    """Per unit of similarity of views above `KNOWN_FROM`."""
    images: float = 0.16
    """Per factor e in the number of images per product."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rise:
        """From JSON values; keys that are missing are 0.

        Raises:
            TypeError, ValueError: a value that is no finite number.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"a rise by names, got {type(values).__name__}")
        names = [field.name for field in fields(cls)]
        return cls(**{name: number(name, values.get(name, 0.0)) for name in names})

    def applied(self, calibration: Calibration, goods: Goods) -> Calibration:
        """The calibration with the offset of its posterior moved."""
        rises = (self.nearest, self.views, self.images)
        moved = math.fsum(rise * value for rise, value in zip(rises, goods.values(), strict=True))
        offset = round(calibration.posterior.offset + moved, 4)
        return replace(calibration, posterior=replace(calibration.posterior, offset=offset))


def default_calibration(
    catalog: Catalog,
    values: Mapping[str, Any],
    neighbours: Sequence[Neighbour] | None = None,
) -> Calibration:
    """What a catalog goes by of which nothing was measured.

    Args:
        catalog: Its products, and the similarity of views in its calibration, say what to expect.
        values: The model card's calibration. A posterior in it without `rise` was measured in one
            shop, with its goods, and stays.
        neighbours: `product_neighbours` of the catalog; None looks them up where they matter.
    """
    similarity = catalog.calibration.view_similarity
    calibration = replace(Calibration.from_dict(values), view_similarity=similarity)
    if "posterior" in values and "rise" not in values:
        return calibration
    rise = Rise.from_dict(values["rise"]) if "rise" in values else Rise()
    return rise.applied(calibration, Goods.of(catalog, neighbours))
