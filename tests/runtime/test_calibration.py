"""Calibration: estimators against oracles and populations that are known, and bad input."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from shelflens import Calibration, Catalog, CatalogError, DataError
from shelflens.calibration.calibrate import calibrate
from shelflens.calibration.fit import fit_calibration
from shelflens.calibration.logistic import fit_logistic
from shelflens.calibration.scores import ScoredPhotos, score_photos
from shelflens.calibration.thresholds import (
    MAX_MARGIN,
    margin_for,
    share_interval,
    tail_quantile,
    threshold_for,
)
from shelflens.catalog.answer import Match, decide
from shelflens.catalog.calibration import Measurement
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.scores import MATCH_CANDIDATES

DEFAULT = Calibration(threshold=0.7, margin=0.03)
DIM = 24
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A store of things whose photos scatter about them, and things that it does not sell."""

    catalog: Catalog
    queries: Vectors
    products: list[str]
    unknowns: Vectors
    unknown_labels: list[str]

    def calibrated(self, **changes: Any) -> Calibration:
        """From all photos, or with other arguments."""
        arguments = {**vars(self), "default": DEFAULT, **changes}
        return calibrate(**arguments)

    def without_unknowns(self, **changes: Any) -> Calibration:
        """From the products left out."""
        return self.calibrated(**{"unknowns": None, "unknown_labels": (), **changes})


