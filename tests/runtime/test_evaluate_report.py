"""`shelflens evaluate`: what the command writes for the demo store, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog, Embedder, build_catalog
from shelflens.cli import main
from shelflens.dataset import read_dataset
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.report.write import write_report
from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.clusters import CALIBRATION, clusters, embedded, queries, store

DEMO = BUNDLED_MODEL.parent / "demo"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demo store."""
    folder = tmp_path_factory.mktemp("evaluate") / "report"
    words = ["--gallery", DEMO / "studio.csv", "--queries", DEMO / "photos.csv"]
    words += ["--unknowns", DEMO / "unknown.csv", "--out", folder]
    assert main(["evaluate", *map(str, words)]) == 0
    return folder


@pytest.fixture(scope="module")
def values(out: Path) -> dict[str, Any]:
    """report.json of the demo store."""
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


@pytest.fixture(scope="module")
def html(out: Path) -> ElementTree.Element:
    """report.html of the demo store, read strictly."""
    return ElementTree.fromstring((out / "report.html").read_text().partition("\n")[2])


# ---- report.json


def test_the_figures_are_those_of_a_plain_loop(values: dict[str, Any]) -> None:
    embedder = Embedder.open()
    studio, photos = read_dataset(DEMO / "studio.csv"), read_dataset(DEMO / "photos.csv")
    unknown = read_dataset(DEMO / "unknown.csv")
    catalog = build_catalog(studio, embedder)
    answers = [catalog.answer(embedder.embed(path)) for path in photos.paths]
    right = [a.matches[0].id == own for a, own in zip(answers, photos.labels, strict=True)]
    figures = values["enrolled"]
    assert figures["recall_at_1"]["count"] == sum(right)
    rejected = sum(answer.decision == "unknown" for answer in answers)
    assert figures["false_reject_rate"]["count"] == rejected
    matched = [ok for a, ok in zip(answers, right, strict=True) if a.decision == "match"]
    precision = figures["match_precision"]
    assert (precision["count"], precision["of"]) == (sum(matched), len(matched))
    decisions = [catalog.answer(embedder.embed(path)).decision for path in unknown.paths]
    figures_of_unknown = values["unknown"]
    not_rejected = sum(decision != "unknown" for decision in decisions)
    assert figures_of_unknown["not_rejected"]["count"] == not_rejected
    assert figures_of_unknown["false_accept_rate"]["count"] == decisions.count("match")
    assert figures_of_unknown["threshold"] == catalog.calibration.min_probability
    assert figures["map"] == pytest.approx(figures["mrr"]), "one image per product: the same figure"


def test_json_keeps_the_contract(values: dict[str, Any]) -> None:
    assert values["format"] == 1
    assert {"advice", "enrolled", "unknown", "leave_one_out", "reliability"} <= set(values)
    assert {"k_shot_curve", "trials", "needed_photos", "confusion_pairs"} <= set(values)
    assert {"label_errors", "not_rejected", "by_product", "by_attribute"} <= set(values)
    assert len(values["by_product"]) == values["products"] == values["rows"] == 30
    assert {row["column"] for row in values["by_attribute"]} == {"brand", "category"}
    counts = [row["recall_at_1"]["of"] for row in values["by_attribute"]]
    assert sum(counts) == 2 * values["queries"]
    assert values["unknown"]["basis"] == "unknowns"
    assert values["leave_one_out"]["basis"] == "leave one out"
    assert values["k_shot_curve"] == []
    assert any("one photo in the catalog" in notice for notice in values["notices"])


# ---- what is refused


