"""The default calibration of a catalog, by its goods."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import Calibration, Catalog
from shelflens.catalog.default_calibration import KNOWN_FROM, Goods, Rise, default_calibration
from shelflens.catalog.neighbours import TYPICAL, mean_nearest, product_neighbours
from shelflens.catalog.posterior import Posterior

ROWS = np.eye(4, 16, dtype=np.float32)
IDS = ["a", "b", "c", "d"]
CARD = {"posterior": asdict(Posterior(12.0, 4.0, 5.0, 0.0)), "min_probability": 0.97}


def catalog(ids: list[str], rows: np.ndarray, similarity: float | None = None) -> Catalog:
    seen = Calibration(view_similarity=similarity)
    return Catalog(ids, rows, space="s", calibration=seen)


def offset(shop: Catalog, **rise: float) -> float:
    return default_calibration(shop, {**CARD, "rise": rise}).posterior.offset


def test_each_trait_moves_the_offset_by_its_coefficient() -> None:
    apart, alike = catalog(IDS, ROWS), catalog(IDS, ROWS + 0.5)
    for shop in (apart, alike):
        expected = 4.0 + 3.0 * (mean_nearest(product_neighbours(shop)) - TYPICAL)
        assert offset(shop, nearest=3.0) == pytest.approx(expected, abs=1e-3)
    assert offset(apart, nearest=3.0) < offset(alike, nearest=3.0)
    for similarity, expected in ((None, 4.0), (0.5, 4.0), (KNOWN_FROM + 0.1, 6.0)):
        shop = catalog(IDS, ROWS, similarity)
        assert offset(shop, views=20.0) == pytest.approx(expected, abs=1e-3)
    shop = catalog(["a", "b"] * 2, ROWS)
    assert Goods.of(shop).images == 2
    assert offset(shop, images=0.5) == pytest.approx(4.0 + 0.5 * math.log(2), abs=1e-3)


def test_a_card_without_a_posterior_gets_the_default_rise() -> None:
    shop = catalog(IDS, ROWS, 0.95)
    expected = Rise().applied(Calibration(), Goods.of(shop))
    assert default_calibration(shop, {}).posterior == expected.posterior != Posterior()


def test_a_posterior_measured_in_a_single_shop_stays() -> None:
    shop = catalog(IDS, ROWS + 0.5, 0.95)
    expected = replace(Calibration.from_dict(CARD), view_similarity=0.95)
    assert default_calibration(shop, CARD) == expected


def test_the_default_made_again_is_the_same() -> None:
    """`calibrate` makes it anew from the catalog and the card."""
    shop = catalog(["a", "b"] * 2, ROWS, 0.93)
    values = {**CARD, "rise": asdict(Rise())}
    first = default_calibration(shop, values)
    assert default_calibration(shop.with_calibration(first), values) == first


@given(st.none() | st.floats(-1, 1))
def test_the_similarity_of_views_survives_a_file(similarity: float | None) -> None:
    calibration = Calibration(view_similarity=similarity)
    values = calibration.to_dict()
    assert ("view_similarity" in values) == (similarity is not None)
    assert Calibration.from_dict(values) == calibration


@pytest.mark.parametrize(
    "rise", [2.0, "x", None, [1.0], {"views": "x"}, {"nearest": math.inf}, {"images": True}]
)
def test_a_rise_of_no_numbers_is_refused(rise: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Rise.from_dict(rise)