@cache
def scene(
    seed: int, *, products: int = 12, unknown: int = 12, photos: int = 12, noise: float = 0.13
) -> Scene:
    """A scene; nothing in it changes, so that tests share it."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(products + unknown, DIM))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)

    def shoot(things: range, count: int) -> tuple[Vectors, list[str]]:
        owners = np.repeat(list(things), count)
        rows = centres[owners] + generator.normal(0, noise, (len(owners), DIM))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float32), [f"p{n}" for n in owners]

    gallery, ids = shoot(range(products), 4)
    queries, labels = shoot(range(products), photos)
    unknowns, unknown_labels = shoot(range(products, products + unknown), photos)
    catalog = Catalog(ids, gallery, space="s", calibration=DEFAULT)
    return Scene(catalog, queries, labels, unknowns, unknown_labels)


@cache
def half_scored(seed: int) -> tuple[ScoredPhotos, list[list[Match]]]:
    """A scene scored with half of its unknown things, and the matches of the other half."""
    parts = scene(seed, unknown=60, photos=8, noise=0.2)
    half = len(parts.unknowns) // 2
    scored = score_photos(
        parts.catalog,
        parts.queries,
        parts.products,
        parts.unknowns[:half],
        parts.unknown_labels[:half],
    )
    judged = parts.catalog.match_many(parts.unknowns[half:], MATCH_CANDIDATES)
    return scored, judged


def measured(calibration: Calibration) -> Measurement:
    assert calibration.measurement is not None
    return calibration.measurement


def test_it_separates_what_can_be_separated_and_says_how_it_knows() -> None:
    parts = scene(0)
    found = parts.calibrated()
    catalog = parts.catalog.with_calibration(found)
    known = [catalog.answer(vector) for vector in parts.queries]
    unknown = [catalog.answer(vector) for vector in parts.unknowns]
    assert np.mean([answer.decision == "unknown" for answer in unknown]) > 0.97
    assert np.mean([answer.decision == "match" for answer in known]) > 0.9
    assert {answer.basis for answer in known} == {"measured"}
    details = measured(found)
    low, high = details.threshold_interval
    assert low < found.threshold < high
    low, high = details.false_accept_rate_interval
    assert low <= details.measured_false_accept_rate <= high
    assert (details.queries, details.unknowns, details.products, details.rows) == (144, 144, 12, 48)


def test_json_holds_all_of_it() -> None:
    found = scene(0).calibrated()
    text = json.dumps(found.to_dict())
    assert Calibration.from_dict(json.loads(text)) == found
    assert len(text) < 1000, "it stands in the header of the catalog"
    assert set(found.to_dict()) == {
        *("threshold", "margin", "confidence", "basis"),
        *("threshold_interval", "weight", "accepted", "matched", "matched_right"),
        *("false_accept_rate", "measured_false_accept_rate", "false_accept_rate_interval"),
        *("unknown_share", "queries", "unknowns", "products", "rows"),
    }
    assert DEFAULT.to_dict() == {"threshold": 0.7, "margin": 0.03}
    assert Calibration.from_dict({}) == Calibration()


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_things_never_measured_keep_the_target_rate(rate: float) -> None:
    """The promise: over many stores, things never measured are accepted at about the target."""
    accepted = []
    for seed in range(12):
        scored, judged = half_scored(seed)
        found = fit_calibration(scored, false_accept_rate=rate, default=DEFAULT)
        decisions = [decide(matches, found).decision for matches in judged]
        accepted.append(np.mean([decision != "unknown" for decision in decisions]))
    assert 0.3 * rate < np.mean(accepted) < 2 * rate


def test_scoring_once_and_fitting_is_calibrating() -> None:
    """What the test before this leaves out: `calibrate` is these two steps."""
    parts = scene(0, unknown=60, photos=8, noise=0.2)
    half = len(parts.unknowns) // 2
    whole = parts.calibrated(
        unknowns=parts.unknowns[:half],
        unknown_labels=parts.unknown_labels[:half],
        false_accept_rate=0.05,
    )
    scored, judged = half_scored(0)
    assert fit_calibration(scored, false_accept_rate=0.05, default=DEFAULT) == whole
    answers = map(parts.catalog.with_calibration(whole).answer, parts.unknowns[half:][:20])
    assert [answer.decision for answer in answers] == [
        decide(matches, whole).decision for matches in judged[:20]
    ]


def test_left_out_products_stand_in_for_unknown_things() -> None:
    accepted = []
    for seed in range(8):
        parts = scene(seed, products=40, unknown=40, photos=5, noise=0.2)
        found = parts.without_unknowns()
        assert measured(found).unknowns == 0
        matches = parts.catalog.match_many(parts.unknowns, MATCH_CANDIDATES)
        accepted.append(np.mean([decide(best, found).decision != "unknown" for best in matches]))
    assert np.mean(accepted) < 0.02


def test_few_unknown_things_lean_on_the_products_left_out() -> None:
    parts = scene(3, products=40, unknown=40, photos=5, noise=0.2)
    first = {"unknowns": parts.unknowns[:1], "unknown_labels": parts.unknown_labels[:1]}
    distant = replace(DEFAULT, threshold=0.95)
    own = parts.without_unknowns(default=distant).threshold
    assert abs(own - 0.95) > 0.1, "the default is of another store"
    assert abs(parts.calibrated(**first, default=distant).threshold - own) < 0.03
    few, many = measured(parts.calibrated(**first)), measured(parts.calibrated())
    assert few.weight < 0.2 < 0.6 < many.weight


def test_confidence_is_the_share_that_is_right() -> None:
    parts = scene(3, photos=60, noise=0.25)
    found, queries = parts.calibrated(), np.concatenate([parts.queries, parts.unknowns])
    matches = parts.catalog.match_many(queries, MATCH_CANDIDATES)
    answers = [decide(best, found) for best in matches]
    labels = [*parts.products, *parts.unknown_labels]
    right = np.array([a.matches[0].id == own for a, own in zip(answers, labels, strict=True)])
    confidence = np.array([answer.confidence for answer in answers])
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(right[bins == n].mean() - confidence[bins == n].mean()) * np.mean(bins == n)
        for n in set(bins.tolist())
    ]
    assert sum(gaps) < 0.03


def test_fewer_unknown_things_raise_confidence() -> None:
    parts = scene(1, noise=0.25)
    photos = score_photos(
        parts.catalog, parts.queries, parts.products, parts.unknowns, parts.unknown_labels
    )
    matches = parts.catalog.match_many(parts.queries, MATCH_CANDIDATES)
    confidences = []
    for share in (0.0, 0.1, 0.5, 0.9):
        found = fit_calibration(photos, unknown_share=share, default=DEFAULT)
        confidences.append(np.mean([decide(best, found).confidence for best in matches]))
    assert confidences == sorted(confidences, reverse=True)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_photos_gives_no_wild_threshold(count: int) -> None:
    for seed in range(6):
        parts = scene(seed)
        few = slice(seed, None, len(parts.products) // count)
        found = parts.calibrated(
            queries=parts.queries[few][:count],
            products=parts.products[few][:count],
            unknowns=parts.unknowns[few][:count],
            unknown_labels=parts.unknown_labels[few][:count],
        )
        assert abs(found.threshold - DEFAULT.threshold) < 0.25
        assert 0 <= found.margin <= MAX_MARGIN
        low, high = measured(found).threshold_interval
        assert high - low > 0.15, "and says that it does not know"
        assert abs(found.margin - DEFAULT.margin) < 0.02


def test_many_photos_leave_the_default_behind() -> None:
    parts = scene(0, unknown=40, photos=30)
    photos = score_photos(
        parts.catalog, parts.queries, parts.products, parts.unknowns, parts.unknown_labels
    )
    high, low = (
        fit_calibration(photos, default=replace(DEFAULT, threshold=threshold))
        for threshold in (0.9, 0.3)
    )
    assert abs(high.threshold - low.threshold) < 0.05
    assert min(measured(high).weight, measured(low).weight) > 0.9


def test_order_of_photos_does_not_matter() -> None:
    parts = scene(2)
    order = np.random.default_rng(0).permutation(len(parts.products))
    products = [parts.products[n] for n in order]
    found = parts.calibrated()
    mixed = parts.calibrated(queries=parts.queries[order], products=products)
    assert found.threshold == mixed.threshold
    assert found.margin == pytest.approx(mixed.margin, abs=1e-3)


@settings(max_examples=100)
@given(
    scores=st.lists(st.floats(-1, 1), min_size=1, max_size=300),
    share=st.floats(0.001, 0.5),
)
def test_tail_quantile_is_finite_and_falls_with_the_share(
    scores: list[float], share: float
) -> None:
    rows = np.array(scores)
    assert np.isfinite(tail_quantile(rows, share))
    assert tail_quantile(rows, share / 2) >= tail_quantile(rows, share) - 1e-9
    assert tail_quantile(rows, share) >= rows.min()


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


def test_things_count_not_photos() -> None:
    """Thirty photos of each of ten things are not three hundred things."""
    generator = np.random.default_rng(0)
    scores = np.repeat(generator.normal(0.5, 0.1, 10), 30) + generator.normal(0, 0.005, 300)
    ten = [str(n // 30) for n in range(300)]
    each = [str(n) for n in range(300)]
    clustered, independent = (
        threshold_for(scores, labels, false_accept_rate=0.05, default=0.6) for labels in (ten, each)
    )
    widths = [high - low for low, high in (clustered.interval, independent.interval)]
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
    margins = generator.uniform(0, 0.1, 4000)
    right = generator.random(4000) < np.where(margins < 0.03, 0.6, 0.999)
    margin = margin_for(margins, right, precision=0.98, default=0.02)
    assert 0.02 < margin < 0.035
    assert right[margins >= margin].mean() >= 0.975
    assert margin_for(margins, np.ones(4000, bool), precision=0.98, default=0.02) < 0.001
    assert margin_for(margins[:0], right[:0], precision=0.98, default=0.02) == 0.02
    assert margin_for(margins, np.zeros(4000, bool), precision=0.98, default=0.02) <= MAX_MARGIN


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


@pytest.mark.parametrize("rate", [0.0, -0.1, 0.51, 1.0, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(DataError, match="false accept rate: expected a share above 0"):
        scene(0).calibrated(false_accept_rate=rate)


def test_bad_input_gets_one_line() -> None:
    parts = scene(0)
    catalog, count = parts.catalog, len(parts.products)
    gallery = catalog.vectors
    single = Catalog(["p0", "p0"], gallery[:2], space="s")
    same = np.repeat(gallery[:1], count, axis=0)
    flat = Catalog([f"p{n}" for n in range(12)], np.repeat(gallery[:1], 12, axis=0), space="s")
    near = (gallery[0] + 0.1 * gallery[20])[np.newaxis].repeat(count, axis=0)
    alone: dict[str, Any] = {"unknowns": None, "unknown_labels": ()}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"products": ["x"] * count}, "none of 1 products is in the catalog"),
        ({"products": ["p0"] * (count - 1) + ["x"]}, "1 of 2 products are not in"),
        ({"unknown_labels": ["p3"] * len(parts.unknowns)}, "'p3' is in the catalog"),
        ({**alone, "catalog": single, "products": ["p0"] * count}, "without unknowns"),
        ({**alone, "queries": gallery, "products": catalog.row_ids}, "images of the catalog"),
        ({**alone, "queries": same}, "images of the catalog"),
        ({**alone, "catalog": flat, "queries": near}, "expected scores that differ"),
        ({"unknown_share": 1.0}, "unknown share: expected a share"),
        ({**alone, "catalog": catalog.remove(catalog.ids)}, "0 products"),
        ({"queries": np.full((count, DIM), np.nan)}, "finite"),
    ]
    for changes, message in cases:
        with pytest.raises((DataError, CatalogError), match=message) as caught:
            parts.calibrated(**changes)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 250


def test_one_product_can_be_calibrated_with_unknowns() -> None:
    parts = scene(0, products=1)
    catalog = parts.catalog.with_calibration(parts.calibrated())
    assert catalog.answer(parts.queries[0]).decision == "match"
    assert catalog.answer(parts.unknowns[0]).decision == "unknown"


def test_a_calibration_survives_the_file_and_changes_of_the_catalog(tmp_path: Path) -> None:
    parts = scene(0)
    found = parts.calibrated()
    catalog = parts.catalog.with_calibration(found)
    catalog.save(tmp_path / "s.catalog")
    opened = Catalog.open(tmp_path / "s.catalog")
    assert opened.calibration == found
    query = parts.queries[0]
    assert opened.answer(query) == catalog.answer(query)
    grown = opened.add(["new"], parts.unknowns[:1])
    assert grown.calibration == grown.remove(["new"]).calibration == found
    assert grown.answer(parts.unknowns[0]).basis == "measured"
    confirmed, done = confirm(opened, "p0", query)
    assert done.kept
    assert confirmed.calibration == unconfirm(confirmed, "p0")[0].calibration == found