def test_bad_input_is_one_line_and_writes_nothing(run: Run, tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "one"
    (folder / "thing").mkdir(parents=True)
    shutil.copy(photo, folder / "thing" / "1.jpg")
    (tmp_path / "bad" / "hot-cocoa-caramel-pomoro").mkdir(parents=True)
    (tmp_path / "bad" / "hot-cocoa-caramel-pomoro" / "1.jpg").write_bytes(b"no picture")
    dim = Embedder.open().card.dim
    elsewhere = tmp_path / "elsewhere.catalog"
    ids = ["hot-cocoa-caramel-pomoro", "b"]
    Catalog(ids, np.eye(2, dim, dtype=np.float32), space="other-1").save(elsewhere)
    empty = tmp_path / "empty.catalog"
    Catalog.open(elsewhere).remove(ids).save(empty)
    (tmp_path / "file").write_text("here")
    studio, photos, target = DEMO / "studio.csv", DEMO / "photos.csv", tmp_path / "report"
    cases: list[tuple[list[object], str]] = [
        (["--gallery", folder, "--queries", folder], "has 1 product"),
        (["--gallery", studio, "--queries", folder], "none of their products ('thing', ...)"),
        (["--gallery", studio, "--queries", photos, "--unknowns", photos], "is enrolled, so"),
        (["--gallery", studio, "--queries", tmp_path / "none"], "none: no such folder or CSV"),
        (["--gallery", studio, "--queries", tmp_path / "bad"], "none of 1 photos could be read"),
        (["--catalog", elsewhere, "--queries", photos], "'other-1'"),
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
    status, _, err = run("evaluate", *words[:4], "--out", target, "--images", studio)
    assert (status, target.exists()) == (2, False)
    assert "--images goes with --catalog" in err
    both = ["--catalog", elsewhere, "--gallery", studio, "--queries", photos, "--out", target]
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
    assert first["enrolled"] == json.loads((out / "report.json").read_text())["enrolled"]
    assert run(*words, tmp_path / "b", "--images", DEMO / "studio.csv")[0] == 0
    shown = [(tmp_path / name / "report.html").read_text().count("<img") for name in "ab"]
    assert 0 < shown[0] <= shown[1]


def test_a_later_report_removes_old_proposals(tmp_path: Path) -> None:
    for name in ("enrol.csv", "new-products.csv"):
        (tmp_path / name).write_text("path,product\n")
    write_report(evaluate(store(spread=0.2), queries(spread=0.2)), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["report.html", "report.json", "report.md"]


def test_the_text_report_says_the_same(out: Path, values: dict[str, Any]) -> None:
    text = (out / "report.md").read_text()
    for item in values["advice"]:
        assert item["title"] in text
    assert f"{values['unknown']['auroc']:.3f}" in text
    for row in re.findall(r"^\|.*", text, re.M):
        assert row.endswith(" |")


def test_the_report_asks_nothing_of_any_network(out: Path, html: ElementTree.Element) -> None:
    text = (out / "report.html").read_text()
    assert "<script" not in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]+", "", text))
    ids = {element.get("id") for element in html.iter()}
    for element in html.iter():
        for name in ("src", "href", "srcset", "data", "action"):
            value = element.get(name)
            assert value is None or value.startswith("data:image/jpeg;base64,") or value[1:] in ids


def test_every_image_of_the_report_decodes(html: ElementTree.Element) -> None:
    elements = list(html.iter("img"))
    assert len(elements) >= 4
    for element in elements:
        assert element.get("alt")
        with Image.open(BytesIO(b64decode(str(element.get("src")).partition(",")[2]))) as image:
            image.load()
            assert max(image.size) <= 260


def test_names_cannot_break_the_report(tmp_path: Path) -> None:
    labels, vectors = clusters(12, 2, spread=1.2)
    evil = '<img src="https://x.example"/>&"\'|'
    attributes = {label: {"name": f"{evil} {label}", "shelf": evil[:9]} for label in labels}
    attributes["p01"]["shelf"] = "b"
    catalog = Catalog(labels, vectors, space="s", attributes=attributes, calibration=CALIBRATION)
    write_report(evaluate(catalog, queries(12, 2, 1.2), source=evil), tmp_path)
    text = (tmp_path / "report.html").read_text()
    tree = ElementTree.fromstring(text.partition("\n")[2])
    assert not [image for image in tree.iter("img") if "example" in str(image.get("src"))]
    assert evil in "".join(tree.itertext())


def test_charts_stay_inside_their_frame(tmp_path: Path) -> None:
    unknowns = np.random.default_rng(4).normal(size=(60, 32)).astype(np.float32)
    unknowns /= np.linalg.norm(unknowns, axis=1, keepdims=True)
    given = embedded([f"x{n}" for n in range(60)], unknowns, "x")
    evaluation = evaluate(store(rows=12, spread=1.9), queries(spread=1.9), given)
    for threshold in (-1.0, 0.5, 1.0):  # the marks of the threshold stand at either end
        unknown = replace(evaluation.unknown, threshold=threshold)
        write_report(replace(evaluation, unknown=unknown), tmp_path)
        tree = ElementTree.fromstring((tmp_path / "report.html").read_text().partition("\n")[2])
        charts = list(tree.iter("svg"))
        assert len(charts) == 4
        for chart in charts:
            width, height = map(int, str(chart.get("viewBox")).split()[2:])
            for element in chart.iter():
                assert 0 <= float(element.get("x", element.get("cx", 0))) <= width
                assert 0 <= float(element.get("y", element.get("cy", 0))) <= height


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; the report is also read as XML")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_fits_its_window(out: Path, tmp_path: Path, width: int) -> None:
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
