"""What comes back for held-out photos: through the catalog, and beside every score computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.catalog.posterior import Posterior

pytestmark = pytest.mark.train


def test_each_query_is_held_against_all_products(
    unit: Callable[..., NDArray[np.float32]],
) -> None:
    from shelflens_train.evaluate import retrieve

    gallery, queries = unit(60, 8), unit(40, 8, seed=1)
    products, asked = [f"p{n}" for n in range(60)], [f"p{n}" for n in range(40)]
    found = retrieve(gallery, products, queries, asked)
    catalog = Catalog(products, gallery, space="x")
    for index, (query, product) in enumerate(zip(queries, asked, strict=True)):
        matches = catalog.match(query, k=60)
        scores = {match.id: match.score for match in matches}
        assert found.right[index] == (matches[0].id == product)
        assert found.genuine[index] == pytest.approx(scores.pop(product), abs=1e-5)
        assert found.impostor[index] == pytest.approx(max(scores.values()), abs=1e-5)
    assert found.recall == found.right.mean() < 1


def test_a_network_that_sees_all_photos_alike_is_judged_and_not_refused() -> None:
    from shelflens_train.evaluate import default_calibration, retrieve

    same = np.ones((6, 8), np.float32) / np.sqrt(8, dtype=np.float32)
    products = [f"p{n}" for n in range(6)]
    found = retrieve(same, products, same, products)
    assert found.recall == pytest.approx(1 / 6)
    assert default_calibration(found)["posterior"] == Posterior().__dict__
