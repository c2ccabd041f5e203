"""Files and figures that must stay: every catalog format ever written, the known vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shelflens import Calibration, Catalog, Embedder, build_catalog, load_image, read_dataset
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.apply import apply
from shelflens.catalog.container import FORMAT, read_container, write_container
from shelflens.catalog.posterior import Posterior
from shelflens.model.embedder import BUNDLED_MODEL

GOLDEN = Path(__file__).parents[1] / "golden"
DATA = BUNDLED_MODEL.parent

LITERT = 0.999
"""Smallest cosine similarity with the known vector: one engine, other processors."""

SCORES = 2e-6
"""Largest difference of a score: sums of float32 in another order."""

BUDGET = 3 * 2**20
"""Largest bundled model, bytes."""


NEWEST = GOLDEN / "catalog-1-posterior.catalog"
"""What the present version writes where nothing is adapted, with a posterior."""

MEASURED = Calibration(Posterior(20.5, 4.0, 10.25, 0.5), 0.875, "measured", threshold=0.6)


def golden_catalog(calibration: Calibration | None = None) -> Catalog:
    """What the golden catalogs hold; `catalog-1.catalog` was written once by version 0.1.0."""
    rows = (np.arange(5 * 8).reshape(5, 8) % 7 - 3).astype(np.float32) + 0.25
    return Catalog(
        ["tea/green", "milk", "tea/green", "äpple", "milk"],
        rows,
        space="golden-1",
        attributes={"milk": {"name": "Milk 1 l", "price": "1.20"}, "äpple": {"name": "Äpple 🍏"}},
        calibration=calibration or Calibration(threshold=0.6),
    )


def test_every_format_number_has_a_file() -> None:
    files = {path.name for path in GOLDEN.glob("*.catalog")}
    assert files >= {f"catalog-{version}.catalog" for version in range(1, FORMAT + 1)}


def test_format_1_opens_for_ever() -> None:
    opened = Catalog.open(GOLDEN / "catalog-1.catalog")
    expected = golden_catalog()
    assert opened.ids == ["tea/green", "milk", "äpple"]
    assert opened.row_ids == expected.row_ids
    assert np.array_equal(opened.vectors, expected.vectors)
    assert opened.attributes == expected.attributes
    assert opened.space == "golden-1"
    assert opened.calibration == Calibration(threshold=0.6), "its threshold, the default posterior"
    match = opened.match(expected.vectors[3], k=1)[0]
    assert (match.id, match.name) == ("milk", "Milk 1 l")
    assert match.score == pytest.approx(1.0, abs=1e-5)
    assert opened.answer(expected.vectors[3]).basis == "default"


def test_the_golden_catalog_with_an_index_opens_for_ever(tmp_path: Path) -> None:
    path = GOLDEN / "catalog-1-indexed.catalog"
    opened = Catalog.open(path)
    opened.verify()
    assert "id_hashes" in read_container(path).tensors
    assert [opened.index_of(f"p{n}") for n in range(300)] == list(range(300))
    opened.save(tmp_path / "again.catalog")
    tensors = read_container(path).tensors
    for name, values in read_container(tmp_path / "again.catalog").tensors.items():
        assert values.tobytes() == tensors[name].tobytes(), name
    vectors, attributes = opened.vectors, {"p7": {"name": "Äpple 🍏"}}
    built = Catalog(
        opened.ids,
        vectors,
        space="golden-1",
        attributes=attributes,
        calibration=Calibration(threshold=0.6),
    )
    built.save(tmp_path / "built.catalog")
    assert (tmp_path / "built.catalog").read_bytes() == (tmp_path / "again.catalog").read_bytes()


def test_the_golden_shortened_catalog_takes_the_whole_embedding_for_ever() -> None:
    opened, whole = Catalog.open(GOLDEN / "catalog-1-shortened.catalog"), golden_catalog()
    opened.verify()
    opened.require("golden-1")
    assert (opened.dim, opened.space, opened.ids) == (5, "golden-1:5", whole.ids)
    for row, product in zip(whole.vectors, whole.row_ids, strict=True):
        match = opened.match(row, k=1)[0]
        assert match.id == product
        assert match.score > 0.95


def test_the_golden_delta_applies_for_ever(tmp_path: Path) -> None:
    store = tmp_path / "store.catalog"
    store.write_bytes((GOLDEN / "catalog-1.catalog").read_bytes())
    applied = apply(store, GOLDEN / "delta-1.delta")
    assert applied.fingerprint == (
        "c6b3cd86f5428f9e0c37cdbf060e67255419e6505adde6f0e6f2ee59f4272660"
    )
    assert applied.ids == ["tea/green", "milk", "new"]
    assert applied.attributes["milk"] == {"name": "Milk 1 l", "price": "1.30"}
    assert applied.provenance.confirmed == 1
    applied.verify()


def adapted_catalog() -> Catalog:
    """What `catalog-2.catalog` holds: the rows of `golden_catalog`, adapted."""
    signs = np.array([[1, 1, 1, 1, 1, 1, 1, 1], [1, -1, 1, -1] * 2, [1, 1, -1, -1] * 2])
    scales = np.array([0.003, 0.0025, 0.0015], np.float32)
    plain = golden_catalog()
    return Catalog(
        plain.row_ids,
        plain.vectors,
        space="golden-1",
        attributes=plain.attributes,
        calibration=plain.calibration,
        adaptation=Adaptation((signs * 100).astype(np.int8), scales),
    )


def test_format_2_opens_for_ever(tmp_path: Path) -> None:
    """`catalog-2.json` holds queries and their scores, which the web app must give too."""
    opened, expected = Catalog.open(GOLDEN / "catalog-2.catalog"), adapted_catalog()
    assert opened.contents.version == 2
    assert np.array_equal(opened.adaptation.axes, expected.adaptation.axes)
    assert np.array_equal(opened.adaptation.scales, expected.adaptation.scales)
    assert (opened.ids, opened.attributes) == (expected.ids, expected.attributes)
    assert np.abs(opened.contents.rows.values.astype(int) - expected.contents.rows.values).max() < 2
    for asked in json.loads((GOLDEN / "catalog-2.json").read_text(encoding="utf-8")):
        matches = opened.match(np.array(asked["query"], np.float32), 3)
        assert [match.id for match in matches] == asked["ids"]
        assert [match.score for match in matches] == pytest.approx(asked["scores"], abs=SCORES)
    opened.save(tmp_path / "again.catalog")
    again = Catalog.open(tmp_path / "again.catalog")
    assert (again.contents.version, again.calibration) == (2, opened.calibration)
    assert np.array_equal(again.contents.rows.values, opened.contents.rows.values)


def test_a_measured_threshold_of_an_earlier_rule_is_kept(tmp_path: Path) -> None:
    """A product alone is a match from there on; names of other versions are passed over."""
    tensors, metadata = read_container(GOLDEN / "catalog-1.catalog")
    former = {
        "threshold": 0.7,
        "margin": 0.01,
        "basis": "measured",
        "confidence": [-20.0, 25.0, 12.0],
        "threshold_interval": [0.6, 0.8],
        "far": 0.01,
        "far_measured": 0.012,
        "far_interval": [0.0, 0.05],
        "strangers": 0.5,
        "pictures": 5,
        "of a later version": {"any": "thing"},
    }
    texts = {"space": metadata["space"], "calibration": json.dumps(former)}
    write_container(tmp_path / "former.catalog", tensors, texts)
    opened = Catalog.open(tmp_path / "former.catalog")
    needed = opened.calibration.min_probability
    assert opened.calibration.threshold == 0.7
    assert opened.calibration.posterior == Posterior().with_alone(0.7, needed)
    assert opened.calibration.posterior.score_for(needed, 1) == pytest.approx(0.7)
    answer = opened.answer(opened.vectors[2])
    assert (answer.decision, answer.basis) == ("match", "measured")
    opened.save(tmp_path / "again.catalog")
    assert Catalog.open(tmp_path / "again.catalog").calibration == opened.calibration


def test_the_same_catalog_is_the_same_bytes(tmp_path: Path) -> None:
    golden_catalog(MEASURED).save(tmp_path / "again.catalog")
    assert (tmp_path / "again.catalog").read_bytes() == NEWEST.read_bytes()


def test_a_posterior_in_a_file_is_what_the_answers_go_by() -> None:
    opened = Catalog.open(NEWEST)
    assert opened.calibration == MEASURED
    query = golden_catalog(MEASURED).vectors[3]
    answer = opened.answer(query)
    scores = np.array([match.score for match in opened.match(query)])
    *expected, none = MEASURED.posterior.probabilities(scores, 3).tolist()
    assert [match.probability for match in answer.matches] == pytest.approx(expected)
    assert answer.unknown_probability == pytest.approx(none)
    assert answer.basis == "measured"


def test_the_known_picture_gives_the_known_vector() -> None:
    known = json.loads((DATA / "selftest.json").read_text())
    vector = Embedder.open(engine="litert").embed(DATA / known["photo"])
    assert float(vector @ np.array(known["vector"], np.float32)) > LITERT


def test_the_bundled_model_keeps_its_promises() -> None:
    embedder = Embedder.open()
    card = embedder.card
    assert BUNDLED_MODEL.stat().st_size <= BUDGET
    assert card.variant == "int8"
    assert "Apache-2.0" in card.license
    assert "MIT" in card.license
    assert card.use
    assert card.metrics["grocery_official_test"]["fine"] >= 0.86
    assert set(card.calibration) >= {"threshold", "posterior", "rise", "known_similarity"}
    grey = np.full((10, 20, 3), 128, np.uint8)
    assert embedder.embed(grey).shape == (card.dim,)


def test_the_demo_store_tells_products_apart() -> None:
    """The demo is the promise in small: most photos find their product."""
    studio, photos = (read_dataset(DATA / "demo" / f"{name}.csv") for name in ("studio", "photos"))
    embedder = Embedder.open()
    catalog = build_catalog(studio, embedder)
    right = [
        catalog.match(embedder.embed(item.path), k=1)[0].id == item.product for item in photos.items
    ]
    assert np.mean(right) >= 0.8


def test_threads_do_not_change_the_answer() -> None:
    pixels = load_image(DATA / json.loads((DATA / "selftest.json").read_text())["photo"])
    first, second = (Embedder.open(threads=threads).embed(pixels) for threads in (1, 2))
    assert float(first @ second) > LITERT
