"""Whether a model knows a new catalog's goods, from the catalog's own images, in one line.

Only what such images can prove is said. Each image of a product with several is left out in turn
(`left_out_recall`). Of 213 shops of seven kinds, enrolled from two to eight images per product and
asked with other photos, the 38 that were said to be known found 0.90 to 1.00 of them, 0.98 on
average; the 27 that were said not to be found 0.82 at most, 0.61 on average
(benchmarks/quality/goods.py). With one image per product nothing told such shops apart, neither
random views of it nor how near the products are, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from shelflens.catalog.interval import wilson
from shelflens.catalog.neighbours import LOOK_ALIKE, SAME_PICTURE, Neighbour

FITS, UNKNOWN = 0.85, 0.7
"""Share of left-out images that find their product, from which the goods are known, and below which
they are not; the 95 % interval must lie on that side."""


def goods_line(neighbours: Sequence[Neighbour], left_out: int, asked: int, *, products: int) -> str:
    """A line for people on what to expect of a new catalog; empty where nothing can be said.

    Args:
        neighbours: Its `product_neighbours`.
        left_out: Images that found their product when they were left out.
        asked: Of how many; 0 where no product has two images.
        products: How many the catalog has.
    """
    among = f" of {len(neighbours)} looked at" if len(neighbours) < products else ""
    if same := _alike(neighbours, SAME_PICTURE, f"{among} have the picture of another"):
        return same
    low, high = wilson(left_out, asked)
    if high < UNKNOWN:
        return (
            f"  the model does not know such goods well: {_share(left_out, asked)}; more photos of "
            "each, or training on them, may help (shelflens train)"
        )
    if alike := _alike(neighbours, LOOK_ALIKE, f"{among} look alike"):
        return alike
    return f"  the model knows such goods: {_share(left_out, asked)}" if low >= FITS else ""


def _alike(neighbours: Sequence[Neighbour], similarity: float, what: str) -> str:
    """What to say of products at least so similar to their nearest; empty without any."""
    alike = [neighbour for neighbour in neighbours if neighbour.similarity >= similarity]
    if not alike:
        return ""
    product, nearest, _ = max(alike, key=lambda neighbour: neighbour.similarity)
    return (
        f"  {len(alike)} products{what} ({product} and {nearest}): expect a choice of both "
        "where the photo does not show the difference"
    )


def _share(found: int, asked: int) -> str:
    return f"{found} of {asked} images, left out in turn, found their product by the others"
