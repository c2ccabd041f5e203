"""The posterior, the decision and its confidence, and one answer of several photos."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Calibration, Catalog, CatalogError, Match
from shelflens.catalog.answer import CANDIDATE_SHARE, MIN_UNKNOWN, Answer, decide
from shelflens.catalog.container import read_container, write_container
from shelflens.catalog.default_calibration import default_calibration
from shelflens.catalog.fuse import AGREEMENT, fuse
from shelflens.catalog.posterior import LARGEST, SECOND_FLOOR, Posterior
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL

Unit = Callable[..., NDArray[np.float32]]

PLAIN = Calibration(Posterior(10.0, 4.0, 5.0, 0.5), min_probability=0.9)
"""Round figures."""


def matches(*scores: float) -> list[Match]:
    return [Match(f"p{n}", f"P{n}", score) for n, score in enumerate(scores)]


scores_lists = st.lists(st.floats(-1, 1), min_size=1, max_size=MATCH_CANDIDATES).map(
    lambda scores: sorted(scores, reverse=True)
)


@st.composite
def calibrations(draw: Any) -> Calibration:
    """Any that a file may hold, within reason."""
    concentration = draw(st.floats(0.5, 60))
    posterior = Posterior(
        concentration,
        draw(st.floats(-20, 40)),
        draw(st.floats(0, 0.99)) * concentration,
        draw(st.floats(0, 3)),
    )
    return Calibration(posterior, draw(st.floats(0.5, 0.995)))


counts = st.integers(MATCH_CANDIDATES, 100_000)


@pytest.mark.parametrize(
    ("scores", "decision", "candidates"),
    [
        ((), "unknown", []),
        ((0.32,), "unknown", []),
        ((0.6,), "ambiguous", ["p0"]),
        ((0.7,), "match", []),
        ((0.9, 0.6), "match", []),
        ((0.9, 0.88, 0.5), "ambiguous", ["p0", "p1"]),
        ((0.8, 0.79, 0.78, 0.4), "ambiguous", ["p0", "p1", "p2"]),
        ((0.65, 0.63), "ambiguous", ["p0", "p1"]),
        ((0.3, 0.29), "unknown", []),
        ((0.9,) * 10, "ambiguous", [f"p{n}" for n in range(10)]),
    ],
)
def test_the_three_answers(scores: Any, decision: str, candidates: list[str]) -> None:
    answer = decide(matches(*scores), len(scores), PLAIN)
    assert answer.decision == decision
    assert [match.id for match in answer.candidates] == candidates
    assert (answer.best is not None) == (decision == "match")
    assert answer.basis == "default"
    values = answer.to_dict()
    assert values.get("candidates", []) == candidates
    assert values["basis"] == "default"


def test_the_figures_of_a_case_by_hand() -> None:
    """Distances 0.5 and 0.6 to the power -10; e to the 4, 0.6 to the power -5, and root of 7."""
    answer = decide(matches(0.6, 0.5), 7, PLAIN)
    weights = [0.5**-10, 0.6**-10, math.exp(4) * 0.6**-5 * math.sqrt(7)]
    assert answer.confidence == pytest.approx(weights[0] / sum(weights))
    assert answer.matches[1].probability == pytest.approx(weights[1] / sum(weights))
    assert answer.unknown_probability == pytest.approx(weights[2] / sum(weights))
    values = answer.to_dict()
    assert values["confidence"] == values["matches"][0]["probability"] == 0.3361
    assert values["unknown_probability"] == 0.6097


@given(scores=scores_lists, count=counts, calibration=calibrations())
def test_probabilities_sum_to_one_and_fall_in_order(
    scores: list[float], count: int, calibration: Calibration
) -> None:
    answer = decide(matches(*scores), count, calibration)
    shares = [match.probability for match in answer.matches]
    assert all(share is not None and 0 <= share <= 1 for share in shares)
    total = math.fsum([share or 0.0 for share in shares] + [answer.unknown_probability])
    assert total == pytest.approx(1, abs=1e-12)
    assert shares == sorted(shares, key=lambda share: share or 0.0, reverse=True)
    assert answer.confidence == shares[0]


@given(scores=scores_lists, more=st.floats(0, 1), count=counts, calibration=calibrations())
def test_a_higher_first_score_is_more_probable(
    scores: list[float], more: float, count: int, calibration: Calibration
) -> None:
    before = decide(matches(*scores), count, calibration)
    after = decide(matches(scores[0] + more, *scores[1:]), count, calibration)
    assert after.confidence >= before.confidence - 1e-12
    assert after.unknown_probability <= before.unknown_probability + 1e-12
    order = ("unknown", "ambiguous", "match")
    assert order.index(after.decision) >= order.index(before.decision)


@given(scores=scores_lists, more=st.floats(0, 1), count=counts, calibration=calibrations())
def test_a_higher_second_score_makes_the_first_less_probable(
    scores: list[float], more: float, count: int, calibration: Calibration
) -> None:
    assume(len(scores) > 1)
    raised = min(scores[1] + more, scores[0])
    before = decide(matches(*scores), count, calibration)
    after = decide(matches(scores[0], raised, *scores[2:]), count, calibration)
    assert after.confidence <= before.confidence + 1e-12


@given(scores=scores_lists, count=counts, factor=st.integers(1, 50), calibration=calibrations())
def test_the_same_score_among_more_products_proves_less(
    scores: list[float], count: int, factor: int, calibration: Calibration
) -> None:
    few, many = (decide(matches(*scores), n, calibration) for n in (count, count * factor))
    assert many.confidence <= few.confidence + 1e-12
    assert many.unknown_probability >= few.unknown_probability - 1e-12


def test_one_picture_under_two_ids_is_each_of_them_by_half() -> None:
    """With the coefficients that ship."""
    rows = np.eye(8, dtype=np.float32)[[0, 0, 1, 2, 3]]
    catalog = Catalog(["a", "a again", "b", "c", "d"], rows, space="s")
    card = read_tflite_card(BUNDLED_MODEL).calibration
    answer = catalog.with_calibration(default_calibration(catalog, card)).answer(rows[0])
    assert answer.decision == "ambiguous"
    assert [match.id for match in answer.candidates] == ["a", "a again"]
    assert [match.probability for match in answer.candidates] == pytest.approx([0.5, 0.5], abs=0.01)


@given(
    equals=st.integers(2, MATCH_CANDIDATES),
    score=st.floats(-1, 1),
    count=counts,
    calibration=calibrations(),
)
def test_equal_scores_share_equally(
    equals: int, score: float, count: int, calibration: Calibration
) -> None:
    """One picture under two ids is each of them with at most one half."""
    answer = decide(matches(*[score] * equals), count, calibration)
    assert len({match.probability for match in answer.matches}) == 1
    assert answer.confidence <= 1 / equals + 1e-12
    if answer.decision == "ambiguous":
        assert len(answer.candidates) == equals
    else:
        # At exactly one half, "match" is the promise that a least probability of 0.5 makes.
        assert answer.decision == "unknown" or calibration.min_probability == 0.5


@given(scores=scores_lists, count=counts, calibration=calibrations())
def test_the_decision_keeps_what_the_probabilities_say(
    scores: list[float], count: int, calibration: Calibration
) -> None:
    answer = decide(matches(*scores), count, calibration)
    if answer.decision == "match":
        assert answer.confidence >= calibration.min_probability
    if answer.confidence >= 0.5:
        assert answer.decision != "unknown"
    if answer.decision == "unknown":
        assert answer.unknown_probability > answer.confidence
        assert answer.unknown_probability > MIN_UNKNOWN
    assert bool(answer.candidates) == (answer.decision == "ambiguous")


@given(scores=scores_lists, concentration=st.floats(0.5, 60))
def test_candidates_are_the_fewest_that_reach_their_share(
    scores: list[float], concentration: float
) -> None:
    """Under a calibration that nearly always is ambiguous."""
    lenient = Calibration(Posterior(concentration, -60.0, 0.0, 0.0), min_probability=0.995)
    answer = decide(matches(*scores), 10, lenient)
    if answer.decision != "ambiguous":
        return
    shares = np.array([match.probability for match in answer.matches])
    reached = np.cumsum(shares) / shares.sum()
    chosen = len(answer.candidates)
    assert answer.candidates == answer.matches[:chosen]
    assert reached[chosen - 1] >= CANDIDATE_SHARE - 1e-9
    # Fewer would not reach it, but for products that score the same as the last of the fewest.
    fewest = int(np.argmax(reached >= CANDIDATE_SHARE - 1e-9)) + 1
    assert all(scores[n] == scores[fewest - 1] for n in range(fewest, chosen))
    assert chosen == len(scores) or scores[chosen] < scores[chosen - 1]


def test_candidates_and_confidence_do_not_depend_on_how_many_are_shown(unit: Unit) -> None:
    row = unit(1, 16)
    ids = [f"{n:02d}" for n in range(MATCH_CANDIDATES + 4)]
    rows = np.repeat(row, len(ids), axis=0)
    catalog = Catalog(ids, rows, space="s", calibration=PLAIN)
    few, many = (catalog.answer(row[0], k=k) for k in (1, len(ids)))
    assert [match.id for match in few.matches] == [few.candidates[0].id]
    assert few.confidence == many.confidence
    assert few.unknown_probability == many.unknown_probability
    assert few.candidates == many.candidates
    assert len(many.matches) == len(ids)
    assert [match.probability for match in many.matches[MATCH_CANDIDATES:]] == [None] * 4
    assert "probability" not in many.to_dict()["matches"][-1]


def shares_of(answer: Answer) -> dict[str, float]:
    return {match.id: match.probability or 0.0 for match in answer.matches}


@given(seed=st.integers(0, 10_000), products=st.integers(1, 30))
def test_the_order_of_the_products_changes_nothing(seed: int, products: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(products, 12)).astype(np.float32)
    rows[generator.random(products) < 0.2] = rows[0]  # some look the same
    query = rows[int(generator.integers(products))] + generator.normal(0, 0.4, 12)
    order = generator.permutation(products)
    ids = [f"p{n}" for n in range(products)]
    one_way = Catalog(ids, rows, space="s", calibration=PLAIN)
    mixed = Catalog([ids[n] for n in order], rows[order], space="s", calibration=PLAIN)
    first, second = (catalog.answer(query, products) for catalog in (one_way, mixed))
    assert first.decision == second.decision
    assert first.confidence == pytest.approx(second.confidence, abs=1e-5)
    assert first.unknown_probability == pytest.approx(second.unknown_probability, abs=1e-5)
    # Of equal products past the last that is judged, either may be the one that is.
    judged = [m.score for m in first.matches[:MATCH_CANDIDATES]]
    ours, theirs = shares_of(first), shares_of(second)
    for match in first.matches[:MATCH_CANDIDATES]:
        if match.score > judged[-1] + 1e-6 or products <= MATCH_CANDIDATES:
            assert theirs[match.id] == pytest.approx(ours[match.id], abs=1e-5)


UNLIKE = 0.02
"""What a product unlike all others may take from a confidence, at the most, in a catalog of ten."""


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=MATCH_CANDIDATES - 1),
    unlike=st.floats(-1, 0.1),
    count=st.integers(MATCH_CANDIDATES, 10_000),
)
def test_a_product_unlike_all_others_changes_little(
    scores: list[float], unlike: float, count: int
) -> None:
    """Also as the second product: one that is not near says no more than none."""
    scores = sorted(scores, reverse=True)
    posterior = Posterior()
    before = decide(matches(*scores), count, Calibration())
    after = decide(matches(*scores, min(unlike, *scores)), count + 1, Calibration())
    # By the catalog's size the odds of "not enrolled" rise by this factor at most.
    assert math.log((count + 1) / count) * posterior.size / 4 < UNLIKE
    assert after.confidence == pytest.approx(before.confidence, abs=UNLIKE)
    assert after.unknown_probability == pytest.approx(before.unknown_probability, abs=UNLIKE)


def test_an_empty_catalog_knows_nothing(unit: Unit) -> None:
    row = unit(1, 16)
    catalog = Catalog(["a"], row, space="s").remove(["a"])
    answer = catalog.answer(row[0])
    assert (answer.decision, answer.confidence, answer.unknown_probability) == ("unknown", 0.0, 1.0)
    assert (answer.matches, answer.candidates, answer.best) == ([], [], None)


def test_a_catalog_of_one_product_answers_all_three_ways(unit: Unit) -> None:
    row, aside = np.eye(2, 16, dtype=np.float32)
    catalog = Catalog(["a"], row[np.newaxis], space="s")
    half = catalog.calibration.posterior.score_for(0.5, 1)

    def at(cosine: float) -> Answer:
        return catalog.answer(cosine * row + math.sqrt(1 - cosine * cosine) * aside)

    assert at(1.0).decision == "match"
    assert at(half).confidence == pytest.approx(0.5, abs=0.02)
    assert at(half).decision == "ambiguous"
    assert [match.id for match in at(half).candidates] == ["a"]
    assert at(-1.0).decision == at(half - 0.1).decision == "unknown"


@given(probability=st.floats(0.01, 0.99), products=st.integers(1, 100_000))
def test_score_for_is_the_inverse(probability: float, products: int) -> None:
    posterior = Posterior()
    score = posterior.score_for(probability, products)
    for scores in ([score], [score, SECOND_FLOOR - 5]):
        found = posterior.probabilities(np.array(scores), products)[0]
        assert found == pytest.approx(probability, abs=1e-9)


def test_measured_is_said() -> None:
    measured = replace(PLAIN, basis="measured")
    answer = decide(matches(0.7, 0.3), 2, measured)
    assert answer.basis == answer.to_dict()["basis"] == "measured"


HOSTILE: list[tuple[str, Any]] = [
    ("concentration", float("nan")),
    ("concentration", float("inf")),
    ("concentration", -3.0),
    ("concentration", 0),
    ("concentration", 6.0),  # not above `second`, so that the second product would push the first
    ("concentration", "20.1"),
    ("concentration", "many"),
    ("concentration", None),
    ("concentration", True),
    ("concentration", [20.1]),
    ("offset", float("nan")),
    ("offset", float("-inf")),
    ("offset", "4.35"),
    ("offset", 10**400),
    ("offset", -2 * LARGEST),
    ("second", -0.1),
    ("size", -1),
    ("size", {}),
]


@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_a_posterior_out_of_its_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Posterior.from_dict({name: value})


@pytest.mark.parametrize("values", [None, [], "size", "", 3, [["offset", 1.0]]])
def test_a_posterior_without_names_is_refused(values: Any) -> None:
    with pytest.raises(TypeError):
        Posterior.from_dict(values)


def test_missing_names_are_the_defaults() -> None:
    assert Posterior.from_dict({}) == Posterior()
    later = {"offset": 3, "of a later version": "anything"}
    assert Posterior.from_dict(later) == replace(Posterior(), offset=3.0)


@pytest.mark.parametrize(
    "calibration",
    [
        *[{"posterior": {name: value}} for name, value in HOSTILE],
        {"posterior": None},
        {"posterior": []},
        {"posterior": "size"},
        {"min_probability": 0.4},
        {"min_probability": 1.0},
        {"min_probability": float("nan")},
        {"min_probability": "0.9"},
        {"min_probability": True},
        {"threshold": 1.5},
        {"threshold": "0.5"},
        {"threshold": 10**400},
        [],
        "text",
        None,
    ],
)
def test_a_file_with_a_hostile_calibration_is_refused(calibration: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.catalog"
    Catalog(["a"], np.eye(1, 4, dtype=np.float32), space="s").save(path)
    tensors, metadata = read_container(path)
    texts = {"space": metadata["space"], "calibration": json.dumps(calibration)}
    write_container(tmp_path / "hostile.catalog", tensors, texts)
    with pytest.raises(CatalogError, match="build it again") as caught:
        Catalog.open(tmp_path / "hostile.catalog")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_one_photo_fused_is_that_photo(unit: Unit) -> None:
    catalog = Catalog([str(n) for n in range(40)], unit(40, 32), space="s", calibration=PLAIN)
    for query in unit(20, 32, seed=1):
        fused, alone = fuse(catalog, [query]), catalog.answer(query)
        assert [m.id for m in fused.matches] == [m.id for m in alone.matches]
        assert [m.score for m in fused.matches] == pytest.approx([m.score for m in alone.matches])
        assert fused.confidence == pytest.approx(alone.confidence, abs=1e-5)
        assert fused.unknown_probability == pytest.approx(alone.unknown_probability, abs=1e-5)


def test_photos_that_disagree_are_less_sure(unit: Unit) -> None:
    rows = unit(40, 32)
    catalog = Catalog([str(n) for n in range(40)], rows, space="s", calibration=PLAIN)
    agreeing = fuse(catalog, [rows[0], rows[0]])
    disagreeing = fuse(catalog, [rows[0], rows[1]])
    assert agreeing.decision == "match"
    assert disagreeing.decision != "match"
    assert disagreeing.unknown_probability > agreeing.unknown_probability


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
