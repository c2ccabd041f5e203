"""Figures of an evaluation are those of plain loops, and what cannot be measured is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelflens import Calibration, Catalog, CatalogError
from shelflens.errors import DataError
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.measure.figures import reliability
from shelflens.evaluation.measure.query_results import DEPTH, query_catalog
from shelflens.evaluation.report.advice import advise
from shelflens.evaluation.report.write import write_report
from tests.support.clusters import CALIBRATION, clusters, embedded, queries, store


@settings(max_examples=20)
@given(st.integers(2, 25), st.integers(1, 4), st.floats(0.1, 3.0), st.integers(0, 99))
def test_ranks_are_those_of_the_catalog(products: int, rows: int, spread: float, seed: int) -> None:
    catalog = store(products, rows, spread)
    for result in query_catalog(catalog, queries(products, 1, spread, seed + 1)):
        ids = [match.id for match in catalog.match(result.vector, DEPTH)]
        if result.item.product in ids:
            assert result.rank == ids.index(result.item.product) + 1
        else:  # deeper, products are ranked by their best row alone
            scores = catalog.best_row_scores(result.vector[np.newaxis])[0]
            own = scores[catalog.index_of(result.item.product)]
            assert result.rank == max(int((scores > own).sum()), DEPTH) + 1
        assert result.first.id == ids[0]
        assert result.best_wrong.id != result.item.product
        assert 0 < result.average_precision <= 1


def test_queries_with_their_own_product_removed_stand_in_for_unknowns() -> None:
    catalog, asked = store(), queries()
    evaluation = evaluate(catalog, asked)
    assert evaluation.unknown is evaluation.leave_one_out
    answers = [
        catalog.remove([item.product]).answer(vector)
        for item, vector in zip(asked.items, asked.vectors, strict=True)
    ]
    figures = evaluation.leave_one_out
    decisions = [answer.decision for answer in answers]
    assert figures.not_rejected.count == sum(decision != "unknown" for decision in decisions)
    assert figures.false_accept_rate.count == decisions.count("match")


def test_more_images_make_a_k_shot_curve() -> None:
    curve = evaluate(store(spread=1.6), queries(spread=1.6)).k_shot_curve
    assert [point.k for point in curve] == [1, 2, 3, 5]
    assert curve[-1].recall_at_1 > curve[0].recall_at_1
    assert all(point.low <= point.recall_at_1 <= point.high for point in curve)


def test_confidence_is_compared_with_accuracy(tmp_path: Path) -> None:
    evaluation = evaluate(store(), queries())
    results = [replace(result, confidence=0.75) for result in evaluation.results]
    unknowns = [replace(result, confidence=0.25, rank=0) for result in evaluation.results[:60]]
    found = reliability(results, unknowns)
    accuracy = evaluation.enrolled.recall_at_1.value
    assert found.ece == pytest.approx(abs(0.75 - accuracy))
    both = (len(results) * abs(0.75 - accuracy) + 60 * 0.25) / (len(results) + 60)
    assert found.ece_with_unknowns == pytest.approx(both)
    write_report(replace(evaluation, reliability=found), tmp_path)
    assert "Can the confidence be believed?" in (tmp_path / "report.html").read_text()


def test_queries_that_are_enrolled_themselves_are_named() -> None:
    evaluation = evaluate(store(10, 4, 0.5), embedded(*clusters(10, 4, spread=0.5)))
    assert any("40 of 40 test photos are in the catalog" in text for text in evaluation.notices)


def test_products_that_are_not_enrolled_count_as_unknown() -> None:
    half = store().remove([f"p{index:02d}" for index in range(10)])
    evaluation = evaluate(half, queries())
    assert (len(evaluation.results), len(evaluation.unknowns)) == (60, 60)
    assert evaluation.unknown.basis == "unknowns"
    assert any(item.title.startswith("Add 10 products") for item in advise(evaluation))
    few = evaluate(store().remove(["p00"]), queries())
    assert (len(few.unknowns), len(few.not_enrolled)) == (0, 6)
    assert any("6 photos show products" in text for text in few.notices)


def test_what_cannot_be_measured_is_refused() -> None:
    labels, vectors = clusters(3, 2, spread=0.5)
    asked = embedded(labels, vectors)
    with pytest.raises(CatalogError, match="has 1 product"):
        evaluate(store(1, 2), asked)
    with pytest.raises(DataError, match=r"none of their products \('p00', \.\.\.\) is enrolled"):
        evaluate(Catalog(["a", "b"], vectors[:2], space="s"), asked)
    with pytest.raises(DataError, match="product 'p01' is enrolled"):
        evaluate(store(3, 2), asked, embedded(["x", "p01"], vectors[:2]))
    same = np.ones((3, 8), np.float32) / np.sqrt(8, dtype=np.float32)
    with pytest.raises(DataError, match=r"every photo has the score 1\.000 with every product"):
        evaluate(Catalog(["p0", "p1", "p2"], same, space="s"), embedded(["p0"], same[:1]))


def test_the_catalogs_own_calibration_is_reported() -> None:
    evaluation = evaluate(store(), queries())
    assert evaluation.basis == "default"
    assert evaluation.unknown.threshold == CALIBRATION.min_probability
    measured = store().with_calibration(Calibration(min_probability=0.8, basis="measured"))
    evaluation = evaluate(measured, queries())
    assert (evaluation.basis, evaluation.unknown.threshold) == ("measured", 0.8)
