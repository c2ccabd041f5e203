"""What an evaluation points to: findings that were planted are found, and no others."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from shelflens import Calibration, Catalog
from shelflens.catalog.posterior import Posterior
from shelflens.dataset import LabelledImage
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.findings.label_errors import label_errors
from shelflens.evaluation.report.advice import advise
from shelflens.evaluation.report.write import write_report
from tests.support.clusters import CALIBRATION, clusters, embedded, queries, store


def test_changed_labels_are_found_and_no_others() -> None:
    named = planted = 0
    for seed in range(5):
        labels, vectors = clusters(20, 8, spread=0.5, seed=seed)
        order = np.argsort(np.arange(160) % 8, kind="stable")  # an image of each product, in turn
        labels, vectors = [labels[row] for row in order], vectors[order]
        wrong = {0: "p15", 50: "p02", 121: "p07"}
        changed = [wrong.get(row, label) for row, label in enumerate(labels)]
        items = [LabelledImage(Path(f"{row}.jpg"), label) for row, label in enumerate(changed)]
        for enrolled in (0, 80, 160):
            found = label_errors(items, changed, vectors, enrolled)
            pairs = {(int(error.path.stem), error.suggested) for error in found if error.path}
            assert pairs <= {(row, labels[row]) for row in wrong}
            named, planted = named + len(pairs), planted + len(wrong)
            assert all(
                error.enrolled == (int(error.path.stem) < enrolled) for error in found if error.path
            )
        assert label_errors(items, labels, vectors, 80) == []
        assert label_errors(items[:1], changed[:1], vectors[:1], 1) == []
    assert named >= planted / 4


def test_a_photo_unlike_its_own_and_all_others_is_not_doubted() -> None:
    """An odd view of a product is nearer to another product, but not as near as that one's own."""
    labels, vectors = clusters(20, 8, spread=0.3)
    odd = vectors[0] * 0.2 + vectors[8] * 0.8 + np.random.default_rng(3).normal(size=32) * 0.1
    vectors[0] = odd / np.linalg.norm(odd)
    items = [LabelledImage(Path(f"{row}.jpg"), label) for row, label in enumerate(labels)]
    assert labels[8] != labels[0]
    assert float(vectors[0] @ vectors[8]) > float((vectors[1:8] @ vectors[0]).max())
    assert label_errors(items, labels, vectors, 80) == []


def test_an_image_under_two_labels_is_found() -> None:
    labels, vectors = clusters(6, 5, spread=0.5)
    copied = np.concatenate([vectors, vectors[:1]])
    found = label_errors([None] * 31, [*labels, "p03"], copied, 31)
    assert [(error.index, error.label, error.suggested) for error in found] == [(5, "p03", "p00")]


def test_a_product_seen_from_another_side_needs_photos() -> None:
    """Its queries are similar among themselves, and unlike its enrolled images."""
    catalog = store(20, 1, 0.3)
    labels, vectors = clusters(20, 6, spread=0.5, seed=1)
    side = np.random.default_rng(5).normal(size=32)
    rows = [row for row, label in enumerate(labels) if label == "p04"]
    seen = side / np.linalg.norm(side) + 0.05 * np.random.default_rng(6).normal(size=(6, 32))
    vectors[rows] = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)
    evaluation = evaluate(catalog, embedded(labels, vectors))
    assert [need.id for need in evaluation.needed_photos] == ["p04"]
    need = evaluation.needed_photos[0]
    assert (need.missed, need.unlike_rows, len(need.proposed)) == (6, 6, 1)
    assert need.recovered >= 2
    assert "only 1 photo is in the catalog" in need.why
    trial = evaluation.trials.photos
    assert trial is not None
    assert trial.helps
    assert trial.before < trial.after
    assert "needed-photos" in [item.section for item in advise(evaluation)]


def test_a_product_under_two_ids_is_to_be_merged() -> None:
    labels, vectors = clusters(20, 6, spread=0.6)
    rest = [row for row, label in enumerate(labels) if label != "p00"]
    names = [*(labels[row] for row in rest), *["left", "right"] * 6]

    def with_the_product_of_two_ids(vectors: np.ndarray, seed: int) -> np.ndarray:
        return np.concatenate([vectors[rest], clusters(1, 12, spread=0.6, seed=seed)[1]])

    enrolled = with_the_product_of_two_ids(vectors, 7)
    catalog = Catalog(names, enrolled, space="test", calibration=CALIBRATION)
    seen = with_the_product_of_two_ids(clusters(20, 6, spread=0.6, seed=2)[1], 8)
    evaluation = evaluate(catalog, embedded(names, seen))
    first = evaluation.confusion_pairs[0]
    assert {first.first, first.second} == {"left", "right"}
    assert first.similar
    assert first.remedy == "merge"
    assert first.mistakes == first.first_as_second + first.second_as_first > 2
    assert any(item.section == "look-alikes" for item in advise(evaluation))


def test_a_good_store_has_nothing_to_do() -> None:
    evaluation = evaluate(store(spread=0.2), queries(spread=0.2, seed=3))
    assert evaluation.enrolled.recall_at_1.value == 1
    assert advise(evaluation) == []


LENIENT = Posterior(concentration=40.0, offset=-20.0, second=0.0, size=0.0)
"""Nearly everything is a product."""


def test_accepted_unknowns_ask_for_a_threshold(tmp_path: Path) -> None:
    catalog = store(20, 3, 0.3).with_calibration(Calibration(LENIENT, min_probability=0.5))
    vectors = np.random.default_rng(4).normal(size=(60, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    unknowns = embedded([f"x{n}" for n in range(60)], vectors, "x")
    evaluation = evaluate(catalog, queries(20, 3, 0.3), unknowns)
    assert evaluation.unknown.false_accept_rate.count > 20
    write_report(evaluation, tmp_path)
    html = ElementTree.fromstring((tmp_path / "report.html").read_text().partition("\n")[2])
    ids = {element.get("id") for element in html.iter()}
    assert all(str(element.get("href"))[1:] in ids for element in html.iter("a"))
    assert [item.section for item in advise(evaluation)] == ["unknowns"]
    scores = [result.first.score for result in evaluation.not_rejected]
    assert scores == sorted(scores, reverse=True)
