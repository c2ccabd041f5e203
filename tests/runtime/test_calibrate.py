"""Calibration: estimators against oracles and populations that are known, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from shelflens import Catalog, CatalogError, DataError
from shelflens.calibration.calibrate import calibrate
from shelflens.calibration.logistic import fit_logistic
from shelflens.calibration.thresholds import MOST_MARGIN, margin_for, share_interval, tail_quantile
from shelflens.calibration.thresholds import threshold_for as measure
from shelflens.catalog.confirm import confirm, unconfirm

DEFAULT = {"threshold": 0.7, "margin": 0.03}
DIM = 24


def scene(
    seed: int, *, products: int = 12, others: int = 12, photos: int = 12, noise: float = 0.13
) -> dict[str, Any]:
    """A store of things whose photos scatter about them, and things that it does not sell."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(products + others, DIM))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)

    def shoot(numbers: range, count: int) -> tuple[NDArray[np.float32], list[str]]:
        owners = np.repeat(list(numbers), count)
        rows = centres[owners] + generator.normal(0, noise, (len(owners), DIM))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float32), [f"p{n}" for n in owners]

    gallery, ids = shoot(range(products), 4)
    queries, labels = shoot(range(products), photos)
    unknowns, kinds = shoot(range(products, products + others), photos)
    return {
        "catalog": Catalog(ids, gallery, space="s", calibration=DEFAULT),
        "queries": queries,
        "products": labels,
        "unknowns": unknowns,
        "kinds": kinds,
    }


