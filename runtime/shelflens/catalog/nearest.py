"""The products nearest to a query, scored by mean direction and best row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.contents import Contents
from shelflens.catalog.scores import MATCH_CANDIDATES, product_score
from shelflens.catalog.topk import top_products
from shelflens.errors import CatalogError

Vectors = Sequence[NDArray[np.float32]] | NDArray[np.float32]
"""Embeddings, float32 [d] each."""

CACHED = 4096
"""Mean directions, and products, kept while several queries are asked: 4 MiB of 256 dimensions."""


def nearest_products(
    contents: Contents, queries: NDArray[np.float32], k: int
) -> list[list[tuple[int, float]]]:
    """The k nearest products of each query, index and score, best first.

    The `MATCH_CANDIDATES` products with the best rows are scored by `product_score`; a product with
    one row scores as that row. Equal scores stand by best row, then in the order of the catalog.

    Args:
        contents: The catalog's.
        queries: float32 [q, d], rows of length 1.
        k: How many; more than there are gives them all.
    """
    rows, products = contents.rows, contents.products
    if not len(products) or not len(queries):
        return [[] for _ in queries]
    mean_direction = lru_cache(CACHED)(contents.mean_direction)

    def score(index: int, query: NDArray[np.float32], best_row: float) -> float:
        if len(products.rows_of(index)) == 1:
            return best_row
        return product_score(best_row, float(mean_direction(index) @ query))

    count = max(k, MATCH_CANDIDATES)
    found = top_products(rows.values, rows.scales, products.first_rows, queries, count)
    nearest = []
    for query, (indices, best_rows) in zip(queries, found, strict=True):
        scored = [
            (index, score(index, query, best_row))
            for index, best_row in zip(indices.tolist(), best_rows.tolist(), strict=True)
        ]
        nearest.append(sorted(scored, key=lambda pair: -pair[1])[:k])
    return nearest


def unit_queries(contents: Contents, vectors: Vectors) -> NDArray[np.float32]:
    """Embeddings with length 1 and as long as a catalog's rows, not adapted: float32 [q, d].

    Args:
        contents: The catalog's.
        vectors: float32 [d] each, any length but zero; longer ones where rows are shortened.

    Raises:
        CatalogError: a vector of another shape, NaN or zero.
    """
    dim = contents.rows.dim
    units = [unit_query(vector, dim) for vector in contents.cut(vectors)]
    return np.array(units, np.float32).reshape(-1, dim)


def unit_query(vector: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """A query with length 1, float32 [dim].

    Raises:
        CatalogError: a vector of another shape, NaN or zero.
    """
    query = np.asarray(vector, np.float32)
    if query.shape != (dim,):
        raise CatalogError(f"query: expected float32 [{dim}], got {list(query.shape)}")
    length = float(np.sqrt(query @ query))
    if not (math.isfinite(length) and length > 0):
        raise CatalogError("query: expected finite numbers that are not all zero")
    unit: NDArray[np.float32] = query / np.float32(length)
    return unit
