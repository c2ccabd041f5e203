"""Products that are confused with each other, and a remedy for each pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.measure.query_results import QueryResult

Remedy = Literal["merge", "tell apart", "more photos", "watch"]

INSEPARABLE = 0.3
"""Share of the two products' queries answered with the wrong one of them, from which they look the
same to the camera: at one half, a coin would do."""
_MAX_CLOSE = 30
_SIMILAR = 0.99
"""Share of a catalog's pairs that a similar pair is closer than."""
_MAX_SAMPLE = 1000
"""Products of which all pairs are compared for that."""
_BLOCK = 1024


@dataclass(frozen=True)
class ConfusionPair:
    """Two products; the first is mistaken for the second at least as often as the reverse."""

    first: str
    second: str
    first_name: str
    second_name: str
    similarity: float
    """Cosine similarity of the mean directions of their enrolled images."""
    similar: bool
    """Closer than 99 in 100 pairs of products of this catalog."""
    first_as_second: int
    second_as_first: int
    ambiguous: int
    """Answers `ambiguous` whose first two are these."""
    first_queries: int
    second_queries: int
    remedy: Remedy
    examples: list[QueryResult]
    """The clearest mistake each way, at most two."""

    @property
    def mistakes(self) -> int:
        """Both ways."""
        return self.first_as_second + self.second_as_first

    def to_dict(self) -> dict[str, Any]:
        """The pair as JSON values; photos by their path."""
        return {**vars(self), "examples": [str(result.path) for result in self.examples]}


def confusion_pairs(
    catalog: Catalog,
    results: Sequence[QueryResult],
    *,
    directions: NDArray[np.float32] | None = None,
    closest: bool = True,
) -> list[ConfusionPair]:
    """Pairs with mistakes or ambiguous answers, and those whose images are closest.

    Args:
        catalog: With two products or more.
        results: Queries of enrolled products.
        directions: `mean_directions` of the catalog, if they are known.
        closest: Whether the closest pairs without mistakes are looked for, among all products.

    Returns:
        The most mistaken first, then the most ambiguous, then the most similar.
    """
    index_of = {product: index for index, product in enumerate(catalog.ids)}
    directions = mean_directions(catalog) if directions is None else directions
    min_similarity = _similar_from(directions)
    mistakes: dict[tuple[str, str], list[QueryResult]] = {}
    queries = Counter(result.item.product for result in results)
    ambiguous: Counter[tuple[str, str]] = Counter()
    for result in results:
        if not result.right:
            mistakes.setdefault((result.item.product, result.first.id), []).append(result)
        if result.decision == "ambiguous":
            ambiguous[_ordered(result.matches[0].id, result.matches[1].id)] += 1
    ids = list(index_of)
    nearest = _closest(directions, min_similarity) if closest else []
    close = {_ordered(ids[a], ids[b]) for a, b in nearest}
    found = []
    for first, second in sorted({_ordered(*ways) for ways in mistakes} | set(ambiguous) | close):
        there, back = mistakes.get((first, second), []), mistakes.get((second, first), [])
        if len(back) > len(there):
            first, second, there, back = second, first, back, there
        similarity = float(directions[index_of[first]] @ directions[index_of[second]])
        similar = similarity >= min_similarity
        both = queries[first] + queries[second]
        found.append(
            ConfusionPair(
                first=first,
                second=second,
                first_name=catalog.at(index_of[first]).name,
                second_name=catalog.at(index_of[second]).name,
                similarity=round(similarity, 4),
                similar=similar,
                first_as_second=len(there),
                second_as_first=len(back),
                ambiguous=ambiguous[_ordered(first, second)],
                first_queries=queries[first],
                second_queries=queries[second],
                remedy=_remedy(similar, len(there), len(back), both),
                examples=[max(side, key=_gap) for side in (there, back) if side],
            )
        )
    return sorted(found, key=lambda pair: (-pair.mistakes, -pair.ambiguous, -pair.similarity))


def mean_directions(catalog: Catalog) -> NDArray[np.float32]:
    """The mean direction of every product, float32 [p, d]."""
    return np.stack([catalog.mean_direction(index) for index in range(len(catalog))])


def _remedy(similar: bool, there: int, back: int, queries: int) -> Remedy:
    """What would help.

    Similar, and many mistakes both ways: the camera cannot separate these. Similar, or mistakes
    both ways: a closer image of what differs. Else the images of the product that is mistaken do
    not show what its queries show.
    """
    if not there + back:
        return "watch"
    mutual = 4 * back >= there
    if similar and mutual and (there + back) / queries >= INSEPARABLE:
        return "merge"
    return "tell apart" if similar or mutual else "more photos"


def _similar_from(directions: NDArray[np.float32]) -> float:
    """The cosine that 99 in 100 pairs stay below."""
    sample = directions[:: -(-len(directions) // _MAX_SAMPLE)]
    cosines = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
    return float(np.quantile(cosines, _SIMILAR) if len(cosines) > 1 else cosines.max(initial=0.0))


def _gap(result: QueryResult) -> float:
    return result.first.score - result.own_score


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


def _closest(directions: NDArray[np.float32], min_similarity: float) -> list[tuple[int, int]]:
    """The closest pairs that reach this cosine: float32 [p, d] -> at most 30 pairs of indices."""
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(directions), _BLOCK):
        cosines = directions[start : start + _BLOCK] @ directions.T
        for row, second in zip(*np.nonzero(cosines >= min_similarity), strict=True):
            if start + row < second:
                found.append((float(cosines[row, second]), int(start + row), int(second)))
        found = sorted(found, reverse=True)[:_MAX_CLOSE]
    return [(first, second) for _, first, second in found]
