"""The products nearest to a query, scored by mean direction and best row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.contents import Contents
from shelflens.catalog.scores import MATCH_CANDIDATES, product_scores
from shelflens.catalog.topk import top_products
from shelflens.errors import CatalogError

Vectors = Sequence[NDArray[np.float32]] | NDArray[np.float32]
"""Embeddings, float32 [d] each."""

CACHED = 4096
"""Queries answered at once, and mean directions, and products, kept while several are asked: 4 MiB
of 256 dimensions."""


_PAIRS = 2048
"""Mean directions compared with queries at a time: 4 MiB of 256 dimensions, with the queries."""

Nearest = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Product indices [q, c] and scores [q, c] of q queries, best first."""


def nearest_products(contents: Contents, queries: NDArray[np.float32], k: int) -> Nearest:
    """The k nearest products of each query.

    The `MATCH_CANDIDATES` products with the best rows are scored by `product_scores`; a product
    with one row scores as that row. Equal scores stand by best row, then in the order of the
    catalog.

    Args:
        contents: The catalog's, of p products.
        queries: float32 [q, d], rows of length 1.
        k: How many.

    Returns:
        min(k, p) products for each query, whatever the number of queries.
    """
    rows, products = contents.rows, contents.products
    count = min(max(k, MATCH_CANDIDATES), len(products))
    if not count or not len(queries):
        return np.empty((len(queries), count), np.int64), np.empty((len(queries), count))
    found = top_products(rows.values, rows.scales, products.first_rows, queries, count)
    indices = np.stack([each for each, _ in found])
    scores = np.stack([best_rows for _, best_rows in found]).astype(np.float64)
    asking, ranks = np.nonzero(products.row_counts(indices) > 1)
    mean_direction = lru_cache(CACHED)(contents.mean_direction)
    for start in range(0, len(asking), _PAIRS):
        part = asking[start : start + _PAIRS], ranks[start : start + _PAIRS]
        means = np.stack([mean_direction(index) for index in indices[part].tolist()])
        # Pairs of vectors, not a table: each is summed as it is for a query alone.
        pairs = np.matmul(means[:, np.newaxis], queries[part[0]][:, :, np.newaxis])
        scores[part] = product_scores(scores[part], pairs[:, 0, 0].astype(np.float64))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(indices, order, 1), np.take_along_axis(scores, order, 1)


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
