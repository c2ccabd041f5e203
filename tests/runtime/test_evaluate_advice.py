"""The report's advice: tried on photos that did not propose it, and commands that run."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from shelflens import Calibration, Catalog, Embedder
from shelflens.calibration.calibrate import calibrate
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.posterior import Posterior, closeness
from shelflens.cli import main
from shelflens.commands.all_commands import command_module
from shelflens.commands.parser import build_parser
from shelflens.dataset import read_dataset
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.measure.query_results import EmbeddedImages
from shelflens.evaluation.measure.trial import FOLDS, Trial, compare, folds
from shelflens.evaluation.report.advice import Advice, advise
from shelflens.evaluation.report.commands import Sources
from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.clusters import CALIBRATION, Floats, clusters, embedded, queries, store

DEMO = BUNDLED_MODEL.parent / "demo"

Run = Callable[..., tuple[int, str, str]]


# ---- trials


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60), st.data())
def test_a_gain_lies_in_its_interval_and_swapping_turns_it(
    pairs: list[tuple[bool, bool]], data: st.DataObject
) -> None:
    before, after = np.array(pairs).T
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=len(pairs), max_size=len(pairs)))
    for labels in ((), groups):
        there, back = compare(before, after, labels), compare(after, before, labels)
        assert there is not None
        assert back is not None
        assert there.low <= there.gain + 1e-5 <= there.high + 2e-5
        assert there.low == pytest.approx(-back.high, abs=1e-5)
        assert not (there.helps and there.harms)
        if (before == after).all():
            assert (there.helps, there.harms) == (False, False)
    plain, grouped = compare(before, after), compare(before, after, groups)
    assert plain is not None
    assert grouped is not None
    assert grouped.low <= plain.low


def test_a_few_photos_are_no_proof_and_many_are() -> None:
    right = np.ones(30, np.bool_)
    for gained, helps in ((4, False), (5, True)):  # McNemar: two standard errors of 4 are 4
        before = right.copy()
        before[:gained] = False
        trial = compare(before, right)
        assert trial is not None
        assert trial.helps == helps
    assert compare(right[:0], right[:0]) is None


@given(st.lists(st.sampled_from("abcd"), max_size=40))
def test_folds_split_each_product_into_runs_of_even_length(products: list[str]) -> None:
    parts = folds(products)
    assert len(parts) == len(products)
    for product in set(products):
        own = [part for part, owner in zip(parts, products, strict=True) if owner == product]
        counts = np.bincount(own, minlength=FOLDS)
        assert counts.max() - counts.min() <= 1
        runs = 1 + sum(a != b for a, b in itertools.pairwise(own))
        assert runs == min(FOLDS, len(own))


# ---- advice


def _titles(advice: list[Advice]) -> str:
    return "; ".join(item.title for item in advice)


@pytest.mark.parametrize("seed", range(4))
def test_photos_are_proposed_only_where_they_were_shown_to_help(seed: int) -> None:
    catalog = store(20, 1, 1.3)
    evaluation = evaluate(catalog, queries(20, 6, 1.3, seed=seed + 1))
    trial = evaluation.trials.photos
    assert evaluation.needed_photos == [] or (trial is not None and trial.helps)
    assert all(need.proposed and need.recovered > 0 for need in evaluation.needed_photos)
    for item in advise(evaluation):
        low = [float(number) for number in re.findall(r"likely ([-+0-9.]+) to", item.text)]
        assert all(number > 0 for number in low) or "no sure gain" in item.text


def test_proposals_that_lose_other_photos_are_withheld() -> None:
    """Two labels of one look: what is won for one product is lost for the other."""
    labels, vectors = clusters(12, 1, spread=0.3)
    seen_labels, seen = clusters(12, 9, spread=1.8, seed=2)
    rows = [row for row, label in enumerate(seen_labels) if label in ("p00", "p01")]
    seen[rows] = clusters(1, len(rows), spread=1.8, seed=5)[1]
    vectors[1] = vectors[0] + 0.01
    catalog = Catalog(labels, vectors, space="test", calibration=CALIBRATION)
    evaluation = evaluate(catalog, embedded(seen_labels, seen))
    trial = evaluation.trials.photos
    assert trial is not None, "nothing was chosen, so nothing was tried"
    assert trial.gain < 0
    assert evaluation.needed_photos == []
    assert "needed-photos" not in {item.section for item in advise(evaluation)}


def test_a_photo_that_was_first_and_unknown_is_not_called_unlike() -> None:
    strict = Posterior(40.0, 40.0 * float(closeness(np.array(0.97))), 0.0, 0.0)
    catalog = store(20, 1, 0.3).with_calibration(Calibration(strict))
    evaluation = evaluate(catalog, queries(20, 6, 0.3))
    assert evaluation.enrolled.recall_at_1.value == 1
    assert evaluation.enrolled.false_reject_rate.value > 0.5
    assert all(need.unlike_rows == 0 for need in evaluation.needed_photos)
    assert "like none" not in " ".join(need.why for need in evaluation.needed_photos)


def test_proposals_of_an_adapted_catalog_are_those_of_the_adapted_vectors() -> None:
    """Cosines of a proposal are compared with scores, which are of adapted vectors."""
    generator = np.random.default_rng(4)
    basis, _ = np.linalg.qr(generator.normal(size=(32, 32)))
    adaptation = Adaptation.of(basis * generator.uniform(0.15, 1, 32) @ basis.T)
    assert adaptation
    labels, rows = clusters(20, 1, spread=0.4)
    seen_labels, seen = clusters(20, 9, spread=0.5, seed=1)
    side = generator.normal(size=(9, 32)) * 0.1 + generator.normal(size=32)
    own = [row for row, label in enumerate(seen_labels) if label == "p04"]
    seen[own] = (side / np.linalg.norm(side, axis=1, keepdims=True)).astype(np.float32)

    def proposed(catalog: Catalog, vectors: Floats) -> list[tuple[str, list[Path]]]:
        needed = evaluate(catalog, embedded(seen_labels, vectors)).needed_photos
        return [(need.id, [result.path for result in need.proposed]) for need in needed]

    given = {"space": "test", "calibration": CALIBRATION}
    adapted = Catalog(labels, rows, adaptation=adaptation, **given)  # type: ignore[arg-type]
    plain = Catalog(labels, adaptation.applied(rows), **given)  # type: ignore[arg-type]
    expected = proposed(plain, adaptation.applied(seen))
    assert [product for product, _ in expected] == ["p04"]
    assert proposed(adapted, seen) == expected


def test_right_after_calibrating_it_is_not_proposed_again() -> None:
    catalog = store(20, 3, 0.5).with_calibration(Calibration(Posterior(40.0, 60.0, 0.0, 0.0)))
    photos = queries(20, 6, 0.5)
    before = advise(evaluate(catalog, photos))
    assert "calibrate" in _titles(before)
    labels = [item.product for item in photos.items]
    measured = calibrate(catalog, photos.vectors, labels).calibration
    again = evaluate(catalog.with_calibration(measured), photos)
    assert "calibrate" not in _titles(advise(again))
    assert again.trials.calibration is None
    fresh = evaluate(catalog.with_calibration(measured), queries(20, 6, 0.5, seed=7))
    assert "calibrate" not in _titles(advise(fresh))


def test_training_is_proposed_where_a_layer_helps_and_said_to_be_unsure_where_not() -> None:
    generator = np.random.default_rng(1)
    products = generator.normal(size=(40, 32)) * ([1.0] * 16 + [0.0] * 16)
    noise = np.array([0.2] * 16 + [1.6] * 16)

    def photos(count: int, scale: Floats) -> tuple[list[str], Floats]:
        rows = np.repeat(products, count, axis=0)
        rows = rows + generator.normal(size=rows.shape) * scale
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        labels = [f"p{index:02d}" for index in range(40) for _ in range(count)]
        return labels, rows.astype(np.float32)

    labels, vectors = photos(3, noise)
    catalog = Catalog(labels, vectors, space="test", calibration=CALIBRATION)
    evaluation = evaluate(catalog, embedded(*photos(6, noise)))
    trial = evaluation.trials.training
    assert trial is not None
    assert trial.helps
    assert "Train on your products" in _titles(advise(evaluation))
    none = Trial(trial.queries, trial.before, trial.before, -0.02, 0.02)
    trials = replace(evaluation.trials, training=none, photos=None, pairs={}, calibration=None)
    alone = replace(evaluation, trials=trials, needed_photos=[], label_errors=[])
    assert _titles(advise(alone)) == "Training is what is left to try"
    assert "no sure gain" in advise(alone)[0].text
    loses = replace(none, low=-0.05, high=-0.01)
    assert advise(replace(alone, trials=replace(trials, training=loses))) == []
    good = evaluate(store(spread=0.2), queries(spread=0.2))
    assert "rain" not in _titles(advise(good))


def test_one_is_written_in_the_singular() -> None:
    catalog = store(20, 1, 0.3)
    labels, vectors = clusters(20, 6, spread=0.5, seed=1)
    side = np.random.default_rng(5).normal(size=32)
    rows = [row for row, label in enumerate(labels) if label == "p04"]
    seen = side / np.linalg.norm(side) + 0.05 * np.random.default_rng(6).normal(size=(6, 32))
    vectors[rows] = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)
    items = embedded([*labels, "p99"], np.concatenate([vectors, vectors[:1]]))
    advice = {item.title: item.text for item in advise(evaluate(catalog, items))}
    photos = advice["Add photos of 1 product"]
    absent = advice["Add 1 product that only the test photos show"]
    assert "1 of your test photos shows" in photos
    for text in (photos, absent):
        assert not re.search(r"\bthem\b|\beach\b|\bthey\b", text)


# ---- commands


def _commands(advice: list[Advice]) -> list[list[str]]:
    return [shlex.split(item.command)[1:] for item in advice if item.command]


def test_every_command_can_be_parsed_with_any_path(tmp_path: Path) -> None:
    folder = tmp_path / "my shop's photos"
    for catalog in (None, "store 1.catalog"):
        sources = Sources(
            out=folder / "report",
            queries=str(folder / "a&b.csv"),
            catalog=catalog,
            gallery=str(folder / "studio $1.csv"),
            unknowns=str(folder / "other things"),
            model=str(folder / "int8.tflite"),
            options=("--columns", "path=Image,product=SKU"),
            adapt="off",
        )
        lines = [sources.build(), sources.calibrate(), sources.enrol("enrol.csv"), sources.train()]
        assert bool(lines[0]) == (catalog is None)
        for line in filter(None, lines):
            words = shlex.split(line)
            assert words[0] == "shelflens"
            args = build_parser(words[1], command_module(words[1])).parse_args(words[2:])
            assert str(folder) in str(vars(args))
            assert all(Path(word).is_absolute() for word in words if str(folder) in word)


def test_the_commands_of_a_report_run(run: Run, tmp_path: Path) -> None:
    """A shop whose photos are near each other and not near its studio images."""
    folder = tmp_path / "my shop's photos"
    studio = read_dataset(DEMO / "studio.csv")
    wanted = studio.labels[:8]
    for item in read_dataset(DEMO / "photos.csv").items:
        if item.product not in studio.labels[:9]:
            continue
        target = folder / "queries" / item.product
        target.mkdir(parents=True, exist_ok=True)
        with Image.open(item.path) as photo:
            for number, light in enumerate((0.9, 1.0, 1.1)):
                lit = ImageEnhance.Brightness(photo.convert("RGB")).enhance(light)
                lit.save(target / f"{item.path.stem}-{number}.jpg", quality=95)
    rows = [f"{item.path},{item.product}" for item in studio.items if item.product in wanted]
    (folder / "studio.csv").write_text("path,product\n" + "\n".join(rows) + "\n")
    path = folder / "store.catalog"
    assert run("catalog", "build", folder / "studio.csv", "--adapt", "off", "--out", path)[0] == 0
    catalog, photos = Catalog.open(path), read_dataset(folder / "queries")
    _, vectors = Embedder.open().embed_many(photos.paths)
    scores = np.array([matches[0].score for matches in catalog.match_many(vectors, 1)])
    offset = 40.0 * float(closeness(np.quantile(scores, 0.8)))
    catalog.with_calibration(Calibration(Posterior(40.0, offset, 0.0, 0.0))).save(path)
    found = read_dataset(folder / "queries")
    evaluation = evaluate(Catalog.open(path), EmbeddedImages(found.items, vectors))
    assert evaluation.needed_photos
    words = ["--queries", folder / "queries", "--out", folder / "report"]
    assert run("evaluate", "--catalog", path, *words)[0] == 0
    values = json.loads((folder / "report" / "report.json").read_text())
    lines = [item["command"] for item in values["advice"] if item["command"]]
    assert any("enrol.csv" in line for line in lines)
    assert any("new-products.csv" in line for line in lines)
    page = (folder / "report" / "report.html").read_text()
    assert "STORE.catalog" not in page
    assert "PHOTOS" not in page
    before = Catalog.open(path)
    for line in lines:
        if shlex.split(line)[1] != "train":  # it takes minutes; parsed above
            assert main(shlex.split(line)[1:]) == 0, line
    after = Catalog.open(path)
    assert set(after.ids) - set(before.ids) == {studio.labels[8]}
    assert after.row_count > before.row_count + 1


def test_a_catalog_made_for_the_report_is_built_first(run: Run, tmp_path: Path) -> None:
    photos = read_dataset(DEMO / "photos.csv")
    left = read_dataset(DEMO / "studio.csv").labels[:24]
    gallery = "".join(
        f"{item.path},{item.product}\n"
        for item in read_dataset(DEMO / "studio.csv").items
        if item.product in left
    )
    (tmp_path / "studio.csv").write_text("path,product\n" + gallery)
    words = ["--gallery", tmp_path / "studio.csv", "--queries", DEMO / "photos.csv"]
    assert run("evaluate", *words, "--adapt", "off", "--out", tmp_path / "report")[0] == 0
    values = json.loads((tmp_path / "report" / "report.json").read_text())
    lines = [item["command"] for item in values["advice"] if item["command"]]
    assert lines[0].startswith("shelflens catalog build")
    for line in lines:
        if shlex.split(line)[1] != "train":
            assert main(shlex.split(line)[1:]) == 0, line
    grown = Catalog.open(tmp_path / "report" / "store.catalog")
    assert set(grown.ids) == set(photos.labels)


def test_the_command_calibrates_and_is_not_proposed_again(run: Run, tmp_path: Path) -> None:
    """The unknown things lie in a folder without labels, as people have them."""
    path, out = tmp_path / "store.catalog", tmp_path / "report"
    photos, things = DEMO / "photos.csv", DEMO / "unknown"
    words = ["catalog", "build", DEMO / "studio.csv", "--adapt", "off", "--out", path]
    assert run(*words)[0] == 0
    sources = Sources(out=out, queries=str(photos), catalog=str(path), unknowns=str(things))
    command = shlex.split(sources.calibrate())[1:]
    assert main([*command, "--force"]) == 0  # whether it helps this store or not
    assert Catalog.open(path).calibration.basis == "measured"
    words = ["--catalog", path, "--queries", photos, "--unknowns", things, "--out", out]
    assert run("evaluate", *words)[0] == 0
    again = json.loads((out / "report.json").read_text())
    assert not [item for item in again["advice"] if "calibrate" in item["title"]]
    assert again["trials"]["calibration"] is None
