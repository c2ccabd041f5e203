"""Products that need more photos: where a further picture helps, and which one to take first.

A photo is missed when another product comes first or the answer is `unknown`. For each product
with missed photos its other test photos are tried as further pictures; those that lie nearest to
most of the missed ones are proposed. Then all proposals are enrolled together and the missed photos
looked up again: what is said to be mended was measured, where a rule of thumb ("fewer than five")
would guess. Photos taken in the same minute flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import DEFAULT_CALIBRATION
from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.lookups import Lookup

MOST = 3
"""Photos proposed a product: the fourth seldom mends what three did not."""
_PLENTY = 10
"""Pictures from which "only so many" is no reason."""


@dataclass(frozen=True)
class Need:
    """One product that needs more photos."""

    id: str
    name: str
    pictures: int
    photos: int
    missed: int
    strange: int
    """Missed photos that are like none of its pictures: their own score is below the threshold."""
    mended: int
    """Missed photos, the proposed ones left aside, that are found once these are enrolled."""
    enrol: list[Lookup]
    """Test photos worth enrolling, the best first, at most three."""
    example: Lookup
    """The missed photo that is least like its product's pictures, not a proposed one if there is
    another."""

    @property
    def why(self) -> str:
        """In a sentence."""
        reasons = []
        if self.pictures < _PLENTY:
            some = "picture is" if self.pictures == 1 else "pictures are"
            reasons.append(f"only {self.pictures} {some} enrolled")
        reasons.append(f"{self.missed} of {self.photos} photos are not found")
        if self.strange:
            some = "is" if self.strange == 1 else "are"
            reasons.append(f"{self.strange} of them {some} like none of its pictures")
        if self.enrol:
            these = "the photo shown" if len(self.enrol) == 1 else f"the {len(self.enrol)} shown"
            more = "is" if self.mended == 1 else "are"
            reasons.append(f"with {these} enrolled, {self.mended} more {more} found")
        return "; ".join(reasons)

    def to_dict(self) -> dict[str, Any]:
        """The need as JSON values; photos by their path."""
        return {
            **vars(self),
            "enrol": [str(look.path) for look in self.enrol],
            "example": str(self.example.path),
            "why": self.why,
        }


def needs(
    catalog: Catalog, looks: Sequence[Lookup], suspects: AbstractSet[Path | None]
) -> list[Need]:
    """Products where a further picture helps or is missing, most photos to mend first.

    Args:
        catalog: For its threshold and its number of pictures.
        looks: Photos of enrolled products.
        suspects: Paths of photos that may carry a wrong label; they are never proposed.
    """
    least = float({**DEFAULT_CALIBRATION, **catalog.calibration}["threshold"])
    mine: dict[str, list[Lookup]] = {}
    for look in looks:
        if look.path not in suspects:
            mine.setdefault(look.item.product, []).append(look)
    missed = {
        product: some
        for product, photos in mine.items()
        if (some := [look for look in photos if not look.found])
    }
    chosen = {
        product: [mine[product][place] for place in _propose(mine[product], some, least)]
        for product, some in missed.items()
    }
    grown = enrolled(catalog, [look for some in chosen.values() for look in some])
    found = []
    for number, product in enumerate(catalog.ids):
        some, proposed = missed.get(product, []), chosen.get(product, [])
        paths = {look.path for look in proposed}
        rest = [look for look in some if look.path not in paths]
        mended = sum(found_in(grown, look) for look in rest) if proposed else 0
        strange = sum(look.own < least for look in some)
        if not (strange or mended):
            continue  # its pictures show this, and a look-alike wins: more of them do not help
        found.append(
            Need(
                id=product,
                name=catalog.at(number).name,
                pictures=len(catalog.rows_of(number)),
                photos=len(mine[product]),
                missed=len(some),
                strange=strange,
                mended=mended,
                enrol=proposed if mended else [],
                example=min(rest or some, key=lambda look: look.own),
            )
        )
    return sorted(found, key=lambda need: (-need.mended, -need.strange, -need.missed))


def enrolled(catalog: Catalog, looks: Sequence[Lookup]) -> Catalog:
    """The catalog with these photos as further pictures of their products."""
    if not looks:
        return catalog
    return catalog.add([look.item.product for look in looks], np.stack([x.vector for x in looks]))


def found_in(catalog: Catalog, look: Lookup) -> bool:
    """Whether another catalog finds a photo."""
    answer = catalog.answer(look.vector)
    return answer.decision != "unknown" and answer.matches[0].id == look.item.product


def _propose(photos: Sequence[Lookup], missed: Sequence[Lookup], least: float) -> list[int]:
    """Greedily the photos nearest to most missed ones, each to one at least beside itself."""
    vectors = np.stack([look.vector for look in photos])
    table = vectors @ np.stack([look.vector for look in missed]).T
    goal = np.array([max(look.rival.score, least) for look in missed], np.float32)
    mends: NDArray[np.bool_] = table > goal
    open_ = np.ones(len(missed), np.bool_)
    chosen: list[int] = []
    while len(chosen) < MOST:
        gain = (mends & open_).sum(axis=1)
        best = int(np.argmax(gain))
        # A missed photo is always nearest to itself, which is no reason to enrol it.
        if gain[best] < 2:
            break
        chosen.append(best)
        open_ &= ~mends[best]
    return chosen
