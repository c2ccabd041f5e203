"""What a training says of itself: verdict, table, advice and exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import ModelCard

pytestmark = pytest.mark.train


def found(right: list[int], *, demo: float = 0.9) -> Any:
    """What a model finds: 1 for each query whose product it has first."""
    from shelflens.calibration.scores import ScoredPhotos, Scores
    from shelflens_train.evaluate import Retrieval
    from shelflens_train.judgement import Found

    count = len(right)
    scores = np.linspace(0.4, 0.9, count).astype(np.float32)
    labels = [f"p{index}" for index in range(count)]
    first_two = np.stack([scores, scores - 0.2], axis=1).astype(np.float64)
    known = Scores(first_two, np.zeros(count, np.int64), labels, count)
    photos = ScoredPhotos(known, None, None, products=count, rows=count)
    flags = np.array(right, np.bool_)
    retrieval = Retrieval(float(flags.mean()), flags, scores, scores - 0.2, lambda: photos)
    return Found(retrieval, retrieval, demo)


def metrics(
    final: list[int],
    bundled: list[int],
    *,
    views: int = 0,
    weights: str = "imagenet",
    demo: tuple[float, float] = (0.9, 0.9),
) -> dict[str, Any]:
    """`metrics.json` of a run that finds `final` of the queries."""
    from shelflens_train.finish import run_metrics
    from shelflens_train.judgement import Judgement
    from shelflens_train.split import Split
    from shelflens_train.state import State

    judgement = Judgement(found(final, demo=demo[1]), found(bundled), "b-0", 0.5, demo[0])
    split = Split([], [None] * len(final), [], [], views=views)  # type: ignore[list-item]
    return run_metrics(judgement, split, State(), (), weights=weights)


@pytest.mark.parametrize(
    ("final", "bundled", "word", "status"),
    [
        ([1] * 10, [0] * 6 + [1] * 4, "better", 0),
        ([1, 1, 1, 0], [1, 1, 0, 0], "better", 0),
        ([1, 0, 1, 0], [1, 1, 0, 0], "no better", 1),
        ([0, 1, 1], [1, 1, 1], "no better", 1),
        ([0] * 6 + [1] * 4, [1] * 10, "worse", 1),
    ],
)
def test_the_verdict_is_by_photos_that_only_one_model_finds(
    final: list[int],
    bundled: list[int],
    word: str,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from shelflens_train.report import outcome

    written = metrics(final, bundled)
    assert written["comparison"]["verdict"] == word
    assert outcome(written, tmp_path) == status
    out, err = capsys.readouterr()
    sentence = f"{word} than the bundled model: of {len(final)} held-out photos this run alone"
    assert sentence in (out if status == 0 else err)
    assert f"{np.mean(bundled):.3f}" in out
    assert f"{np.mean(final):.3f}" in out
    assert len(err.splitlines()) == (status == 1)
    assert f"shelflens export {tmp_path}" in out


def test_a_small_difference_is_said_to_be_one() -> None:
    from shelflens_train.report import verdict

    assert "chance" in verdict(metrics([1, 1, 1, 0], [1, 1, 0, 0]))
    assert "chance" not in verdict(metrics([1] * 10, [0] * 6 + [1] * 4))


def test_the_p_value_is_that_of_the_sign_test() -> None:
    from scipy.stats import binomtest

    won, lost = 9, 3
    final, bundled = [1] * won + [0] * lost + [1] * 5, [0] * won + [1] * lost + [1] * 5
    said = metrics(final, bundled)["comparison"]
    assert (said["won"], said["lost"]) == (won, lost)
    expected = binomtest(won, won + lost, alternative="greater").pvalue
    assert said["p_value"] == pytest.approx(expected, abs=1e-4)


def test_what_is_advised_fits_the_run() -> None:
    from shelflens_train.report import advice

    assert "--val DATASET" in advice(metrics([1, 1], [1, 1]))
    assert "--weights bundled" in advice(metrics([0, 0], [1, 0], weights="imagenet"))
    assert "--weights bundled" not in advice(metrics([0, 0], [1, 0], weights="bundled"))


@pytest.mark.parametrize(("after", "warned"), [(0.46, False), (0.44, True)])
def test_a_fine_tune_that_forgets_is_noted(after: float, warned: bool) -> None:
    from shelflens_train.report import console

    assert ("--teacher start" in console(metrics([1], [0], demo=(0.5, after)))) == warned


def test_the_report_says_what_was_looked_up() -> None:
    from shelflens_train.report import markdown

    card = ModelCard(name="shop", space="shop-0", size=96, dim=32)
    card.training.update({"photos": 7, "products": 3, "start_weights": "bundled"})
    text = markdown(metrics([1, 1, 0, 1], [1, 0, 0, 0], views=3), card)
    assert "1 held-out photo and 3 synthetic views" in text
    assert "they flatter" in text
    assert "| 0.250 | 0.750 |" in text
    plain = markdown(metrics([1, 1], [1, 0]), card)
    assert "2 held-out photos" in plain
    assert "synthetic" not in plain
