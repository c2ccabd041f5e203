"""Results are of the shipped model, say where they come from, and README and docs quote them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import benchmarks
from benchmarks import quoted
from benchmarks.provenance import FIELDS, RESULTS, ROOT, header
from shelflens.catalog.answer import CANDIDATE_SHARE, MIN_UNKNOWN
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.posterior import SECOND_FLOOR, TAIL
from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL

SPACE = read_tflite_card(BUNDLED_MODEL).space
REPORTS = sorted(RESULTS.glob("*.json"))
LOCAL = re.compile(r"(?<![\w.:/])/(?:work|home|root|tmp|Users|mnt|var|private|opt|srv)/|[A-Z]:\\")
STAND_INS = {
    "unseen", "changes", "device-arm64", "device-armhf", "device-instructions", "peers", "soak",
}  # fmt: skip
"""Measured on another space, and the file says why: the shipped recipe on other data than the
shipped model's; times and counts, which do not depend on weights."""
WITHOUT_OPTIONS = {
    "benchmarks.capacity",
    "benchmarks.provenance", "benchmarks.quality.baselines", "benchmarks.quality.measuring",
    "benchmarks.quality.throttled", "benchmarks.recipe.commands", "benchmarks.recipe.install",
    "benchmarks.recipe.networks", "benchmarks.quality.domain_sets",
    "benchmarks.quality.domain_views", "benchmarks.recipe.sources", "benchmarks.recipe.run_folder",
    "benchmarks.quality.finding_labelled", "benchmarks.quality.finding_scenes",
    "benchmarks.quality.finding_sheet", "benchmarks.speed.paired",
}  # fmt: skip
"""Modules that are not commands; those below a command's own package are none either."""
PACKAGES = (
    "benchmarks.quality.answers", "benchmarks.quality.second_look", "benchmarks.quality.shop",
    "benchmarks.quality.shops",
)  # fmt: skip
"""Commands of several modules: `python -m PACKAGE`."""
OPTIONAL = {
    "playwright",
    "mediapipe",
    "sklearn",
    "keras",
    "tensorflow",
    "cv2",
    "matplotlib",
    "jax",
    "scipy",
}


def spaces(value: Any) -> Iterator[str]:
    """Every embedding space that a report names."""
    if isinstance(value, dict):
        if isinstance(value.get("space"), str):
            yield value["space"]
        for inner in value.values():
            yield from spaces(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from spaces(inner)


def load(path: Path) -> dict[str, Any]:
    """A report."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def test_there_are_results() -> None:
    assert len(REPORTS) > 10


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_result_is_of_the_shipped_model(path: Path) -> None:
    report = load(path)
    assert report["model"]["space"] == SPACE, "of another model: move it to experiments/"
    allowed = {SPACE}
    if path.stem in STAND_INS:
        assert report["stand_in"]["why"]
        allowed.add(report["stand_in"]["space"])
    assert set(spaces(report)) <= allowed


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_result_says_where_it_comes_from(path: Path) -> None:
    report = load(path)
    assert [name for name in FIELDS if report.get(name) in (None, "", {})] == []
    assert re.fullmatch(r"[0-9a-f]{7,}", report["commit"]), "measure with a clean working tree"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", report["date"])
    assert {"python", "shelflens", "numpy"} <= set(report["versions"])
    assert {"id", "space"} <= set(report["model"])
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text.startswith(header(report["title"], report)), "the Markdown is of another run"


def test_no_result_names_a_local_path() -> None:
    files = [*RESULTS.iterdir(), *(RESULTS.parent / "experiments").rglob("*.md")]
    for path in files:
        if path.suffix in {".json", ".md", ".svg"}:
            assert not LOCAL.search(path.read_text(encoding="utf-8")), path


def test_every_result_has_a_command_in_the_table() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    missing = [path.stem for path in REPORTS if f"results/{path.stem}.md" not in text]
    assert missing == []


@pytest.mark.parametrize("path", quoted.documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_quoted_figures_are_current(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert quoted.current(text) == text, "python -m benchmarks.quoted"


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("0.911", 0.92345, "0.923"),
        ("36", 41.7, "42"),
        ("2,485", 12485.0, "12,485"),
        ("-1.0", 2, "2.0"),
    ],
)
def test_a_quoted_figure_keeps_its_form(old: str, value: float, new: str) -> None:
    assert quoted.written(old, value) == new


def test_a_stale_figure_is_found() -> None:
    where = "official; rows; model=int8.tflite & dim=256; fine"
    fine = quoted.value(where)
    assert quoted.value(f"{where}; x100") == pytest.approx(100 * fine)
    stale = f"is 0.111<!-- figure: {where} --> today"
    assert quoted.current(stale) == f"is {fine:.3f}<!-- figure: {where} --> today"
    with pytest.raises(ValueError, match="no 'nothing'"):
        quoted.current("1<!-- figure: official; nothing -->")


def test_the_model_card_has_the_fitted_coefficients_and_both_readers_the_same_defaults() -> None:
    fitted = load(RESULTS / "shops.json")
    card = read_tflite_card(BUNDLED_MODEL).calibration
    rises = {f"rise, {name}": value for name, value in card["rise"].items()}
    in_card = {**card["posterior"], **rises}
    assert in_card == fitted["coefficients"], "benchmarks.quality.shops --install"
    assert card["known_similarity"] == fitted["adapting"]["known_similarity"]
    default = Calibration()
    assert Calibration.from_dict(card).min_probability == fitted["min_probability"]
    script = ROOT / "runtime" / "shelflens" / "webapp" / "site" / "js" / "answer.js"
    text = script.read_text(encoding="utf-8")
    found = re.search(r"DEFAULT_POSTERIOR = \{ (.+) \};", text)
    assert found
    values = dict(pair.split(": ") for pair in found[1].split(", "))
    assert {key: float(value) for key, value in values.items()} == asdict(default.posterior)
    assert f"DEFAULT_MIN_PROBABILITY = {default.min_probability:g};" in text
    assert f"TAIL = {TAIL:g};" in text
    assert f"SECOND_FLOOR = {SECOND_FLOOR:g};" in text
    assert f"MIN_UNKNOWN = {MIN_UNKNOWN:g};" in text
    assert f"CANDIDATE_SHARE = {CANDIDATE_SHARE:g};" in text


def modules() -> list[str]:
    """Every module of benchmarks/."""
    found = pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")
    return sorted(module.name for module in found if not module.ispkg)


def commands() -> list[str]:
    """Those that are run with `python -m`."""
    single = [
        name
        for name in modules()
        if name not in WITHOUT_OPTIONS
        and not name.startswith((*PACKAGES, "benchmarks.speed.peers"))
    ]
    return [*single, *PACKAGES, "benchmarks.speed.peers.run", "benchmarks.quality.shop.cost"]


@pytest.mark.parametrize("name", modules())
def test_every_module_imports(name: str) -> None:
    if name.endswith("__main__"):
        return
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


HELP = """
import runpy, sys
for name in {names}:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(name, run_name="__main__")
    except SystemExit as end:
        assert not end.code, name
    except ModuleNotFoundError as error:
        assert error.name.partition(".")[0] in {optional}, error
        print("usage:", name, "not installed")
    else:
        raise AssertionError(name)
assert "tensorflow" not in sys.modules
"""


def test_every_command_shows_help() -> None:
    """In one process, which loads NumPy once."""
    code = HELP.format(names=commands(), optional=OPTIONAL)
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("usage:") == len(commands())
