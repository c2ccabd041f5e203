"""`catalog calibrate`, and `lookup` with confidence, --fuse and --status, as typed."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelflens import Calibration, Catalog, Embedder
from shelflens.catalog.fuse import fuse
from shelflens.catalog.posterior import Posterior
from shelflens.cli import main
from shelflens.dataset import read_dataset
from shelflens.model.embedder import BUNDLED_MODEL

DEMO = BUNDLED_MODEL.parent / "demo"
PHOTOS = sorted((DEMO / "photos").glob("*.jpg"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def calibrated(built: Path) -> Path:
    """The same, calibrated."""
    path = built.with_name("calibrated.catalog")
    shutil.copy(built, path)
    words = ["--queries", str(DEMO / "photos.csv"), "--unknowns", str(DEMO / "unknown.csv")]
    assert main(["catalog", "calibrate", str(path), *words]) == 0
    return path


def test_calibrate_is_told_and_stored(run: Run, calibrated: Path) -> None:
    status, out, _ = run("catalog", "info", calibrated)
    assert status == 0
    assert "measured with 60 photos of its products and 16 of unknown things" in out
    assert "95 % interval" in out
    assert "target 1.0%" in out
    assert "calibrate again" not in out
    stored = json.loads(run("catalog", "info", calibrated, "--json")[1])["calibration"]
    assert stored["basis"] == "measured"
    _, out, _ = run("lookup", PHOTOS[0], "--catalog", calibrated)
    assert "not calibrated" not in out
    assert json.loads(run("lookup", PHOTOS[0], "--catalog", calibrated, "--json")[1])["basis"] == (
        "measured"
    )


def test_what_was_not_measured_says_so(run: Run, built: Path) -> None:
    _, out, _ = run("lookup", PHOTOS[0], "--catalog", built)
    assert "confidence" in out.splitlines()[0]
    assert "by default, not calibrated" in out.splitlines()[0]
    assert "not measured with this catalog" in run("catalog", "info", built)[1]


def test_calibrating_again_gives_the_same(run: Run, calibrated: Path, tmp_path: Path) -> None:
    """The default is the model card's, not the calibration before."""
    path = tmp_path / "again.catalog"
    shutil.copy(calibrated, path)
    words = ["--queries", DEMO / "photos.csv", "--unknowns", DEMO / "unknown.csv", "--json"]
    status, out, _ = run("catalog", "calibrate", path, *words)
    assert status == 0
    assert path.read_bytes() == calibrated.read_bytes()
    values = json.loads(out)
    comparison = values.pop("comparison")
    assert values == Catalog.open(path).calibration.to_dict()
    assert comparison["before"] == comparison["after"], "nothing changes"
    assert set(comparison["after"]) == {"right", "wrong", "same_shelf", "unknown", "log_loss"}


def table(text: str) -> dict[str, tuple[float, float]]:
    """The lines of before and after, percent by what they say."""
    found = re.findall(r"^ *(\S.*?) +([\d.]+)% +([\d.]+)%$", text, re.M)
    return {name: (float(before), float(after)) for name, before, after in found}


SAME_SHELF = "a product of the same shelf that is not enrolled: match"


@pytest.mark.parametrize("unknowns", [[], ["--unknowns", DEMO / "unknown.csv"]])
def test_before_and_after_are_shown_with_false_accepts_of_the_same_shelf(
    run: Run, built: Path, tmp_path: Path, unknowns: list[str]
) -> None:
    path = tmp_path / "s.catalog"
    shutil.copy(built, path)
    words = ["catalog", "calibrate", path, "--queries", DEMO / "photos.csv", *unknowns]
    status, out, _ = run(*words)
    assert status == 0
    assert "of photos that it was not measured with" in out
    lines = table(out)
    assert SAME_SHELF in lines
    assert ("photos of unknown things: match" in lines) == bool(unknowns)
    assert len(lines) == 3 + bool(unknowns)
    before, after = lines[SAME_SHELF]
    assert after <= max(before, 5) + 2 / 60 * 100, "two of sixty photos"


@pytest.fixture
def mislabelled(tmp_path: Path) -> Path:
    """The demo's photos: of every second product they carry the label of another."""
    data = read_dataset(DEMO / "photos.csv")
    ids = list(dict.fromkeys(data.labels))
    path = tmp_path / "mislabelled.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "product"])
        for item in data.items:
            index = ids.index(item.product)
            label = ids[(index + 2) % len(ids)] if index % 2 else item.product
            rows.writerow([item.path.resolve(), label])
    return path


def test_what_makes_answers_worse_is_refused(
    run: Run, calibrated: Path, mislabelled: Path, tmp_path: Path
) -> None:
    """One wrong list after a right one: the file stays, byte for byte, until --force."""
    path = tmp_path / "s.catalog"
    shutil.copy(calibrated, path)
    words = ["catalog", "calibrate", path, "--queries", mislabelled]
    words += ["--unknowns", DEMO / "unknown.csv"]
    for extra in ([], ["--json"]):
        status, out, err = run(*words, *extra)
        assert (status, out) == (1, "")
        assert path.read_bytes() == calibrated.read_bytes()
        assert list(path.parent.glob("*.catalog*")) == [path], "nothing is left beside it"
        assert "left as it was" in err
        assert "--force" in err
        assert SAME_SHELF in table(err)
        assert "Traceback" not in err
    status, out, err = run(*words, "--force")
    assert status == 0
    assert SAME_SHELF in table(out)
    assert path.read_bytes() != calibrated.read_bytes()
    assert Catalog.open(path).calibration != Catalog.open(calibrated).calibration


