"""`shelflens evaluate`: figures of plain loops, findings that were planted, a page that holds."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from shelflens import Catalog, CatalogError, Embedder
from shelflens.cli import main
from shelflens.dataset import LabelledImage, read_dataset
from shelflens.errors import DataError
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.findings.label_errors import suspects
from shelflens.evaluation.measure import figures
from shelflens.evaluation.measure.lookups import DEPTH, Embedded, look_up
from shelflens.evaluation.report.advice import todos
from shelflens.evaluation.report.write import write
from shelflens.model.embedder import BUNDLED_MODEL

DEMO = BUNDLED_MODEL.parent / "demo"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CALIBRATION = {"threshold": 0.7, "margin": 0.02}

Run = Callable[..., tuple[int, str, str]]
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demo store."""
    folder = tmp_path_factory.mktemp("evaluate") / "report"
    words = ["--gallery", DEMO / "studio.csv", "--queries", DEMO / "photos.csv"]
    words += ["--unknowns", DEMO / "unknown.csv", "--out", folder]
    assert main(["evaluate", *map(str, words)]) == 0
    return folder


@pytest.fixture(scope="module")
def told(out: Path) -> dict[str, Any]:
    """report.json of the demo store."""
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


@pytest.fixture(scope="module")
def page(out: Path) -> ElementTree.Element:
    """report.html of the demo store, read strictly."""
    return ElementTree.fromstring((out / "report.html").read_text().partition("\n")[2])


# ---- the figures


def test_the_figures_are_those_of_a_plain_loop(told: dict[str, Any]) -> None:
    embedder = Embedder.open()
    studio, photos = read_dataset(DEMO / "studio.csv"), read_dataset(DEMO / "photos.csv")
    unknown = read_dataset(DEMO / "unknown.csv")
    pictures = np.stack([embedder.embed(path) for path in studio.paths])
    card = embedder.card
    catalog = Catalog(studio.labels, pictures, space=card.space, calibration=card.calibration)
    answers = [catalog.answer(embedder.embed(path)) for path in photos.paths]
    right = [a.matches[0].id == one for a, one in zip(answers, photos.labels, strict=True)]
    known = told["known"]
    assert known["right"]["count"] == sum(right)
    assert known["missed"]["count"] == sum(a.decision == "unknown" for a in answers)
    named = [ok for a, ok in zip(answers, right, strict=True) if a.decision == "match"]
    assert (known["named"]["count"], known["named"]["of"]) == (sum(named), len(named))
    let_in = [catalog.answer(embedder.embed(path)).decision for path in unknown.paths]
    assert told["unknown"]["let_in"]["count"] == sum(one != "unknown" for one in let_in)
    assert told["unknown"]["threshold"] == catalog.calibration["threshold"]
    assert known["map"] == pytest.approx(known["mrr"]), "one picture a product: the same figure"


def test_json_keeps_the_contract(told: dict[str, Any]) -> None:
    assert told["format"] == 1
    assert {"todo", "known", "unknown", "left_out", "confidence", "shots", "gain"} <= set(told)
    assert {"needs", "pairs", "suspects", "let_in", "per_product", "by_attribute"} <= set(told)
    assert len(told["per_product"]) == told["products"] == 30
    assert {row["column"] for row in told["by_attribute"]} == {"brand", "category"}
    assert sum(row["right"]["of"] for row in told["by_attribute"]) == 2 * told["photos"]
    assert told["unknown"]["basis"] == "unknowns"
    assert told["left_out"]["basis"] == "left out"
    assert told["shots"] == []
    assert any("one picture" in notice for notice in told["notices"])


