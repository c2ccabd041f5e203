"""What training on these products might gain, from embeddings alone.

The directions of the embedding are weighed by how the images of one product scatter in them
(within-class covariance normalisation: Hatch, Kajarekar and Stolcke, Interspeech 2006). That is the
part of training that can be tried in seconds: a linear layer behind the network. It is learnt on
the enrolled images and two thirds of the queries; the rest asks the catalog of the same images, as
it is and with the layer. Training changes the whole network and may gain more, or nothing:
`shelflens train` measures that on photos that it holds out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adapt import matrix_of_scatter
from shelflens.catalog.adaptation import unit
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import unit_queries
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import FOLDS, Trial, compare, folds

POWER = 0.5
MIN_PAIRS = 10
"""Images beyond the first of their product, from which their scatter says anything."""

MAX_ROWS = 200_000
"""Rows up to which it is tried: deviations are kept in double precision."""

Floats = NDArray[np.float32]


def training_gain(catalog: Catalog, results: Sequence[QueryResult]) -> Trial | None:
    """Right product first, before and after.

    Args:
        catalog: Its rows.
        results: Queries of enrolled products.

    Returns:
        None where products have too few images to learn from, or the catalog too many.
    """
    if catalog.row_count > MAX_ROWS:
        return None
    rows = catalog.adaptation.undone(catalog.vectors)
    queries = unit_queries(catalog.contents, [result.vector for result in results])
    products = [result.item.product for result in results]
    after = np.zeros(len(results), np.bool_)
    parts = folds(products)
    for part in range(FOLDS):
        learnt = np.flatnonzero(parts != part).tolist()
        judged = np.flatnonzero(parts == part).tolist()
        labels = [*catalog.row_ids, *(products[index] for index in learnt)]
        apart, freedom = _deviations(np.concatenate([rows, queries[learnt]]), labels)
        if freedom < MIN_PAIRS:
            return None
        matrix = matrix_of_scatter(apart, freedom, power=POWER)
        trained = Catalog(catalog.row_ids, unit(rows @ matrix), space=catalog.space)
        found, ids = trained.nearest(unit(queries[judged] @ matrix), 1)[0], trained.ids
        after[judged] = [
            ids[first] == products[index]
            for index, first in zip(judged, found[:, 0].tolist(), strict=True)
        ]
    return compare(np.array([result.right for result in results], np.bool_), after, products)


def _deviations(images: Floats, labels: Sequence[str]) -> tuple[NDArray[np.float64], int]:
    """Images less the mean of their product, float64 [n, d], and their degrees of freedom."""
    names, groups, counts = np.unique(np.array(labels), return_inverse=True, return_counts=True)
    sums = np.zeros((len(names), images.shape[1]))
    np.add.at(sums, groups, images)
    return images - (sums / counts[:, np.newaxis])[groups], len(images) - len(names)
