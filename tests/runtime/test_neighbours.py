"""How alike a catalog's products are, and what its default takes from that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import Catalog
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.neighbours import TYPICAL, mean_nearest, product_neighbours

QUANTIZED = 0.01
"""Largest error of a cosine of int8 rows."""


@given(seed=st.integers(0, 1000), products=st.integers(2, 40))
def test_it_is_the_mean_of_the_nearest_in_any_order(seed: int, products: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(products, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T - 9 * np.eye(products)
    ids = [f"p{n}" for n in range(products)]
    order = generator.permutation(products)
    mixed = Catalog([ids[n] for n in order], rows[order], space="s")
    for catalog in (Catalog(ids, rows, space="s"), mixed):
        found = mean_nearest(product_neighbours(catalog))
        assert found == pytest.approx(cosines.max(axis=1).mean(), abs=QUANTIZED)


def test_one_picture_under_two_ids_is_as_alike_as_can_be() -> None:
    row = np.eye(1, 16, dtype=np.float32)
    pair = product_neighbours(Catalog(["a", "b"], row[[0, 0]], space="s"))
    assert [(each.product, each.nearest) for each in pair] == [("a", "b"), ("b", "a")]
    assert mean_nearest(pair) == pytest.approx(1, abs=1e-3)
    assert mean_nearest(product_neighbours(Catalog(["a"], row, space="s"))) == TYPICAL


def test_rows_of_an_adapted_catalog_are_not_adapted_again() -> None:
    generator = np.random.default_rng(1)
    basis, _ = np.linalg.qr(generator.normal(size=(16, 16)))
    adaptation = Adaptation.of(basis * generator.uniform(0.2, 1, 16) @ basis.T)
    rows = generator.normal(size=(12, 16)).astype(np.float32)
    catalog = Catalog([f"p{n}" for n in range(12)], rows, space="s", adaptation=adaptation)
    stored = catalog.vectors / np.linalg.norm(catalog.vectors, axis=1, keepdims=True)
    expected = (stored @ stored.T - 9 * np.eye(12)).max(axis=1).mean()
    found = mean_nearest(product_neighbours(catalog))
    assert found == pytest.approx(expected, abs=QUANTIZED)
