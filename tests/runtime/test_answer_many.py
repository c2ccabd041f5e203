"""Answers of many photos at once are those of one photo after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.catalog import catalog as catalog_module
from shelflens.catalog.answer import Answer, decide
from shelflens.catalog.scores import BEST_ROW_FALL, MATCH_CANDIDATES, MEAN_SHARE
from tests.support.clusters import CALIBRATION

CLOSE = 1e-9
"""Probabilities and scores: the same sums, whatever instructions a processor has for them."""
SCORE = 1e-5
"""Scores of float32 rows and of plain loops in float64."""


def assert_same(found: Answer, expected: Answer) -> None:
    assert (found.decision, found.basis) == (expected.decision, expected.basis)
    assert found.confidence == pytest.approx(expected.confidence, abs=CLOSE)
    assert found.unknown_probability == pytest.approx(expected.unknown_probability, abs=CLOSE)
    assert [match.id for match in found.candidates] == [m.id for m in expected.candidates]
    for match, wanted in zip(found.matches, expected.matches, strict=True):
        assert (match.id, match.name) == (wanted.id, wanted.name)
        assert match.attributes == wanted.attributes
        assert match.score == pytest.approx(wanted.score, abs=CLOSE)
        assert match.probability == pytest.approx(wanted.probability, abs=CLOSE)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 80),
    products=st.integers(1, 30),
    dim=st.integers(2, 48),
    asked=st.integers(0, 40),
    k=st.integers(1, 30),
    spread=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 99),
)
def test_answers_given_together_are_those_given_one_by_one(
    rows: int, products: int, dim: int, asked: int, k: int, spread: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    owners = random.integers(0, products, rows)
    centres = random.normal(size=(products, dim))
    vectors = (centres[owners] + spread * random.normal(size=(rows, dim))).astype(np.float32)
    attributes = {f"p{n}": {"name": f"Product {n}", "size": "1 l"} for n in range(0, products, 2)}
    ids = [f"p{owner}" for owner in owners]
    catalog = Catalog(ids, vectors, space="s", attributes=attributes, calibration=CALIBRATION)
    shown = centres[random.integers(0, products, asked)] + spread * random.normal(size=(asked, dim))
    queries = shown.astype(np.float32)
    together = list(catalog.answer_many(queries, k))
    assert len(together) == asked
    for answer, vector in zip(together, queries, strict=True):
        assert_same(answer, catalog.answer(vector, k))
        deep = catalog.match(vector, max(k, MATCH_CANDIDATES))
        judged = decide(deep, len(catalog), CALIBRATION)
        assert len(answer.matches) == min(k, len(catalog))
        assert answer.decision == judged.decision
        assert answer.confidence == pytest.approx(judged.confidence, abs=CLOSE)
        assert answer.matches == judged.matches[:k]


def test_scores_are_those_of_plain_loops(unit: Callable[..., NDArray[np.float32]]) -> None:
    ids = [f"p{n}" for n in np.random.default_rng(1).integers(0, 9, 40)]
    catalog, queries = Catalog(ids, unit(40, 16), space="s"), unit(6, 16, seed=2)
    indices, scores = catalog.nearest(queries, 9)
    assert (np.sort(indices) == np.arange(len(catalog))).all()
    for query, found, given_scores in zip(queries, indices.tolist(), scores, strict=True):
        expected = []
        for index in found:
            rows = catalog.vectors_of(catalog.rows_of(index)).astype(np.float64)
            best = float((rows @ query).max())
            mean = float(catalog.mean_direction(index).astype(np.float64) @ query)
            mixed = MEAN_SHARE * mean + (1 - MEAN_SHARE) * best
            several = max(mixed, 1 - BEST_ROW_FALL * (1 - best))
            expected.append(several if len(rows) > 1 else best)
        assert np.allclose(given_scores, expected, atol=SCORE)
        assert (np.diff(given_scores) <= 0).all()


def test_more_queries_than_are_kept_together(
    monkeypatch: pytest.MonkeyPatch, unit: Callable[..., NDArray[np.float32]]
) -> None:
    catalog = Catalog([f"p{n // 3}" for n in range(30)], unit(30, 16), space="s")
    asked = unit(9, 16, seed=1)
    expected = [catalog.answer(vector, 3) for vector in asked]
    monkeypatch.setattr(catalog_module, "CACHED", 4)
    together = list(catalog.answer_many(asked, 3))
    assert [answer.matches for answer in together] == [answer.matches for answer in expected]
    records = [id(match.attributes) for answer in together for match in answer.matches]
    assert len(set(records)) == len(records), "a caller may change its own"


def test_no_queries_and_no_products(unit: Callable[..., NDArray[np.float32]]) -> None:
    catalog = Catalog(["a"], unit(1, 8), space="s")
    assert list(catalog.answer_many([])) == []
    assert [table.shape for table in catalog.nearest([], 3)] == [(0, 1), (0, 1)]
    empty = catalog.remove(["a"])
    assert [answer.decision for answer in empty.answer_many(unit(2, 8))] == ["unknown"] * 2
    assert [table.shape for table in empty.nearest(unit(2, 8), 3)] == [(2, 0), (2, 0)]