def calibrated(parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return calibrate(**{**parts, "default": DEFAULT, **more})


def test_it_separates_what_can_be_separated_and_says_how_it_knows() -> None:
    parts = scene(0)
    found = calibrated(parts)
    catalog: Catalog = parts["catalog"]
    catalog.calibration = found
    known = [catalog.answer(one) for one in parts["queries"]]
    new = [catalog.answer(one) for one in parts["unknowns"]]
    assert np.mean([one.decision == "unknown" for one in new]) > 0.97
    assert np.mean([one.decision == "match" for one in known]) > 0.9
    assert {one.basis for one in known} == {"measured"}
    low, high = found["threshold_interval"]
    assert low < found["threshold"] < high
    least, most = found["far_interval"]
    assert least <= found["far_measured"] <= most
    assert (found["queries"], found["unknowns"], found["products"]) == (144, 144, 12)
    assert json.loads(json.dumps(found)) == found
    assert len(json.dumps(found)) < 1000, "it stands in the header of the catalog"


@pytest.mark.parametrize("far", [0.01, 0.05, 0.2])
def test_other_kinds_of_things_keep_the_target_rate(far: float) -> None:
    """The promise: over many stores, things never measured are let in at about the target."""
    rates = []
    for seed in range(12):
        parts = scene(seed, others=60, photos=8, noise=0.2)
        half = len(parts["kinds"]) // 2
        catalog: Catalog = parts["catalog"]
        unknowns, kinds = parts["unknowns"], parts["kinds"]
        catalog.calibration = calibrated(
            {**parts, "unknowns": unknowns[:half], "kinds": kinds[:half]}, far=far
        )
        new = [catalog.answer(one).decision for one in unknowns[half:]]
        rates.append(np.mean([one != "unknown" for one in new]))
    assert 0.3 * far < np.mean(rates) < 2 * far


def test_left_out_products_stand_in_for_unknown_things() -> None:
    rates = []
    for seed in range(8):
        parts = scene(seed, products=40, others=40, photos=5, noise=0.2)
        unknowns = parts.pop("unknowns")
        parts.pop("kinds")
        catalog: Catalog = parts["catalog"]
        catalog.calibration = calibrated(parts)
        assert catalog.calibration["unknowns"] == 0
        rates.append(np.mean([catalog.answer(one).decision != "unknown" for one in unknowns]))
    assert np.mean(rates) < 0.02


def test_few_unknown_things_lean_on_the_products_left_out() -> None:
    parts = scene(3, products=40, others=40, photos=5, noise=0.2)
    bare = {key: one for key, one in parts.items() if key not in ("unknowns", "kinds")}
    one = {**parts, "unknowns": parts["unknowns"][:1], "kinds": parts["kinds"][:1]}
    far_off = {"threshold": 0.95, "margin": 0.03}
    own = calibrated(bare, default=far_off)["threshold"]
    assert abs(own - 0.95) > 0.1, "the default is of another store"
    assert abs(calibrated(one, default=far_off)["threshold"] - own) < 0.03
    assert calibrated(one)["weight"] < 0.2 < 0.6 < calibrated(parts)["weight"]


def test_confidence_is_the_share_that_is_right() -> None:
    parts, again = scene(3, photos=60, noise=0.25), scene(3, photos=60, noise=0.25)
    catalog: Catalog = parts["catalog"]
    catalog.calibration = calibrated(parts)
    answers = [catalog.answer(one) for one in (*again["queries"], *again["unknowns"])]
    right = [a.matches[0].id == own for a, own in zip(answers, again["products"], strict=False)]
    right += [False] * len(again["kinds"])
    sure = np.array([one.confidence for one in answers])
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [
        abs(np.array(right)[bins == n].mean() - sure[bins == n].mean()) * np.mean(bins == n)
        for n in set(bins.tolist())
    ]
    assert sum(gaps) < 0.03


def test_fewer_strangers_raise_confidence() -> None:
    parts = scene(1, noise=0.25)
    sure = []
    for share in (0.0, 0.1, 0.5, 0.9):
        parts["catalog"].calibration = calibrated(parts, strangers=share)
        sure.append(np.mean([parts["catalog"].answer(v).confidence for v in parts["queries"]]))
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_photos_gives_no_wild_threshold(count: int) -> None:
    for seed in range(6):
        parts = scene(seed)
        few = slice(seed, None, len(parts["products"]) // count)
        small = {
            "catalog": parts["catalog"],
            "queries": parts["queries"][few][:count],
            "products": parts["products"][few][:count],
            "unknowns": parts["unknowns"][few][:count],
            "kinds": parts["kinds"][few][:count],
        }
        found = calibrated(small)
        assert abs(found["threshold"] - DEFAULT["threshold"]) < 0.25
        assert 0 <= found["margin"] <= MOST_MARGIN
        low, high = found["threshold_interval"]
        assert high - low > 0.15, "and says that it does not know"
        assert abs(found["margin"] - DEFAULT["margin"]) < 0.02


def test_many_photos_leave_the_default_behind() -> None:
    parts = scene(0, others=40, photos=30)
    high, low = (calibrated(parts, default={**DEFAULT, "threshold": t}) for t in (0.9, 0.3))
    assert abs(high["threshold"] - low["threshold"]) < 0.05
    assert min(high["weight"], low["weight"]) > 0.9


def test_order_of_photos_does_not_matter() -> None:
    parts = scene(2)
    order = np.random.default_rng(0).permutation(len(parts["products"]))
    mixed = {**parts, "queries": parts["queries"][order]}
    mixed["products"] = [parts["products"][n] for n in order]
    one, other = calibrated(parts), calibrated(mixed)
    assert one["threshold"] == other["threshold"]
    assert one["margin"] == pytest.approx(other["margin"], abs=1e-3)


@settings(max_examples=100)
@given(
    scores=st.lists(st.floats(-1, 1), min_size=1, max_size=300),
    far=st.floats(0.001, 0.5),
)
def test_tail_quantile_is_finite_and_falls_with_the_rate(scores: list[float], far: float) -> None:
    rows = np.array(scores)
    assert np.isfinite(tail_quantile(rows, far))
    assert tail_quantile(rows, far / 2) >= tail_quantile(rows, far) - 1e-9
    assert tail_quantile(rows, far) >= rows.min()


def test_tail_quantile_of_a_known_population() -> None:
    """Beyond a normal sample's highest score, where the plain quantile can only say its maximum."""
    generator = np.random.default_rng(0)
    small = [tail_quantile(generator.normal(0.4, 0.1, 60), 0.01) for _ in range(300)]
    plain = [np.quantile(generator.normal(0.4, 0.1, 60), 0.99) for _ in range(300)]
    truth = 0.4 + 0.1 * 2.326
    assert abs(np.mean(small) - truth) < 0.04
    assert np.mean(small) > np.mean(plain) - 0.01
    large = tail_quantile(generator.normal(0.4, 0.1, 100_000), 0.2)
    assert large == pytest.approx(0.4 + 0.1 * 0.8416, abs=0.003)


def test_kinds_count_not_photos() -> None:
    """Thirty photos of each of ten things are not three hundred things."""
    generator = np.random.default_rng(0)
    scores = np.repeat(generator.normal(0.5, 0.1, 10), 30) + generator.normal(0, 0.005, 300)
    kinds = [str(n // 30) for n in range(300)]
    alone = [str(n) for n in range(300)]
    clustered, independent = (measure(scores, one, far=0.05, default=0.6) for one in (kinds, alone))
    widths = [one.interval[1] - one.interval[0] for one in (clustered, independent)]
    assert widths[0] > 1.3 * widths[1]
    assert clustered.weight < independent.weight


def test_share_interval_says_something_about_none() -> None:
    low, high = share_interval(np.zeros(10), np.full(10, 10))
    assert low == 0
    assert 0.02 < high < 0.06
    low, high = share_interval(np.full(50, 2), np.full(50, 10))
    assert low < 0.2 < high


def test_margin_reaches_the_precision() -> None:
    generator = np.random.default_rng(0)
    leads = generator.uniform(0, 0.1, 4000)
    right = generator.random(4000) < np.where(leads < 0.03, 0.6, 0.999)
    margin = margin_for(leads, right, precision=0.98, default=0.02)
    assert 0.02 < margin < 0.035
    assert right[leads >= margin].mean() >= 0.975
    assert margin_for(leads, np.ones(4000, bool), precision=0.98, default=0.02) < 0.001
    assert margin_for(leads[:0], right[:0], precision=0.98, default=0.02) == 0.02
    assert margin_for(leads, np.zeros(4000, bool), precision=0.98, default=0.02) <= MOST_MARGIN


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), weighted=st.booleans())
def test_logistic_regression_is_scikit_learns(seed: int, weighted: bool) -> None:
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(200, 3))
    right = (inputs @ [2, -1, 0] + generator.logistic(size=200) > 0).astype(float)
    weights = generator.uniform(0.1, 3, 200) if weighted else None
    ours = fit_logistic(inputs, right, ridge=0.5, weights=weights)
    oracle = LogisticRegression(C=2, fit_intercept=False, tol=1e-10, max_iter=1000)
    oracle.fit(inputs, right, sample_weight=weights)
    assert ours == pytest.approx(oracle.coef_[0], abs=1e-4)


def test_without_data_the_curve_is_the_one_known_beforehand() -> None:
    centre = np.array([0.0, 20.0, 20.0])
    ours = fit_logistic(np.ones((1, 3)), np.ones(1), ridge=1.0, centre=centre, weights=np.zeros(1))
    assert ours == pytest.approx(centre)


def pruned(parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**{k: v for k, v in parts.items() if k not in ("unknowns", "kinds")}, **more}


@pytest.mark.parametrize("far", [0.0, -0.1, 0.51, 1.0, float("nan")])
def test_an_impossible_rate_is_refused(far: float) -> None:
    with pytest.raises(DataError, match="far: expected a share above 0"):
        calibrated(scene(0), far=far)


def test_bad_input_gets_one_line_and_leaves_the_catalog(tmp_path: Path) -> None:
    parts = scene(0)
    catalog: Catalog = parts["catalog"]
    count = len(parts["products"])
    gallery = catalog.vectors
    one = Catalog(["p0", "p0"], gallery[:2], space="s")
    same = np.repeat(gallery[:1], count, axis=0)
    flat = Catalog([f"p{n}" for n in range(12)], np.repeat(gallery[:1], 12, axis=0), space="s")
    near = (gallery[0] + 0.1 * gallery[20])[np.newaxis].repeat(count, axis=0)
    cases: list[tuple[dict[str, Any], str]] = [
        ({**parts, "products": ["x"] * count}, "none of 1 products is in the catalog"),
        ({**parts, "products": ["p0"] * (count - 1) + ["x"]}, "1 of 2 products are not in"),
        ({**parts, "kinds": ["p3"] * len(parts["kinds"])}, "'p3' is in the catalog"),
        (pruned(parts, catalog=one, products=["p0"] * count), "without unknowns"),
        (pruned(parts, queries=gallery, products=catalog.row_ids), "pictures of the catalog"),
        (pruned(parts, queries=same), "pictures of the catalog"),
        (pruned(parts, catalog=flat, queries=near), "expected scores that differ"),
        ({**parts, "strangers": 1.0}, "strangers: expected a share"),
        (pruned(parts, catalog=catalog.remove(catalog.ids)), "0 products"),
        ({**parts, "queries": np.full((count, DIM), np.nan)}, "finite"),
    ]
    for given_, message in cases:
        with pytest.raises((DataError, CatalogError), match=message) as caught:
            calibrated(given_)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 250
    assert catalog.calibration == DEFAULT


def test_one_product_can_be_calibrated_with_unknowns() -> None:
    parts = scene(0, products=1)
    parts["catalog"].calibration = calibrated(parts)
    assert parts["catalog"].answer(parts["queries"][0]).decision == "match"
    assert parts["catalog"].answer(parts["unknowns"][0]).decision == "unknown"


def test_a_calibration_survives_the_file_and_changes_of_the_catalog(tmp_path: Path) -> None:
    parts = scene(0)
    catalog: Catalog = parts["catalog"]
    catalog.calibration = found = calibrated(parts)
    catalog.save(tmp_path / "s.catalog")
    opened = Catalog.open(tmp_path / "s.catalog")
    assert opened.calibration == found
    query = parts["queries"][0]
    assert opened.answer(query) == catalog.answer(query)
    grown = opened.add(["new"], parts["unknowns"][:1])
    assert grown.calibration == grown.remove(["new"]).calibration == found
    assert grown.answer(parts["unknowns"][0]).basis == "measured"
    confirmed, done = confirm(opened, "p0", query)
    assert done.kept
    assert confirmed.calibration == unconfirm(confirmed, "p0")[0].calibration == found
