"""The products most like a product or a photo: scored, filtered, and diversified when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import WEIGHT
from shelflens.catalog.scores import indices_best_first, top_indices
from shelflens.discovery.filters import conditions
from shelflens.errors import CatalogError, DataError

SIMILAR_CANDIDATES = 200
"""Products whose category similarity is computed; the nearest are of a few categories."""


def similar(
    catalog: Catalog,
    query: str | NDArray[np.float32],
    *,
    k: int = 5,
    where: Sequence[str] = (),
    diverse: float = 0.0,
) -> list[Match]:
    """The products most like a product or a photo.

    The query of a product is the mean direction of its rows; every other product is scored by its
    best row (chosen by `benchmarks/quality/shop/`). Where the catalog has category axes, category
    similarity is mixed in (`CategoryAxes`).

    Args:
        catalog: The catalog.
        query: A product id, or the embedding of a photo, float32 [d].
        k: How many.
        where: Conditions that all must hold, such as "category=Milk" or "price<30".
        diverse: 0 takes the nearest; towards 1, products that resemble those before them are
            passed over (`diversify`).

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
        vector = catalog.queries([query])[0]
    scores = _with_category_scores(catalog, vector, catalog.best_row_scores(vector[np.newaxis])[0])
    wanted = pool_size(k) if diverse else k

    def fits(index: int, product: Match) -> bool:
        return index != itself and all(test.holds(product.attributes) for test in tests)

    indices, found = select_top(catalog, scores, wanted, fits)
    if where and not found:
        raise nothing_left(where)
    if not diverse:
        return found
    vectors = np.array([catalog.mean_direction(index) for index in indices]).reshape(
        -1, catalog.dim
    )
    order = diversify(
        vectors,
        np.array([match.score for match in found]),
        k,
        diverse,
        duplicate_threshold=near_duplicate_threshold(catalog),
    )
    return [found[n] for n in order]


def _with_category_scores(
    catalog: Catalog, vector: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The scores with category similarity mixed in, if the catalog has category axes.

    Category similarity is computed for the nearest `SIMILAR_CANDIDATES` products and lowest for the
    rest, so that all scores stay comparable: float32 [p] -> float32 [p].
    """
    if not catalog.category_axes:
        return scores
    near = top_indices(scores, SIMILAR_CANDIDATES)
    directions = np.stack([catalog.mean_direction(index) for index in near.tolist()])
    mixed = (scores - WEIGHT) / np.float32(1 + WEIGHT)
    mixed[near] = catalog.category_axes.mixed(vector, directions, scores[near])
    return mixed


def select_top(
    catalog: Catalog,
    scores: NDArray[np.float32],
    k: int,
    fits: Callable[[int, Match], bool],
) -> tuple[list[int], list[Match]]:
    """The k best-scored products that fit; products are parsed only as far as needed.

    Args:
        catalog: The catalog.
        scores: float32 [p], by product index.
        k: How many.
        fits: Called with a product's index and the product.

    Returns:
        Their indices, and the products with their scores.
    """
    indices: list[int] = []
    found: list[Match] = []
    for index in indices_best_first(scores):
        product = catalog.at(index, float(scores[index]))
        if fits(index, product):
            indices.append(index)
            found.append(product)
            if len(found) == k:
                break
    return indices, found


def diversify(
    vectors: NDArray[np.floating],
    scores: NDArray[np.floating],
    k: int,
    diverse: float,
    *,
    duplicate_threshold: float = math.inf,
) -> list[int]:
    """Choose k of m by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    The next one always has the highest `(1 - diverse) * score - diverse * (cosine to the nearest
    one chosen before)`. In addition, two near-duplicates never stand next to each other while there
    is an alternative.

    Args:
        vectors: Floats [m, d], rows of length 1.
        scores: Floats [m], the relevance.
        k: How many.
        diverse: 0 to 1.
        duplicate_threshold: Cosine similarity from which two are near-duplicates.

    Returns:
        At most k indices, in the order chosen; of equal values the first.
    """
    left = np.ones(len(scores), bool)
    nearest = np.full(len(scores), -np.inf)
    chosen: list[int] = []
    while len(chosen) < k and left.any():
        penalty = np.where(np.isfinite(nearest), nearest, 0)
        value = np.where(left, (1 - diverse) * scores - diverse * penalty, -np.inf)
        if chosen:
            apart = left & (vectors @ vectors[chosen[-1]] < duplicate_threshold)
            if apart.any():
                value = np.where(apart, value, -np.inf)
        chosen.append(int(value.argmax()))
        left[chosen[-1]] = False
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return chosen


def near_duplicate_threshold(catalog: Catalog) -> float:
    """Cosine similarity of near-duplicates: that from which the catalog answers `match`."""
    return catalog.calibration.threshold


def pool_size(k: int) -> int:
    """Candidates of `diversify`: enough to pass variants over, few enough to stay near."""
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