def clusters(
    products: int, photos: int, *, spread: float, seed: int = 0, dim: int = 32
) -> tuple[list[str], Floats]:
    """Photos of products that lie around random directions: labels, float32 [n, d]."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(products, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = np.repeat(centres, photos, axis=0)
    rows = rows + spread / np.sqrt(dim) * generator.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [f"p{n:02d}" for n in range(products) for _ in range(photos)], rows.astype(np.float32)


def embedded(labels: list[str], vectors: Floats, word: str = "q") -> Embedded:
    return Embedded(
        [LabelledImage(Path(f"{word}{n}.jpg"), one) for n, one in enumerate(labels)], vectors
    )


def store(products: int = 20, photos: int = 6, spread: float = 0.9) -> Catalog:
    labels, vectors = clusters(products, photos, spread=spread)
    return Catalog(labels, vectors, space="test", calibration=CALIBRATION)


def planted(products: int = 20, photos: int = 6, spread: float = 0.9) -> Embedded:
    return embedded(*clusters(products, photos, spread=spread, seed=1))


@settings(max_examples=20)
@given(st.integers(2, 25), st.integers(1, 4), st.floats(0.1, 3.0), st.integers(0, 99))
def test_ranks_are_those_of_the_catalog(
    products: int, photos: int, spread: float, seed: int
) -> None:
    labels, vectors = clusters(products, photos, spread=spread)
    catalog = Catalog(labels, vectors, space="test", calibration=CALIBRATION)
    asked = embedded(*clusters(products, 1, spread=spread, seed=seed + 1))
    for look in look_up(catalog, asked):
        first = [match.id for match in catalog.match(look.vector, DEPTH)]
        if look.item.product in first:
            assert look.rank == first.index(look.item.product) + 1
        else:  # deeper, products are ranked by best picture alone
            scores = catalog.best_row_scores(look.vector[np.newaxis])[0]
            own = scores[catalog.index_of(look.item.product)]
            assert look.rank == max(int((scores > own).sum()), DEPTH) + 1
        assert look.matches[0].id == first[0]
        assert look.rival.id != look.item.product
        assert 0 < look.precision <= 1


def test_unknown_things_are_stood_in_for_by_neighbours() -> None:
    catalog, asked = store(), planted()
    report = evaluate(catalog, asked)
    assert report.unknown is report.left_out
    names = catalog.ids
    let_in = 0
    for item, vector in zip(asked.items, asked.vectors, strict=True):
        others = catalog.remove([item.product])
        let_in += others.answer(vector).decision != "unknown"
    assert names == catalog.ids
    assert report.left_out.let_in.count == let_in


def test_more_photos_make_a_curve() -> None:
    report = evaluate(store(photos=6, spread=1.6), planted(spread=1.6))
    assert [one.photos for one in report.shots] == [1, 2, 3, 5]
    assert report.shots[-1].recall > report.shots[0].recall
    assert all(one.low <= one.recall <= one.high for one in report.shots)


def test_confidence_is_judged(tmp_path: Path) -> None:
    report = evaluate(store(), planted())
    looks = [replace(look, confidence=0.75) for look in report.looks]
    strangers = [replace(look, confidence=0.25) for look in report.looks[:60]]
    found = figures.confidence(looks, [replace(look, rank=0) for look in strangers])
    share = report.known.right.value
    assert found.ece == pytest.approx(abs(0.75 - share))
    both = (len(looks) * abs(0.75 - share) + 60 * 0.25) / (len(looks) + 60)
    assert found.ece_with_unknowns == pytest.approx(both)
    write(replace(report, confidence=found), tmp_path)
    assert "Can it be believed?" in (tmp_path / "report.html").read_text()


# ---- what is found


def test_changed_labels_are_suspected_and_others_are_not() -> None:
    labels, vectors = clusters(20, 8, spread=0.5)
    turn = np.argsort(np.arange(160) % 8, kind="stable")  # a photo of each product, in turn
    labels, vectors = [labels[place] for place in turn], vectors[turn]
    wrong = {0: "p15", 50: "p02", 121: "p07"}
    changed = [wrong.get(place, one) for place, one in enumerate(labels)]
    items = [LabelledImage(Path(f"{place}.jpg"), one) for place, one in enumerate(changed)]
    for enrolled in (0, 80, 160):
        found = suspects(items, changed, vectors, enrolled)
        assert {(int(one.path.stem), one.looks_like) for one in found if one.path} == {
            (place, labels[place]) for place in wrong
        }
        assert all(one.enrolled == (int(one.path.stem) < enrolled) for one in found if one.path)
    assert suspects(items[:1], changed[:1], vectors[:1], 1) == []


def test_one_picture_under_two_labels_is_suspected() -> None:
    labels, vectors = clusters(6, 5, spread=0.5)
    copied = np.concatenate([vectors, vectors[:1]])
    found = suspects([None] * 31, [*labels, "p03"], copied, 31)
    assert [(one.place, one.product, one.looks_like) for one in found] == [(6, "p03", "p00")]


def test_a_product_seen_from_another_side_needs_photos() -> None:
    """Its test photos are alike among themselves, and unlike its pictures."""
    catalog = store(20, 1, 0.3)
    labels = clusters(20, 6, spread=0.5)[0]
    side = np.random.default_rng(5).normal(size=32)
    place = [n for n, one in enumerate(labels) if one == "p04"]
    seen = clusters(20, 6, spread=0.5, seed=1)[1]
    rows = side / np.linalg.norm(side) + 0.05 * np.random.default_rng(6).normal(size=(6, 32))
    seen[place] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    report = evaluate(catalog, embedded(labels, seen))
    assert [need.id for need in report.needs] == ["p04"]
    need = report.needs[0]
    assert (need.missed, need.strange, len(need.enrol)) == (6, 6, 1)
    assert need.mended >= 2
    assert "only 1 picture is enrolled" in need.why
    assert report.gain is not None
    assert report.gain.before < report.gain.after
    assert "needs" in [item.section for item in todos(report)]


def test_twins_are_to_be_merged_and_neighbours_told_apart() -> None:
    labels, vectors = clusters(20, 6, spread=0.6)
    twin = clusters(1, 12, spread=0.6, seed=7)
    rest = [n for n, one in enumerate(labels) if one != "p00"]
    vectors = np.concatenate([vectors[rest], twin[1]])
    names = [*(labels[n] for n in rest), *["left", "right"] * 6]
    catalog = Catalog(names, vectors, space="test", calibration=CALIBRATION)
    seen = np.concatenate(
        [clusters(20, 6, spread=0.6, seed=2)[1][rest], clusters(1, 12, spread=0.6, seed=8)[1]]
    )
    report = evaluate(catalog, embedded(names, seen))
    first = report.pairs[0]
    assert {first.first, first.second} == {"left", "right"}
    assert first.alike
    assert first.advice == "merge"
    assert first.mistakes == first.first_as_second + first.second_as_first > 2
    assert any(item.section == "alike" for item in todos(report))


def test_a_good_store_has_nothing_to_do() -> None:
    labels, vectors = clusters(20, 6, spread=0.2)
    catalog = Catalog(labels, vectors, space="test", calibration=CALIBRATION)
    report = evaluate(catalog, embedded(*clusters(20, 6, spread=0.2, seed=3)))
    assert report.known.right.value == 1
    assert todos(report) == []


def test_strangers_let_in_ask_for_a_threshold(tmp_path: Path) -> None:
    labels, vectors = clusters(20, 3, spread=0.3)
    catalog = Catalog(labels, vectors, space="test", calibration={"threshold": 0.1, "margin": 0.0})
    strangers = np.random.default_rng(4).normal(size=(60, 32)).astype(np.float32)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    others = embedded([f"x{n}" for n in range(60)], strangers, "x")
    report = evaluate(catalog, embedded(*clusters(20, 3, spread=0.3, seed=1)), others)
    assert report.unknown.let_in.count > 40
    write(report, tmp_path)
    page = ElementTree.fromstring((tmp_path / "report.html").read_text().partition("\n")[2])
    ids = {one.get("id") for one in page.iter()}
    assert all(str(one.get("href"))[1:] in ids for one in page.iter("a"))
    assert [item.section for item in todos(report)] == ["strangers"]
    assert report.let_in[0].first.score >= report.let_in[-1].first.score


def test_queries_that_are_enrolled_themselves_are_told() -> None:
    labels, vectors = clusters(10, 4, spread=0.5)
    report = evaluate(store(10, 4, 0.5), embedded(labels, vectors))
    assert any("40 of 40 photos are enrolled pictures" in one for one in report.notices)


def test_products_that_are_not_enrolled_count_as_unknown() -> None:
    labels, vectors = clusters(20, 6, spread=0.9, seed=1)
    half = store().remove([f"p{n:02d}" for n in range(10)])
    report = evaluate(half, embedded(labels, vectors))
    assert (len(report.looks), len(report.strangers)) == (60, 60)
    assert report.unknown.basis == "unknowns"
    assert any(item.title.startswith("Enrol 10 products") for item in todos(report))
    few = evaluate(store().remove(["p00"]), embedded(labels, vectors))
    assert (len(few.strangers), len(few.missing)) == (0, 6)
    assert any("6 photos show products" in one for one in few.notices)


# ---- what cannot be measured


def test_what_cannot_be_measured_is_refused() -> None:
    labels, vectors = clusters(3, 2, spread=0.5)
    asked = embedded(labels, vectors)
    with pytest.raises(CatalogError, match="has 1 product"):
        evaluate(store(1, 2), asked)
    with pytest.raises(DataError, match=r"none of their products \('p00', \.\.\.\) is enrolled"):
        evaluate(Catalog(["a", "b"], vectors[:2], space="s"), asked)
    with pytest.raises(DataError, match="product 'p01' is enrolled"):
        evaluate(store(3, 2), asked, embedded(["x", "p01"], vectors[:2]))
    same = np.ones((3, 8), np.float32) / np.sqrt(8, dtype=np.float32)
    with pytest.raises(DataError, match=r"every photo has the score 1\.000 with every product"):
        evaluate(Catalog(["p0", "p1", "p2"], same, space="s"), embedded(["p0"], same[:1]))


def test_bad_input_is_one_line_and_writes_nothing(run: Run, tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "one"
    (folder / "thing").mkdir(parents=True)
    shutil.copy(photo, folder / "thing" / "1.jpg")
    (tmp_path / "bad" / "hot-cocoa-caramel-pomoro").mkdir(parents=True)
    (tmp_path / "bad" / "hot-cocoa-caramel-pomoro" / "1.jpg").write_bytes(b"no picture")
    dim = Embedder.open().card.dim
    other = tmp_path / "other.catalog"
    ids = ["hot-cocoa-caramel-pomoro", "b"]
    Catalog(ids, np.eye(2, dim, dtype=np.float32), space="other-1").save(other)
    empty = tmp_path / "empty.catalog"
    Catalog.open(other).remove(ids).save(empty)
    (tmp_path / "file").write_text("here")
    studio, photos, target = DEMO / "studio.csv", DEMO / "photos.csv", tmp_path / "report"
    cases: list[tuple[list[object], str]] = [
        (["--gallery", folder, "--queries", folder], "has 1 product"),
        (["--gallery", studio, "--queries", folder], "none of their products ('thing', ...)"),
        (["--gallery", studio, "--queries", photos, "--unknowns", photos], "is enrolled, so"),
        (["--gallery", studio, "--queries", tmp_path / "none"], "none: no such folder or CSV"),
        (["--gallery", studio, "--queries", tmp_path / "bad"], "none of 1 photos could be read"),
        (["--catalog", other, "--queries", photos], "'other-1'"),
        (["--catalog", empty, "--queries", photos], "has 0 products"),
        (["--catalog", tmp_path / "c", "--queries", photos], "c: No such file"),
    ]
    for words, message in cases:
        status, said, err = run("evaluate", *words, "--out", target)
        lines = [line for line in err.splitlines() if not line.startswith("skipped: ")]
        assert (status, said, len(lines)) == (1, "", 1), err
        assert message in err
        assert not target.exists()
    words = ["--gallery", studio, "--queries", photos, "--out", tmp_path / "file"]
    status, _, err = run("evaluate", *words)
    assert (status, (tmp_path / "file").read_text()) == (1, "here")
    assert "is a file; --out is the folder" in err
    status, _, err = run("evaluate", *words[:4], "--out", target, "--pictures", studio)
    assert (status, target.exists()) == (1, False)
    assert "--pictures goes with --catalog" in err
    both = ["--catalog", other, "--gallery", studio, "--queries", photos, "--out", target]
    assert run("evaluate", *both)[0] == 2


# ---- what is written


def test_a_catalog_without_photos_makes_a_report(run: Run, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    assert run("catalog", "build", DEMO / "studio.csv", "--out", path)[0] == 0
    words = ["evaluate", "--catalog", path, "--queries", DEMO / "photos.csv", "--out"]
    status, said, _ = run(*words, tmp_path / "a")
    assert status == 0
    assert "what to do next" in said
    first = json.loads((tmp_path / "a" / "report.json").read_text())
    assert first["known"] == json.loads((out / "report.json").read_text())["known"]
    assert run(*words, tmp_path / "b", "--pictures", DEMO / "studio.csv")[0] == 0
    shown = [(tmp_path / name / "report.html").read_text().count("<img") for name in "ab"]
    assert 0 < shown[0] <= shown[1]


def test_proposed_photos_can_be_enrolled(run: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "store.catalog", tmp_path / "report"
    run("catalog", "build", DEMO / "studio.csv", "--out", path)
    catalog = Catalog.open(path)
    catalog.calibration = {"threshold": 0.88, "margin": 0.02}  # so strict that many are not found
    catalog.save(path)
    words = ["--catalog", path, "--queries", DEMO / "photos.csv", "--out", out]
    assert run("evaluate", *words)[0] == 0
    with (out / "enrol.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    status, said, _ = run("catalog", "add", path, out / "enrol.csv")
    assert status == 0
    assert f"{len(rows)} pictures added" in said
    assert Catalog.open(path).ids == read_dataset(DEMO / "studio.csv").labels


def test_a_later_report_takes_back_its_proposals(tmp_path: Path) -> None:
    (tmp_path / "enrol.csv").write_text("path,product\n")
    labels, vectors = clusters(20, 6, spread=0.2)
    catalog = Catalog(labels, vectors, space="test", calibration=CALIBRATION)
    write(evaluate(catalog, embedded(labels, vectors)), tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]


def test_the_text_report_says_the_same(out: Path, told: dict[str, Any]) -> None:
    text = (out / "report.md").read_text()
    for item in told["todo"]:
        assert item["title"] in text
    assert f"{told['unknown']['auroc']:.3f}" in text
    for row in re.findall(r"^\|.*", text, re.M):
        assert row.endswith(" |")


def test_the_page_asks_nothing_of_any_network(out: Path, page: ElementTree.Element) -> None:
    text = (out / "report.html").read_text()
    assert "<script" not in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]+", "", text))
    ids = {one.get("id") for one in page.iter()}
    for one in page.iter():
        for name in ("src", "href", "srcset", "data", "action"):
            value = one.get(name)
            assert value is None or value.startswith("data:image/jpeg;base64,") or value[1:] in ids


def test_every_picture_of_the_page_decodes(page: ElementTree.Element) -> None:
    pictures = list(page.iter("img"))
    assert len(pictures) > 10
    for one in pictures:
        assert one.get("alt")
        with Image.open(BytesIO(b64decode(str(one.get("src")).partition(",")[2]))) as picture:
            picture.load()
            assert max(picture.size) <= 260


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    labels, vectors = clusters(12, 2, spread=1.2)
    evil = '<img src="https://x.example"/>&"\'|'
    names = {one: {"name": f"{evil} {one}", "shelf": evil[:9]} for one in labels}
    names["p01"]["shelf"] = "b"
    catalog = Catalog(labels, vectors, space="s", attributes=names, calibration=CALIBRATION)
    write(evaluate(catalog, embedded(*clusters(12, 2, spread=1.2, seed=1)), source=evil), tmp_path)
    text = (tmp_path / "report.html").read_text()
    tree = ElementTree.fromstring(text.partition("\n")[2])
    assert not [one for one in tree.iter("img") if "example" in str(one.get("src"))]
    assert evil in "".join(tree.itertext())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; the page is also read as XML")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_window(out: Path, tmp_path: Path, width: int) -> None:
    probe = (
        "<script>parent.document.title=[innerWidth,document.documentElement.scrollWidth,"
        "[...document.images].filter(i=>!i.naturalWidth).length,"
        "[...document.querySelectorAll('main *')].filter(e=>!e.closest('.scroll,details,svg')&&"
        "e.getBoundingClientRect().right>innerWidth+1).length].join(' ')</script></body>"
    )
    text = (out / "report.html").read_text().replace("</body>", probe)
    # In a frame, since a window of Chromium is never narrower than 500 pixels.
    frame = f'<iframe style="border:0;width:{width}px" srcdoc="{escape(text)}"></iframe>'
    path = tmp_path / "probe.html"
    path.write_text(f"<!DOCTYPE html><title>none</title>{frame}", encoding="utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"]
    words += ["--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *words, path.as_uri()], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+) (\d+)</title>", done.stdout)
    assert found, done.stderr[-500:]
    inner, wide, broken, outside = map(int, found.groups())
    assert inner == width
    assert (wide <= inner, broken, outside) == (True, 0, 0)
