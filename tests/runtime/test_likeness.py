"""Axes of likeness: found as a second library finds them, kept in card and catalog, used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError, ModelCard
from shelflens.catalog import container as store
from shelflens.catalog.category_axes import WEIGHT, CategoryAxes

Vectors = NDArray[np.float32]

ROUNDED = 0.02
"""Of the largest number of a matrix of axes: they are rounded to int8."""


def drawn(seed: int, dim: int = 12) -> tuple[Vectors, list[str]]:
    """Photos of 12 products of 4 kinds: a kind has a direction, a product a larger one."""
    generator = np.random.default_rng(seed)
    kinds, products = generator.normal(size=(4, dim)), 2 * generator.normal(size=(12, dim))
    owners = np.repeat(np.arange(12), 10)
    photos = kinds[owners % 4] + products[owners] + 0.3 * generator.normal(size=(120, dim))
    unit = photos / np.linalg.norm(photos, axis=1, keepdims=True)
    return unit.astype(np.float32), [f"kind {n % 4}" for n in owners]


def wide(likeness: CategoryAxes) -> NDArray[np.float64]:
    return likeness.axes.astype(np.float64) * likeness.scales[:, np.newaxis]


@pytest.mark.parametrize("seed", range(3))
def test_the_axes_are_those_of_discriminant_analysis(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    train = pytest.importorskip("shelflens_train.likeness")
    monkeypatch.setattr(train, "SHRINK", 0.0)  # the oracle shrinks the scatter of all photos too
    vectors, kinds = drawn(seed)
    axes = wide(train.kind_axes(vectors, [*kinds[:-1], ""]))
    assert axes.shape == (3, 12), "one fewer than there are kinds"
    oracle = LinearDiscriminantAnalysis(solver="eigen")
    oracle.fit(vectors[:-1].astype(np.float64), kinds[:-1])
    scalings = oracle.scalings_[:, :3]
    ours, theirs = axes.T @ axes, scalings @ scalings.T
    assert np.abs(ours - theirs).max() < ROUNDED * np.abs(theirs).max()


def test_along_the_axes_kinds_are_round_and_of_one_size() -> None:
    train = pytest.importorskip("shelflens_train.likeness")
    vectors, kinds = drawn(1)
    axes = wide(train.kind_axes(vectors, kinds))
    scatter = np.zeros((12, 12))
    for kind in set(kinds):
        mine = vectors[[one == kind for one in kinds]].astype(np.float64)
        scatter += np.cov(mine.T, bias=True) * len(mine) / len(vectors)
    shrunk = 0.7 * scatter + 0.3 * np.trace(scatter) / 12 * np.eye(12)
    assert np.allclose(axes @ shrunk @ axes.T, np.eye(3), atol=ROUNDED)


def test_one_kind_has_no_axes() -> None:
    train = pytest.importorskip("shelflens_train.likeness")
    vectors, _ = drawn(0)
    assert not train.kind_axes(vectors, ["milk"] * 120)
    assert not train.kind_axes(vectors, [""] * 120)


def test_mixed_is_what_plain_loops_give() -> None:
    generator = np.random.default_rng(1)
    vectors, _ = drawn(1)
    likeness = CategoryAxes.of(generator.normal(size=(3, 12)))
    axes, query = wide(likeness), vectors[0]
    expected = []
    for one in vectors[1:9]:
        a, b = axes @ query, axes @ one
        along = (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
        expected.append((query @ one + WEIGHT * along) / (1 + WEIGHT))
    mixed = likeness.mixed(query, vectors[1:9], vectors[1:9] @ query)
    assert mixed == pytest.approx(expected, abs=1e-5)


def test_a_card_carries_them() -> None:
    likeness = CategoryAxes.of(np.random.default_rng(2).normal(size=(5, 12)))
    card = ModelCard(name="m", space="s", size=32, dim=12, likeness=likeness.to_card())
    again = CategoryAxes.from_card(ModelCard.from_json(card.to_json(), where="card").likeness)
    assert np.array_equal(again.axes, likeness.axes)
    assert np.allclose(again.scales, likeness.scales, rtol=1e-5)
    assert not CategoryAxes.from_card({})
    assert CategoryAxes().to_card() == {}


def made(likeness: CategoryAxes) -> Catalog:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(40, 12)).astype(np.float32)
    return Catalog([f"p{n}" for n in range(40)], vectors, space="s", category_axes=likeness)


def test_a_catalog_keeps_them(tmp_path: Path) -> None:
    likeness = CategoryAxes.of(np.random.default_rng(4).normal(size=(5, 12)))
    path = tmp_path / "a.catalog"
    made(likeness).save(path)
    opened = Catalog.open(path)
    opened.remove(["p1"]).add(["new"], opened.vectors[:1]).save(path)
    again = Catalog.open(path).category_axes
    assert np.array_equal(again.axes, likeness.axes)
    assert np.array_equal(again.scales, likeness.scales)
    made(CategoryAxes()).save(path)
    assert "likeness_axes" not in store.read(path)[0]


@pytest.mark.parametrize("broken", ["no scales", "another length", "floats"])
def test_axes_that_do_not_fit_are_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "a.catalog"
    made(CategoryAxes.of(np.random.default_rng(5).normal(size=(5, 12)))).save(path)
    tensors, facts = store.read(path)
    tensors = {name: np.array(one) for name, one in tensors.items()}
    if broken == "no scales":
        del tensors["likeness_scales"]
    elif broken == "another length":
        tensors["likeness_axes"] = tensors["likeness_axes"][:, :-1]
    else:
        tensors["likeness_axes"] = tensors["likeness_axes"].astype(np.float32)
    kept = {key: facts[key] for key in ("space", "calibration")}
    store.write(path, tensors, kept)
    with pytest.raises(CatalogError, match="'likeness' tables; build it again"):
        Catalog.open(path)


def test_similar_mixes_them_in_and_the_rest_stays_comparable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = pytest.importorskip("shelflens.discovery.similar")
    likeness = CategoryAxes.of(np.random.default_rng(6).normal(size=(5, 12)))
    catalog, plain = made(likeness), made(CategoryAxes())
    query = plain.mean_direction(0)
    others = np.arange(1, 40)
    directions = np.stack([plain.mean_direction(n) for n in others.tolist()])
    scores = likeness.mixed(query, directions, directions @ query)
    order = others[np.argsort(-scores, kind="stable")]
    found = module.similar(catalog, "p0", k=39)
    assert [one.id for one in found] == [f"p{n}" for n in order]
    assert [one.score for one in found] == pytest.approx(np.sort(scores)[::-1], abs=1e-5)
    assert [one.id for one in found] != [one.id for one in module.similar(plain, "p0", k=39)]
    monkeypatch.setattr(module, "SHORTLIST", 8)
    few = module.similar(catalog, "p0", k=39)
    near = {one.id for one in module.similar(plain, "p0", k=7)}
    assert {one.id: one.score for one in few if one.id in near} == pytest.approx(
        {one.id: one.score for one in found if one.id in near}, abs=1e-5
    )
    assert all(one.score <= two.score + 1e-6 for one in few for two in found if one.id == two.id)
