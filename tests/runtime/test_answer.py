"""The decision, its confidence, and one answer of several photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Calibration, Catalog, CatalogError, Match
from shelflens.catalog.answer import decide
from shelflens.catalog.calibration import MARGIN_CAP
from shelflens.catalog.fuse import AGREEMENT, fuse

Unit = Callable[..., NDArray[np.float32]]
CALIBRATION = Calibration(threshold=0.6, margin=0.05)


def matches(*scores: float) -> list[Match]:
    return [Match(f"p{n}", f"P{n}", score) for n, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "decision", "candidates"),
    [
        ((), "unknown", []),
        ((0.59,), "unknown", []),
        ((0.6,), "match", []),
        ((0.9, 0.8), "match", []),
        ((0.9, 0.88, 0.851, 0.84), "ambiguous", ["p0", "p1", "p2"]),
        ((0.61, 0.58), "ambiguous", ["p0", "p1"]),
        ((0.59, 0.58), "unknown", []),
        ((0.7,) * 10, "ambiguous", [f"p{n}" for n in range(10)]),
    ],
)
def test_the_three_answers(scores: Any, decision: str, candidates: list[str]) -> None:
    answer = decide(matches(*scores), CALIBRATION)
    assert answer.decision == decision
    assert [match.id for match in answer.candidates] == candidates
    assert (answer.best is not None) == (decision == "match")
    assert answer.basis == "default"
    values = answer.to_dict()
    assert values.get("candidates", []) == candidates
    assert values["basis"] == "default"


def test_candidates_do_not_depend_on_how_many_are_shown(unit: Unit) -> None:
    row = unit(1, 16)
    catalog = Catalog(list("abcd"), np.repeat(row, 4, axis=0), space="s", calibration=CALIBRATION)
    answer = catalog.answer(row[0], k=1)
    assert [match.id for match in answer.matches] == ["a"]
    assert [match.id for match in answer.candidates] == list("abcd")


def test_a_calibration_without_a_curve_has_the_default_curve() -> None:
    answer = decide(matches(0.7, 0.3), CALIBRATION)
    assert answer.decision == "match"
    assert answer.confidence > 0.5
    at_both = decide(matches(0.6, 0.55), CALIBRATION)
    assert at_both.confidence == pytest.approx(0.5, abs=1e-6)


def test_measured_is_said() -> None:
    measured = replace(CALIBRATION, basis="measured", confidence=(-20.0, 30.0, 5.0))
    answer = decide(matches(0.7, 0.3), measured)
    assert answer.basis == "measured"
    assert answer.confidence == pytest.approx(1 / (1 + np.exp(-(-20 + 21 + 5 * MARGIN_CAP))))


@given(
    score=st.floats(-1, 1),
    margin=st.floats(0, 2),
    more=st.floats(0, 1),
    threshold=st.floats(-1, 1),
    min_margin=st.floats(0, 0.5),
)
def test_confidence_is_a_probability_and_rises(
    score: float, margin: float, more: float, threshold: float, min_margin: float
) -> None:
    calibration = Calibration(threshold=threshold, margin=min_margin)
    probability = calibration.probability(score, margin)
    assert 0 <= probability <= 1
    assert calibration.probability(score + more, margin) >= probability
    assert calibration.probability(score, margin + more) >= probability


def test_one_photo_fused_is_that_photo(unit: Unit) -> None:
    catalog = Catalog([str(n) for n in range(40)], unit(40, 32), space="s", calibration=CALIBRATION)
    for query in unit(20, 32, seed=1):
        fused, alone = fuse(catalog, [query]), catalog.answer(query)
        assert [m.id for m in fused.matches] == [m.id for m in alone.matches]
        assert [m.score for m in fused.matches] == pytest.approx([m.score for m in alone.matches])
        assert fused.confidence == pytest.approx(alone.confidence, abs=1e-5)


def test_fusing_is_the_mean_direction_times_its_length(unit: Unit) -> None:
    catalog = Catalog([str(n) for n in range(40)], unit(40, 32), space="s")
    three = unit(3, 32, seed=1)
    mean = three.mean(axis=0)
    length = float(np.linalg.norm(mean))
    expected = catalog.match(mean, 3)
    # The length of each photo's vector must not weigh it.
    got = fuse(catalog, three * np.array([[1.0], [5.0], [0.1]], np.float32), k=3)
    assert [match.id for match in got.matches] == [match.id for match in expected]
    scores = [match.score * length**AGREEMENT for match in expected]
    assert [match.score for match in got.matches] == pytest.approx(scores, abs=1e-5)


def test_noisy_photos_fused_find_what_one_does_not(unit: Unit) -> None:
    generator = np.random.default_rng(0)
    rows = unit(50, 32)
    catalog = Catalog([str(n) for n in range(50)], rows, space="s")
    alone, together = 0, 0
    for index, row in enumerate(rows):
        photos = row + generator.normal(0, 0.35, (3, 32)).astype(np.float32)
        alone += catalog.match(photos[0], 1)[0].id == str(index)
        together += fuse(catalog, photos).matches[0].id == str(index)
    assert together > alone + 5


def test_what_cannot_be_fused(unit: Unit) -> None:
    catalog = Catalog(["a"], unit(1, 8), space="s")
    row = unit(1, 8)[0]
    with pytest.raises(CatalogError, match="at least one photo"):
        fuse(catalog, [])
    with pytest.raises(CatalogError, match="opposite"):
        fuse(catalog, [row, -row])
    with pytest.raises(CatalogError, match="query: expected"):
        fuse(catalog, [row, row * np.nan])
