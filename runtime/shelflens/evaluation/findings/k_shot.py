"""How much each further photo of a product helps: recall@1 with 1, 2, 3, 5 and 10 of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.lookups import Lookup

SHOTS = (1, 2, 3, 5, 10)
DRAWS = 3
"""Random choices of the photos; between one and the next recall@1 moves by a point or two."""
MOST = 600
"""Photos asked, spread over all: enough for a standard error below two points."""


@dataclass(frozen=True)
class Shot:
    """recall@1 with so many photos a product."""

    photos: int
    recall: float
    """Mean of the draws."""
    low: float
    high: float
    products: int
    """Products that have so many; the others take part with all they have."""

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON values."""
        return asdict(self)


def shots(
    catalog: Catalog, looks: Sequence[Lookup], *, on_done: Callable[[int], None] | None = None
) -> list[Shot]:
    """The curve, up to the number of photos that half of the products have.

    Args:
        catalog: With all pictures there are.
        looks: Photos of enrolled products.
        on_done: Called with the number of catalogs tried, `SHOTS` times `DRAWS` at most.

    Returns:
        Nothing when most products have a single picture: there is no curve to draw.
    """
    counts = np.array([len(catalog.rows_of(number)) for number in range(len(catalog))])
    most = int(np.median(counts))
    if most < 2:
        return []
    places = np.unique(np.linspace(0, len(looks) - 1, min(MOST, len(looks))).round().astype(int))
    asked = [looks[place] for place in places]
    vectors, owners = catalog.vectors, catalog.row_ids
    curve, done = [], 0
    for photos in [one for one in SHOTS if one <= most]:
        found = []
        for seed in range(DRAWS):
            rows = _draw(catalog, photos, seed)
            part = Catalog([owners[row] for row in rows], vectors[rows], space=catalog.space)
            right = [part.match(look.vector, 1)[0].id == look.item.product for look in asked]
            found.append(float(np.mean(right)))
            done += 1
            if on_done is not None:
                on_done(done)
        enough = int((counts >= photos).sum())
        curve.append(Shot(photos, float(np.mean(found)), min(found), max(found), enough))
    return curve


def _draw(catalog: Catalog, photos: int, seed: int) -> NDArray[np.int64]:
    """Rows of so many random pictures of each product."""
    generator = np.random.default_rng(seed)
    chosen = [
        np.sort(generator.permutation(np.arange(rows.start, rows.stop))[:photos])
        for rows in map(catalog.rows_of, range(len(catalog)))
    ]
    return np.concatenate(chosen)