def test_without_unknowns_products_are_left_out(run: Run, built: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.catalog"
    shutil.copy(built, path)
    status, out, _ = run("catalog", "calibrate", path, "--queries", DEMO / "photos.csv")
    assert status == 0
    assert "products left out" in out
    assert "--unknowns" in out
    removed = Catalog.open(path).ids[0]
    run("catalog", "remove", path, removed)
    assert "30 products and 30 images then: calibrate again" in run("catalog", "info", path)[1]


def test_fuse_is_one_answer_for_all(run: Run, built: Path, tmp_path: Path) -> None:
    names = [str(path) for path in PHOTOS[:2]]
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    status, out, err = run("lookup", *names, "--fuse", "--catalog", built, "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["photos"] == names
    embedder = Embedder.open()
    expected = fuse(Catalog.open(built), [embedder.embed(path) for path in PHOTOS[:2]])
    assert [match["id"] for match in answer["matches"]] == [match.id for match in expected.matches]
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
    status, out, err = run("lookup", tmp_path / "bad.jpg", *names, "--fuse", "--catalog", built)
    assert status == 1
    assert "bad.jpg: not a picture" in err
    assert "2 photos" in out.splitlines()[0]
    status, out, _ = run("lookup", tmp_path / "bad.jpg", "--fuse", "--catalog", built)
    assert (status, out) == (1, "")


def test_exit_status_is_the_decision(run: Run, built: Path, tmp_path: Path) -> None:
    embedder = Embedder.open()
    rows = np.stack([embedder.embed(path) for path in PHOTOS[:2]])
    distant = -rows.mean(axis=0)
    calibration = Calibration()
    catalogs = {
        0: Catalog(["a", "b"], np.stack([rows[0], distant]), space=embedder.card.space),
        3: Catalog(["a", "b"], np.stack([rows[0], rows[0]]), space=embedder.card.space),
        4: Catalog(["a", "b"], np.stack([distant, distant]), space=embedder.card.space),
    }
    for expected, catalog in catalogs.items():
        path = tmp_path / f"{expected}.catalog"
        catalog.with_calibration(calibration).save(path)
        assert run("lookup", PHOTOS[0], "--catalog", path)[0] == 0
        assert run("lookup", PHOTOS[0], "--catalog", path, "--status")[0] == expected
    status, out, _ = run("lookup", PHOTOS[0], "--catalog", tmp_path / "3.catalog")
    assert "ambiguous: a or b" in out.splitlines()[0]
    none = tmp_path / "none.jpg"
    assert run("lookup", none, PHOTOS[0], "--catalog", tmp_path / "4.catalog", "--status")[0] == 1
    assert status == 0


def bad_data(folder: Path) -> dict[str, Path]:
    """A dataset for every mistake."""
    photo = PHOTOS[0]
    lists = {
        "none of 1 products is in the catalog": f"{photo},never-there",
        "1 of 2 products are not in": f"{photo},{photo.stem.rpartition('-')[0]}\n{photo},missing",
    }
    paths = {}
    for index, (message, rows) in enumerate(lists.items()):
        paths[message] = folder / f"{index}.csv"
        paths[message].write_text(f"path,product\n{rows}\n")
    paths["are images of the catalog itself"] = DEMO / "studio.csv"
    return paths


def test_bad_input_is_one_line_and_the_catalog_stays(run: Run, built: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    shutil.copy(built, path)
    before = path.read_bytes()
    good = ["--queries", DEMO / "photos.csv"]
    cases = [(["--queries", data], message) for message, data in bad_data(tmp_path).items()]
    cases += [
        ([*good, "--false-accept-rate", "0"], "false accept rate: expected a share above 0"),
        ([*good, "--false-accept-rate", "1.5"], "false accept rate: expected a share above 0"),
        ([*good, "--unknown-share", "1"], "unknown share: expected a share"),
        ([*good, "--unknowns", DEMO / "photos.csv"], "is in the catalog"),
        ([*good, "--unknowns", tmp_path / "none"], "no such folder or CSV"),
    ]
    for words, message in cases:
        status, out, err = run("catalog", "calibrate", path, *words)
        lines = [line for line in err.splitlines() if line.startswith("shelflens catalog:")]
        assert (status, out) == (1, ""), words
        assert len(lines) == 1
        assert message in lines[0]
        assert "Traceback" not in err
    foreign = tmp_path / "foreign.catalog"
    rows = np.eye(2, Embedder.open().card.dim, dtype=np.float32)
    Catalog(["a", "b"], rows, space="x").save(foreign)
    status, _, err = run("catalog", "calibrate", foreign, *good)
    assert status == 1
    assert "made in embedding space 'x'" in err
    assert path.read_bytes() == before


def test_a_calibration_of_another_writer_is_shown(run: Run, built: Path, tmp_path: Path) -> None:
    posterior = Posterior(concentration=20.0, offset=5.0)
    measured = Calibration(posterior, min_probability=0.8, basis="measured")
    Catalog.open(built).with_calibration(measured).save(tmp_path / "s.catalog")
    status, out, _ = run("catalog", "info", tmp_path / "s.catalog")
    assert status == 0
    assert "'offset': 5.0" in out
    assert "min_probability 0.8, basis measured" in out
