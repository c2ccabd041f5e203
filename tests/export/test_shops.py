"""The fit of the decision over shops, and how it gets into a model's card."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.shops import known
from benchmarks.quality.shops.__main__ import install
from benchmarks.quality.shops.episodes import ELSEWHERE, KNOWN, SAME_SHELF, Photos, built
from benchmarks.quality.shops.fit import Fitted, fit
from benchmarks.quality.shops.stock import Shop
from shelflens import Calibration, Embedder
from shelflens.calibration.scores import Scores
from shelflens.catalog.adapt import VIEWS
from shelflens.catalog.default_calibration import Goods, Rise
from shelflens.catalog.posterior import Posterior
from shelflens.catalog.scores import MATCH_CANDIDATES
from shelflens.model.embedder import BUNDLED_MODEL

TRUE = Fitted(Posterior(12.0, 3.0, 5.0, 0.0), Rise(2.0, 15.0, 0.3))


def episode(seed: int, fitted: Fitted) -> Photos:
    """Photos of one shop whose truth is drawn as a posterior says."""
    generator = np.random.default_rng(seed)
    highest = generator.uniform(0.2, 0.95, (400, 1))
    scores = np.sort(highest * generator.uniform(0, 1, (400, MATCH_CANDIDATES)))[:, ::-1]
    nearest, similarity, images = generator.uniform((0.2, 0.8, 1.0), (0.7, 0.95, 30.0)).tolist()
    goods = Goods(nearest, similarity, images)
    products = int(generator.integers(10, 500))
    zeros = np.zeros(400, np.int64)
    part = Photos(Scores(scores, zeros, ["p"] * 400, products), zeros, goods)
    probabilities = fitted.of(part).probabilities(scores, products)
    chosen = (generator.random(400)[:, np.newaxis] > probabilities.cumsum(axis=1)).sum(axis=1)
    right = np.minimum(chosen, MATCH_CANDIDATES)
    # Each photo weighs the same where the groups are as large as their shares.
    group = np.repeat([KNOWN, SAME_SHELF, ELSEWHERE], [200, 100, 100])
    return replace(part, scores=replace(part.scores, right=right), group=group)


def test_the_fit_finds_the_coefficients_that_drew_the_truth() -> None:
    found = fit([[episode(seed, TRUE) for seed in range(40)]])
    assert found.posterior.concentration == pytest.approx(12.0, rel=0.05)
    assert found.posterior.offset == pytest.approx(3.0, abs=0.4)
    assert found.posterior.second == pytest.approx(5.0, abs=0.6)
    assert found.posterior.size == pytest.approx(0.0, abs=0.1)
    assert found.rise.nearest == pytest.approx(2.0, abs=0.5)
    assert found.rise.views == pytest.approx(15.0, abs=1.5)
    assert found.rise.images == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize(
    ("gains", "limit"),
    [
        ([0.2, 0.1, 0.05, -0.01], 0.845),
        ([0.2, 0.1, -0.05, -0.01], 0.75),
        ([-0.2, -0.1, -0.05, -0.01], 0.58),
        ([0.2, 0.1, 0.05, 0.01], 0.91),
    ],
)
def test_the_limit_of_adapting_lies_where_the_gain_ends(
    gains: list[float], limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"shop": str(n), "similarity": similarity, "plain": 0.5, "adapted": 0.5 + gain}
        for n, (similarity, gain) in enumerate(zip((0.6, 0.7, 0.8, 0.89), gains, strict=True))
    ]
    left = iter(reversed(rows))  # in any order
    monkeypatch.setattr(known, "_tried", lambda shop, role: next(left))
    found = known.known_similarity([None, None])  # type: ignore[list-item]
    assert found["known_similarity"] == pytest.approx(limit, abs=0.006)


def test_an_episode_is_built_as_a_catalog_is() -> None:
    """Adapted below the limit, with the views of products that have few images."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    views = vectors[:, np.newaxis] + 0.2 * generator.normal(size=(60, VIEWS, 16))
    views = (views / np.linalg.norm(views, axis=2, keepdims=True)).astype(np.float32)
    products = np.array([f"p{n // 2}" for n in range(60)])
    similarities = np.einsum("nd,nvd->nv", vectors, views).mean(axis=1)
    shop = Shop("s", vectors, products, np.array(["reference", "query"] * 30), views, similarities)
    rows = np.arange(0, 60, 2)
    plain, adapted = built(shop, rows, -1.0), built(shop, rows, 1.0)
    assert not plain.adaptation
    assert np.allclose(plain.vectors, vectors[rows], atol=0.01)
    assert adapted.adaptation
    assert not np.allclose(adapted.vectors, vectors[rows], atol=0.01)


def test_what_was_fitted_goes_into_the_card_and_nothing_else_changes(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    shutil.copy(BUNDLED_MODEL, model)
    before = Embedder.open(model)
    install(model, before.card, 0.77, TRUE)
    after = Embedder.open(model)
    card = after.card.calibration
    assert card["threshold"] == before.card.calibration["threshold"]
    assert (card["known_similarity"], card["rise"]) == (0.77, asdict(TRUE.rise))
    assert Calibration.from_dict(card).posterior == TRUE.posterior
    assert replace(after.card, calibration={}) == replace(before.card, calibration={})
    grey = np.full((20, 20, 3), 128, np.uint8)
    assert np.array_equal(after.embed(grey), before.embed(grey))
