"""Tags: votes and curve against plain loops, calibration, abstention, several values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog, DataError
from shelflens.calibration.logistic import fit_logistic
from shelflens.discovery.tags import NEIGHBOURS, TEMPERATURE, Tag, Tagger

CLOSE = 1e-3
"""A vote's weight is an exponential of float32 cosines."""


def blobs(
    classes: int = 5, products: int = 6, images: int = 4, noise: float = 0.25, seed: int = 0
) -> tuple[list[str], NDArray[np.float32], dict[str, dict[str, str]]]:
    """Classes of products of pictures, each scattered around the one above it."""
    generator = np.random.default_rng(seed)
    ids, rows, attributes = [], [], {}
    for c in range(classes):
        for p in range(products):
            centre = np.eye(classes, 24)[c] + noise * generator.normal(size=24) * 0.7
            attributes[f"c{c}p{p}"] = {"category": f"c{c}", "diet": "vegan|raw" if c < 2 else "raw"}
            for _ in range(images):
                ids.append(f"c{c}p{p}")
                rows.append(centre + noise * generator.normal(size=24) * 0.7)
    return ids, np.array(rows, np.float32), attributes


def store(**options: float) -> Catalog:
    ids, rows, attributes = blobs(**options)  # type: ignore[arg-type]
    return Catalog(ids, rows, space="s", attributes=attributes)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_votes_equal_plain_loops(seed: int) -> None:
    catalog = store()
    query = unit(np.random.default_rng(seed).normal(size=24).astype(np.float32))
    scored = sorted(
        zip((catalog.vectors @ query).tolist(), catalog.row_ids, strict=True), reverse=True
    )[:NEIGHBOURS]
    share: dict[str, float] = {}
    for score, product in scored:
        value = catalog.attributes[product]["category"]
        share[value] = share.get(value, 0.0) + math.exp((score - scored[0][0]) / TEMPERATURE)
    total = sum(share.values())
    tagger = Tagger(catalog, "category")
    votes = tagger._votes(catalog.row_scores(query[np.newaxis])[0])
    got = {value: 1 / (1 + math.exp(-features[1])) for value, features in votes}
    for value, weight in share.items():
        assert got[value] == pytest.approx(min(max(weight / total, 0.005), 0.995), abs=CLOSE)
    assert votes[0][0] == max(share, key=lambda value: share[value])
    assert tagger.tag(query).candidates[0][0] == votes[0][0]


def test_the_curve_is_the_maximum_of_the_likelihood() -> None:
    generator = np.random.default_rng(0)
    inputs = np.column_stack([np.ones(400), generator.normal(size=(400, 2))])
    right = (generator.random(400) < 1 / (1 + np.exp(-inputs @ [0.5, 2.0, -1.0]))).astype(float)
    fitted = fit_logistic(inputs, right)

    def loss(c: NDArray[np.float64]) -> float:
        p = 1 / (1 + np.exp(-(inputs @ c)))
        return float(-np.log(np.where(right > 0, p, 1 - p)).sum() + 0.005 * c @ c)

    for axis in np.eye(3):
        assert loss(fitted) < min(loss(fitted + 0.01 * axis), loss(fitted - 0.01 * axis))
    assert fitted == pytest.approx([0.5, 2.0, -1.0], abs=0.6)


def test_confidence_is_true_and_abstaining_helps() -> None:
    """On new photos, half of them of products that the catalog does not have."""
    ids, rows, attributes = blobs(products=16, noise=0.42)
    kept = [n for n, product_id in enumerate(ids) if int(product_id.split("p")[1]) < 8 and n % 4]
    catalog = Catalog(
        [ids[n] for n in kept], rows[kept], space="s", attributes={i: attributes[i] for i in ids}
    )
    tagger = Tagger(catalog, "category")
    test_rows = [n for n in range(len(ids)) if n % 4 == 0]
    tags = [tagger.tag(unit(rows[n])) for n in test_rows]
    right = np.array(
        [t.candidates[0][0] == ids[n][:2] for t, n in zip(tags, test_rows, strict=True)]
    )
    confidence = np.array([tag.confidence for tag in tags])
    assert 0.3 < right.mean() < 0.99, "too easy or too hard to show anything"
    assert abs(right.mean() - confidence.mean()) < 0.12
    said = np.array([bool(tag.values) for tag in tags])
    assert right[said].mean() > right.mean()


def test_a_photo_near_to_nothing_is_left_open() -> None:
    catalog = store()
    tagger = Tagger(catalog, "category")
    near = tagger.tag(catalog.mean_direction(0))
    assert near.values == ("c0",)
    distant = tagger.tag(unit(-catalog.vectors.sum(axis=0)))
    assert distant.confidence < near.confidence
    assert distant.values == ()
    assert distant.text == ""


def test_several_values_are_judged_one_by_one() -> None:
    catalog = store()
    tagger = Tagger(catalog, "diet")
    assert tagger.multiple
    assert set(tagger.tag(catalog.mean_direction(catalog.index_of("c0p0"))).values) == {
        "vegan",
        "raw",
    }
    assert tagger.tag(catalog.mean_direction(catalog.index_of("c4p0"))).text == "raw"


def test_products_without_the_column_do_not_vote() -> None:
    ids, rows, attributes = blobs()
    for product_id in attributes:
        if product_id.startswith("c0"):
            del attributes[product_id]["category"]
    tagger = Tagger(Catalog(ids, rows, space="s", attributes=attributes), "category")
    assert all(value != "c0" for value, _ in tagger.tag(unit(rows[0])).candidates)


@pytest.mark.parametrize("products", [1, 2])
def test_tiny_catalogs_do_not_fail(products: int) -> None:
    rows = np.eye(products, 4, dtype=np.float32)
    ids = [f"p{n}" for n in range(products)]
    catalog = Catalog(
        ids,
        rows,
        space="s",
        attributes={product_id: {"category": product_id} for product_id in ids},
    )
    tag = Tagger(catalog, "category").tag(rows[0])
    assert 0 <= tag.confidence <= 1
    assert tag.candidates[0][0] == "p0"


def test_unknown_column() -> None:
    with pytest.raises(DataError, match="no column 'colour' in the catalog; it has category, diet"):
        Tagger(store(), "colour")


def test_as_json() -> None:
    tag = Tag("diet", ("raw", "vegan"), 0.91234, (("raw", 0.91234), ("vegan", 0.7)))
    assert tag.to_dict() == {
        "attribute": "diet",
        "values": ["raw", "vegan"],
        "confidence": 0.9123,
        "candidates": [["raw", 0.9123], ["vegan", 0.7]],
    }
    assert tag.text == "raw | vegan"
