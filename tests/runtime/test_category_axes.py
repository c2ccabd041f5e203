"""Category axes: found as a second library finds them, kept in card and catalog, used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError, ModelCard
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.category_axes import WEIGHT, CategoryAxes
from shelflens.catalog.container import read_container, write_container

Vectors = NDArray[np.float32]

ROUNDED = 0.02
"""Of the largest element of a matrix of axes: they are rounded to int8."""


def photos_of(seed: int, dim: int = 12) -> tuple[Vectors, list[str]]:
    """Photos of 12 products of 4 categories: each has a direction, a product a larger one."""
    generator = np.random.default_rng(seed)
    categories, products = generator.normal(size=(4, dim)), 2 * generator.normal(size=(12, dim))
    owners = np.repeat(np.arange(12), 10)
    photos = categories[owners % 4] + products[owners] + 0.3 * generator.normal(size=(120, dim))
    unit = photos / np.linalg.norm(photos, axis=1, keepdims=True)
    return unit.astype(np.float32), [f"category {n % 4}" for n in owners]


def wide(category_axes: CategoryAxes) -> NDArray[np.float64]:
    return category_axes.axes.astype(np.float64) * category_axes.scales[:, np.newaxis]


@pytest.mark.parametrize("seed", range(3))
def test_the_axes_are_those_of_discriminant_analysis(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    train = pytest.importorskip("shelflens_train.category_axes")
    monkeypatch.setattr(train, "SHRINK", 0.0)  # the oracle shrinks the scatter of all photos too
    vectors, categories = photos_of(seed)
    axes = wide(train.category_axes(vectors, [*categories[:-1], ""]))
    assert axes.shape == (3, 12), "one fewer than there are categories"
    oracle = LinearDiscriminantAnalysis(solver="eigen")
    oracle.fit(vectors[:-1].astype(np.float64), categories[:-1])
    scalings = oracle.scalings_[:, :3]
    ours, theirs = axes.T @ axes, scalings @ scalings.T
    assert np.abs(ours - theirs).max() < ROUNDED * np.abs(theirs).max()


def test_along_the_axes_categories_are_round_and_of_one_size() -> None:
    train = pytest.importorskip("shelflens_train.category_axes")
    vectors, categories = photos_of(1)
    axes = wide(train.category_axes(vectors, categories))
    scatter = np.zeros((12, 12))
    for category in set(categories):
        mine = vectors[[label == category for label in categories]].astype(np.float64)
        scatter += np.cov(mine.T, bias=True) * len(mine) / len(vectors)
    shrunk = 0.7 * scatter + 0.3 * np.trace(scatter) / 12 * np.eye(12)
    assert np.allclose(axes @ shrunk @ axes.T, np.eye(3), atol=ROUNDED)


def test_one_category_has_no_axes() -> None:
    train = pytest.importorskip("shelflens_train.category_axes")
    vectors, _ = photos_of(0)
    assert not train.category_axes(vectors, ["milk"] * 120)
    assert not train.category_axes(vectors, [""] * 120)


def test_mixed_is_what_plain_loops_give() -> None:
    generator = np.random.default_rng(1)
    vectors, _ = photos_of(1)
    category_axes = CategoryAxes.of(generator.normal(size=(3, 12)))
    axes, query = wide(category_axes), vectors[0]
    expected = []
    for vector in vectors[1:9]:
        a, b = axes @ query, axes @ vector
        along = (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
        expected.append((query @ vector + WEIGHT * along) / (1 + WEIGHT))
    mixed = category_axes.mixed(query, vectors[1:9], vectors[1:9] @ query)
    assert mixed == pytest.approx(expected, abs=1e-5)


def test_a_card_carries_them() -> None:
    category_axes = CategoryAxes.of(np.random.default_rng(2).normal(size=(5, 12)))
    card = ModelCard(name="m", space="s", size=32, dim=12, category_axes=category_axes.to_card())
    again = CategoryAxes.from_card(ModelCard.from_json(card.to_json(), where="card").category_axes)
    assert np.array_equal(again.axes, category_axes.axes)
    assert np.allclose(again.scales, category_axes.scales, rtol=1e-5)
    assert not CategoryAxes.from_card({})
    assert CategoryAxes().to_card() == {}


def test_axes_say_the_same_of_adapted_rows() -> None:
    generator = np.random.default_rng(4)
    vectors = generator.normal(size=(9, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scatter = generator.normal(size=(12, 12))
    adaptation = Adaptation.of(np.eye(12) + 0.02 * scatter @ scatter.T, rank=6)
    axes, zeros = CategoryAxes.of(generator.normal(size=(3, 12))), np.zeros(8, np.float32)
    turned = adaptation.applied(vectors)
    plain = axes.mixed(vectors[0], vectors[1:], zeros)
    assert np.abs(axes.mixed(turned[0], turned[1:], zeros) - plain).max() > 0.02
    found = axes.adapted(adaptation).mixed(turned[0], turned[1:], zeros)
    assert found == pytest.approx(plain, abs=0.005)  # axes are rounded to int8
    assert axes.adapted(Adaptation()) is axes


def made(category_axes: CategoryAxes) -> Catalog:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(40, 12)).astype(np.float32)
    return Catalog([f"p{n}" for n in range(40)], vectors, space="s", category_axes=category_axes)


def test_a_catalog_keeps_them(tmp_path: Path) -> None:
    category_axes = CategoryAxes.of(np.random.default_rng(4).normal(size=(5, 12)))
    path = tmp_path / "a.catalog"
    made(category_axes).save(path)
    opened = Catalog.open(path)
    opened.remove(["p1"]).add(["new"], opened.vectors[:1]).save(path)
    again = Catalog.open(path).category_axes
    assert np.array_equal(again.axes, category_axes.axes)
    assert np.array_equal(again.scales, category_axes.scales)
    made(CategoryAxes()).save(path)
    assert "likeness_axes" not in read_container(path)[0]


@pytest.mark.parametrize("broken", ["no scales", "another length", "floats"])
def test_axes_that_do_not_fit_are_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "a.catalog"
    made(CategoryAxes.of(np.random.default_rng(5).normal(size=(5, 12)))).save(path)
    tensors, metadata = read_container(path)
    tensors = {name: np.array(tensor) for name, tensor in tensors.items()}
    if broken == "no scales":
        del tensors["likeness_scales"]
    elif broken == "another length":
        tensors["likeness_axes"] = tensors["likeness_axes"][:, :-1]
    else:
        tensors["likeness_axes"] = tensors["likeness_axes"].astype(np.float32)
    kept = {key: metadata[key] for key in ("space", "calibration")}
    write_container(path, tensors, kept)
    with pytest.raises(CatalogError, match="the 'likeness' tables do not fit"):
        Catalog.open(path)


def test_similar_mixes_them_in_and_the_rest_stays_comparable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = pytest.importorskip("shelflens.discovery.similar")
    category_axes = CategoryAxes.of(np.random.default_rng(6).normal(size=(5, 12)))
    catalog, plain = made(category_axes), made(CategoryAxes())
    query = plain.mean_direction(0)
    indices = np.arange(1, 40)
    directions = np.stack([plain.mean_direction(n) for n in indices.tolist()])
    scores = category_axes.mixed(query, directions, directions @ query)
    order = indices[np.argsort(-scores, kind="stable")]
    found = module.similar(catalog, "p0", k=39)
    assert [match.id for match in found] == [f"p{n}" for n in order]
    assert [match.score for match in found] == pytest.approx(np.sort(scores)[::-1], abs=1e-5)
    assert [match.id for match in found] != [
        match.id for match in module.similar(plain, "p0", k=39)
    ]
    monkeypatch.setattr(module, "SIMILAR_CANDIDATES", 8)
    few = module.similar(catalog, "p0", k=39)
    near = {match.id for match in module.similar(plain, "p0", k=7)}
    assert {match.id: match.score for match in few if match.id in near} == pytest.approx(
        {match.id: match.score for match in found if match.id in near}, abs=1e-5
    )
    full = {match.id: match.score for match in found}
    assert all(match.score <= full[match.id] + 1e-6 for match in few)
