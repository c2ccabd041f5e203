"""The figures of an evaluation, against scikit-learn, SciPy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score,
    det_curve,
    label_ranking_average_precision_score,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
)

from shelflens.evaluation.measure import metrics
from shelflens.evaluation.measure.metrics import Bin
from shelflens.evaluation.measure.share import Share

# Few distinct values, so that ties are the rule.
COARSE = st.integers(-8, 8).map(lambda tenth: tenth / 8)
SCORES = st.lists(COARSE, min_size=1, max_size=40).map(np.array)


def labelled(enrolled: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([1, 0], [len(enrolled), len(unknown)]), np.concatenate([enrolled, unknown])


@given(SCORES, SCORES)
def test_auroc_is_scikit_learns(enrolled: np.ndarray, unknown: np.ndarray) -> None:
    expected = roc_auc_score(*labelled(enrolled, unknown))
    assert metrics.auroc(enrolled, unknown) == pytest.approx(expected)
    pairs = [(a > b) + (a == b) / 2 for a in enrolled for b in unknown]
    assert metrics.auroc(enrolled, unknown) == pytest.approx(np.mean(pairs))


@given(SCORES, SCORES)
def test_the_error_curve_is_scikit_learns(enrolled: np.ndarray, unknown: np.ndarray) -> None:
    curve = metrics.error_curve(enrolled, unknown)
    errors = zip(curve.false_accept_rates, curve.false_reject_rates, strict=True)
    ours = dict(zip(curve.thresholds, errors, strict=True))
    false_accepts, true_accepts, edges = roc_curve(
        *labelled(enrolled, unknown), drop_intermediate=False
    )
    for accepts, hits, edge in zip(false_accepts[1:], true_accepts[1:], edges[1:], strict=True):
        assert ours[edge] == pytest.approx((accepts, 1 - hits))
    for accepts, misses, edge in zip(*det_curve(*labelled(enrolled, unknown)), strict=True):
        if edge in ours:  # the newest scikit-learn adds a point at infinity
            assert ours[edge] == pytest.approx((accepts, misses))
    assert (np.diff(curve.false_reject_rates) >= 0).all()
    assert (np.diff(curve.false_accept_rates) <= 0).all()
    assert (curve.false_reject_rates[0], curve.false_accept_rates[-1]) == (0, 0)


@given(SCORES, SCORES)
def test_equal_error_rate_by_a_loop(enrolled: np.ndarray, unknown: np.ndarray) -> None:
    rate, threshold = metrics.error_curve(enrolled, unknown).equal
    gaps = [
        abs((enrolled < edge).mean() - (unknown >= edge).mean())
        for edge in [*np.concatenate([enrolled, unknown]), 2.0]
    ]
    rejected, accepted = (enrolled < threshold).mean(), (unknown >= threshold).mean()
    assert abs(rejected - accepted) == pytest.approx(min(gaps))
    assert rate == pytest.approx((rejected + accepted) / 2)


@given(SCORES, SCORES, st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_threshold_at_a_false_accept_rate(
    enrolled: np.ndarray, unknown: np.ndarray, rate: float
) -> None:
    point = metrics.error_curve(enrolled, unknown).at_false_accept_rate(rate)
    assert point.false_accept_rate == pytest.approx((unknown >= point.threshold).mean())
    assert point.false_accept_rate <= rate
    assert point.false_reject_rate == pytest.approx((enrolled < point.threshold).mean())
    lower = [edge for edge in np.concatenate([enrolled, unknown]) if edge < point.threshold]
    assert all((unknown >= edge).mean() > rate for edge in lower)


def test_fpr_at_tpr_by_hand() -> None:
    enrolled, unknown = np.arange(1, 101) / 100, np.array([0.01, 0.04, 0.2, 0.9])
    assert metrics.fpr_at_tpr(enrolled, unknown) == 0.5
    assert metrics.fpr_at_tpr(enrolled, enrolled) == pytest.approx(0.95)


@given(st.lists(st.tuples(COARSE, st.booleans()), min_size=1, max_size=30))
def test_average_precision_is_scikit_learns(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows])
    relevant = np.array([mark for _, mark in rows])
    relevant[0] = True
    expected = average_precision_score(relevant, scores)
    assert metrics.average_precision(scores, relevant) == pytest.approx(expected)


@given(st.integers(1, 30), st.integers(3, 12), st.integers(1, 15), st.integers(0, 99))
def test_recall_at_k_is_scikit_learns(queries: int, products: int, k: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    own = generator.integers(0, products, queries)
    scores = generator.random((queries, products))  # no ties: scikit-learn breaks them its own way
    ranked = np.argsort(-scores, axis=1)
    found = metrics.recall_at_k(ranked, own, k)
    right = sum(own[row] in list(ranked[row])[:k] for row in range(queries))
    assert found == right / queries
    if k < products:  # scikit-learn warns where every answer is right
        expected = top_k_accuracy_score(own, scores, k=k, labels=np.arange(products))
        assert found == pytest.approx(expected)


def test_recall_at_k_of_ids_by_hand() -> None:
    ranked = [["a", "b"], ["long id", "a"], ["b", "a"]]
    own = ["a", "long id of another", "a"]
    assert metrics.recall_at_k(ranked, own) == 1 / 3
    assert metrics.recall_at_k(ranked, own, 2) == 2 / 3
    assert metrics.recall_at_k(ranked, own, 10) == 2 / 3, "a catalog of two products has no more"


def test_recall_at_k_refuses_other_shapes() -> None:
    for ranked, own in (([1, 2], [1, 2]), ([[1, 2]], [1, 2]), (np.empty((0, 3)), [])):
        with pytest.raises(ValueError, match="expected"):
            metrics.recall_at_k(ranked, own)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30).map(np.array))
def test_reciprocal_rank_is_scikit_learns(ranks: np.ndarray) -> None:
    truth, table = np.zeros((len(ranks), 20)), np.tile(-np.arange(20.0), (len(ranks), 1))
    truth[np.arange(len(ranks)), ranks - 1] = 1
    expected = label_ranking_average_precision_score(truth, table)
    assert metrics.mean_reciprocal_rank(ranks) == pytest.approx(expected)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_is_scipys(count: int, of: int) -> None:
    count = min(count, of)
    expected = binomtest(count, of).proportion_ci(method="wilson")
    assert Share(count, of).interval == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_share_of_nothing() -> None:
    assert Share(0, 0).value == 0
    assert Share(0, 0).interval == (0, 1)
    assert Share(1, 4).to_dict()["share"] == 0.25


@given(
    arrays(np.float64, 50, elements=st.floats(0, 1)),
    arrays(np.bool_, 50),
    st.integers(1, 12),
)
def test_reliability_by_loops(confidence: np.ndarray, right: np.ndarray, bins: int) -> None:
    found = metrics.reliability_bins(confidence, right, bins)
    assert sum(bin_.count for bin_ in found) == 50
    gap = 0.0
    for index in range(bins):
        inside = [n for n, c in enumerate(confidence) if min(int(c * bins), bins - 1) == index]
        if inside:
            mean = sum(confidence[n] for n in inside) / len(inside)
            gap += len(inside) / 50 * abs(mean - sum(right[n] for n in inside) / len(inside))
    assert metrics.calibration_error(found) == pytest.approx(gap, abs=1e-9)


def test_true_confidence_has_no_error() -> None:
    assert metrics.calibration_error([Bin(3, 0.5, 0.5), Bin(1, 1.0, 1.0)]) == 0
    assert metrics.calibration_error([Bin(1, 1.0, 0.0), Bin(3, 0.5, 0.5)]) == 0.25


def test_a_thinned_curve_keeps_its_ends() -> None:
    curve = metrics.error_curve(np.arange(300) / 300, np.arange(300) / 400)
    points = curve.thinned(50)
    assert len(points) == 50
    assert points[0].false_reject_rate == 0
    assert points[-1].false_accept_rate == 0
