"""Products that are taken for each other, and what to do about each two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.lookups import Lookup

Advice = Literal["merge", "tell apart", "more photos", "watch"]

INSEPARABLE = 0.3
"""Share of the two products' photos that goes to the other, from which they are as good as the
same to the camera: at one half, a coin would do."""
_CLOSEST = 30
_BLOCK = 1024


@dataclass(frozen=True)
class Pair:
    """Two products; the photos of the first are mistaken at least as often as the second's."""

    first: str
    second: str
    first_name: str
    second_name: str
    likeness: float
    """Cosine similarity of the mean directions of their enrolled pictures."""
    alike: bool
    """Closer than 99 in 100 pairs of products of this catalog."""
    first_as_second: int
    second_as_first: int
    undecided: int
    """Answers `ambiguous` whose first two are these."""
    first_photos: int
    second_photos: int
    advice: Advice
    examples: list[Lookup]
    """The clearest mistake each way, at most two."""

    @property
    def mistakes(self) -> int:
        """Both ways."""
        return self.first_as_second + self.second_as_first

    def to_dict(self) -> dict[str, Any]:
        """The pair as JSON values; photos by their path."""
        return {**vars(self), "examples": [str(one.path) for one in self.examples]}


def pairs(catalog: Catalog, looks: Sequence[Lookup]) -> list[Pair]:
    """Pairs with mistakes or undecided answers, and those whose pictures are closest.

    Args:
        catalog: With two products or more.
        looks: Photos of enrolled products.

    Returns:
        The most mistaken first, then the most undecided, then the most alike.
    """
    numbers = {product: number for number, product in enumerate(catalog.ids)}
    directions = np.stack([catalog.mean_direction(number) for number in range(len(catalog))])
    least = _alike_from(directions)
    taken: dict[tuple[str, str], list[Lookup]] = {}
    photos = Counter(look.item.product for look in looks)
    undecided: Counter[tuple[str, str]] = Counter()
    for look in looks:
        if not look.right:
            taken.setdefault((look.item.product, look.first.id), []).append(look)
        if look.decision == "ambiguous":
            undecided[_key(look.matches[0].id, look.matches[1].id)] += 1
    ids = list(numbers)
    close = {_key(ids[a], ids[b]) for a, b in _closest(directions, least)}
    found = []
    for one, other in sorted({_key(*both) for both in taken} | set(undecided) | close):
        there, back = taken.get((one, other), []), taken.get((other, one), [])
        if len(back) > len(there):
            one, other, there, back = other, one, back, there
        likeness = float(directions[numbers[one]] @ directions[numbers[other]])
        found.append(
            Pair(
                first=one,
                second=other,
                first_name=catalog.at(numbers[one]).name,
                second_name=catalog.at(numbers[other]).name,
                likeness=round(likeness, 4),
                alike=likeness >= least,
                first_as_second=len(there),
                second_as_first=len(back),
                undecided=undecided[_key(one, other)],
                first_photos=photos[one],
                second_photos=photos[other],
                advice=_advice(
                    likeness >= least, len(there), len(back), photos[one] + photos[other]
                ),
                examples=[max(side, key=_lead) for side in (there, back) if side],
            )
        )
    return sorted(found, key=lambda pair: (-pair.mistakes, -pair.undecided, -pair.likeness))


def _advice(alike: bool, there: int, back: int, photos: int) -> Advice:
    """What would help.

    Alike, and many mistakes both ways: the camera does not tell these apart. Alike, or mistakes
    both ways: a closer picture of what differs. Else the pictures of the one that is mistaken do
    not show what its photos show.
    """
    if not there + back:
        return "watch"
    mutual = 4 * back >= there
    if alike and mutual and (there + back) / photos >= INSEPARABLE:
        return "merge"
    return "tell apart" if alike or mutual else "more photos"


def _alike_from(directions: NDArray[np.float32]) -> float:
    """The cosine that 99 in 100 pairs stay below, of 1,000 products at most."""
    some = directions[:: -(-len(directions) // 1000)]
    table = (some @ some.T)[np.triu_indices(len(some), 1)]
    return float(np.quantile(table, 0.99)) if len(table) > 1 else float(table.max(initial=0.0))


def _lead(look: Lookup) -> float:
    return look.first.score - look.own


def _key(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _closest(directions: NDArray[np.float32], least: float) -> list[tuple[int, int]]:
    """The closest pairs whose cosine reaches `least`: float32 [p, d] -> at most 30 pairs."""
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(directions), _BLOCK):
        table = directions[start : start + _BLOCK] @ directions.T
        for row, other in zip(*np.nonzero(table >= least), strict=True):
            if start + row < other:
                found.append((float(table[row, other]), int(start + row), int(other)))
        found = sorted(found, reverse=True)[:_CLOSEST]
    return [(one, other) for _, one, other in found]
