"""Products like this one: compared as products, filtered, and varied when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import DEFAULT_CALIBRATION, Match
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import WEIGHT
from shelflens.catalog.scores import best_first, top
from shelflens.discovery.filters import conditions
from shelflens.errors import CatalogError, DataError

SHORTLIST = 200
"""Products whose likeness of kind is worked out; of 100,000 the nearest are of a few kinds."""


def similar(
    catalog: Catalog,
    query: str | NDArray[np.float32],
    *,
    k: int = 5,
    where: Sequence[str] = (),
    diverse: float = 0.0,
) -> list[Match]:
    """The products most like a product or a photo.

    A product asks with the mean direction of its pictures, and every other product answers with
    its best picture: one reading of the catalog. (`benchmarks/quality/shop.py` measures this
    against best pair, mean and quantile.) Where the model was told kinds, likeness of kind is mixed
    in (`likeness`).

    Args:
        catalog: The catalog.
        query: A product id, or the embedding of a photo, float32 [d].
        k: How many.
        where: Conditions that all must hold, such as "category=Milk" or "price<30".
        diverse: 0 takes the nearest; towards 1, what resembles the ones before is passed over
            (`diversify`).

    Returns:
        Best first, or with `diverse` in the order to show them; fewer than k when the conditions
        leave fewer. A product is never similar to itself.

    Raises:
        CatalogError: no such product; a vector of another shape, NaN or zero.
        DataError: a condition of another form, on a column that is not there, or that leaves
            nothing; `diverse` outside 0 to 1.
    """
    check_amounts(k, diverse)
    tests = conditions(where, catalog)
    itself = -1
    if isinstance(query, str):
        itself = catalog.index_of(query)
        vector = catalog.mean_direction(itself)
    else:
        vector = catalog.unit(query)
    scores = _of_kind(catalog, vector, catalog.best_row_scores(vector[np.newaxis])[0])
    wanted = pool_size(k) if diverse else k

    def fits(number: int, product: Match) -> bool:
        return number != itself and all(one.holds(product.attributes) for one in tests)

    numbers, found = take(catalog, scores, wanted, fits)
    if where and not found:
        raise nothing_left(where)
    if not diverse:
        return found
    vectors = np.array([catalog.mean_direction(number) for number in numbers]).reshape(
        -1, catalog.dim
    )
    places = diversify(
        vectors, np.array([one.score for one in found]), k, diverse, twins=twins(catalog)
    )
    return [found[place] for place in places]


def _of_kind(
    catalog: Catalog, vector: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The scores with likeness of kind mixed in, if the catalog's model knows kinds.

    It is worked out for the nearest `SHORTLIST` products; the others count as unlike, so that all
    stay comparable: float32 [p] -> float32 [p].
    """
    if not catalog.category_axes:
        return scores
    near = top(scores, SHORTLIST)
    directions = np.stack([catalog.mean_direction(number) for number in near.tolist()])
    mixed = (scores - WEIGHT) / np.float32(1 + WEIGHT)
    mixed[near] = catalog.category_axes.mixed(vector, directions, scores[near])
    return mixed


def take(
    catalog: Catalog,
    scores: NDArray[np.float32],
    k: int,
    fits: Callable[[int, Match], bool],
) -> tuple[list[int], list[Match]]:
    """The k best-scored products that fit; products are parsed only as far as needed.

    Args:
        catalog: The catalog.
        scores: float32 [p], by product number.
        k: How many.
        fits: Called with a product's number and the product.

    Returns:
        Their numbers, and themselves with their scores.
    """
    numbers: list[int] = []
    found: list[Match] = []
    for number in best_first(scores):
        product = catalog.at(number, float(scores[number]))
        if fits(number, product):
            numbers.append(number)
            found.append(product)
            if len(found) == k:
                break
    return numbers, found


def diversify(
    vectors: NDArray[np.floating],
    scores: NDArray[np.floating],
    k: int,
    diverse: float,
    *,
    twins: float = math.inf,
) -> list[int]:
    """Choose k of m by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    The next one is always that with the highest `(1 - diverse) * score - diverse * (cosine to
    the nearest one chosen before)`. Beside that, two twins never stand next to each other while
    there is anything else.

    Args:
        vectors: Floats [m, d], rows of length 1.
        scores: Floats [m], the relevance.
        k: How many.
        diverse: 0 to 1.
        twins: Cosine similarity from which two are near-identical.

    Returns:
        At most k places, in the order chosen; of equal values the first.
    """
    left = np.ones(len(scores), bool)
    nearest = np.full(len(scores), -np.inf)
    chosen: list[int] = []
    while len(chosen) < k and left.any():
        penalty = np.where(np.isfinite(nearest), nearest, 0)
        value = np.where(left, (1 - diverse) * scores - diverse * penalty, -np.inf)
        if chosen:
            apart = left & (vectors @ vectors[chosen[-1]] < twins)
            if apart.any():
                value = np.where(apart, value, -np.inf)
        chosen.append(int(value.argmax()))
        left[chosen[-1]] = False
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return chosen


def twins(catalog: Catalog) -> float:
    """Near-identical: the catalog itself would take one for the other."""
    return float({**DEFAULT_CALIBRATION, **catalog.calibration}["threshold"])


def pool_size(k: int) -> int:
    """Candidates of `diversify`: enough to leave variants out, few enough to stay near."""
    return max(50, 5 * k)


def check_amounts(k: int, diverse: float) -> None:
    """Refuse a count below 1 and a share outside 0 to 1.

    Raises:
        CatalogError: k.
        DataError: diverse.
    """
    if k < 1:
        raise CatalogError(f"k: expected at least 1, got {k}")
    if not 0 <= diverse <= 1:
        raise DataError(f"diverse: expected 0 (nearest) to 1 (most different), got {diverse}")


def nothing_left(where: Sequence[str]) -> DataError:
    """The error of conditions that no product meets."""
    return DataError(f"no other product with {' and '.join(where)}; ask for less")
