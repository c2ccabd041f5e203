"""What differs on a Raspberry Pi; and, marked `device`, the wheel on an emulated one.

The `device` test needs root on Debian and a package index: CI runs it with -m device.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image, ImageFont

from shelflens import EngineError
from shelflens.commands import doctor
from shelflens.model import engines as engine
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.render.contact_sheet import Panel, PanelMatch, contact_sheet, font_of
from tests.device.checks import Answers, without_times
from tests.device.compare import compare, failures
from tests.device.results import RESULTS, counts_table, markdown
from tests.device.sizes import closure
from tests.device.userland import ARCHITECTURES
from tests.support.readme import README, block

RUN = Path(__file__).parents[1] / "device" / "run"


@pytest.fixture
def old_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow 9.4, Debian's: no size for its own font, and no other font on the machine."""

    def load_default(*size: float) -> Any:
        if size:
            raise TypeError("load_default() takes 0 positional arguments but 1 was given")
        return ImageFont.load_default_imagefont()

    def truetype(*_: object) -> Any:
        raise OSError("cannot open resource")

    monkeypatch.setattr(ImageFont, "load_default", load_default)
    monkeypatch.setattr(ImageFont, "truetype", truetype)


@pytest.mark.usefixtures("old_pillow")
def test_a_contact_sheet_needs_no_more_than_debians_pillow() -> None:
    picture = Image.new("RGB", (40, 40), "red")
    found = PanelMatch(
        picture, "Żółta herbata 茶, a name that is far too long for its line", 0.9, True
    )
    panel = Panel(picture, "match", "right: … and more than there is room for", "right", [found])
    image = contact_sheet([panel], title="Żółta…", lines=["naïve"], columns=1)
    words = np.asarray(image.crop((0, 0, image.width, 60)))
    assert len(np.unique(words)) > 3, "no title was drawn"
    assert font_of(20).getlength("…") == font_of(20).getlength("...") > 0


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 32-bit system."""
    monkeypatch.setattr(engine, "IS_64_BIT", False)
    monkeypatch.setattr(doctor, "IS_64_BIT", False)


@pytest.mark.usefixtures("narrow")
def test_nobody_is_told_to_install_what_has_no_32_bit_wheel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(path: Path, content: bytes, threads: int) -> Any:
        raise ModuleNotFoundError("no such module")

    types = tuple(dataclasses.replace(each, open=broken) for each in engine.ENGINE_TYPES)
    monkeypatch.setattr(engine, "ENGINE_TYPES", types)
    advice = {each.name: each.how_to_install for each in types}
    assert advice["tflite-runtime"].startswith("pip install tflite-runtime")
    assert "64-bit systems only" in advice["litert"]
    assert "64-bit systems only" in advice["onnxruntime"]
    with pytest.raises(EngineError, match="try: pip install tflite-runtime"):
        engine.open_engine(BUNDLED_MODEL)


@pytest.mark.usefixtures("narrow")
def test_doctor_names_no_kernels_on_a_32_bit_system(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str, str]]
) -> None:
    report = {**doctor.examine(), "scan": "NumPy"}
    monkeypatch.setattr(doctor, "examine", lambda: report)
    assert "scanned with NumPy\n" in run("doctor")[1]
    monkeypatch.setattr(doctor, "IS_64_BIT", True)
    assert "shelflens[fast]" in run("doctor")[1]


def test_the_readme_names_the_debian_packages_that_are_tried() -> None:
    line = block("pi32").splitlines()[0]
    assert line.split()[3:] == list(ARCHITECTURES["armhf"].packages)
    assert "--no-deps" in block("pi32")


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        ("x86_64", {"numpy>=1.23", "ai-edge-litert>=2.0", "pillow>=9.4"}),
        ("aarch64", {"numpy>=1.23", "ai-edge-litert>=2.0", "pillow>=9.4"}),
        ("armv7l", {"numpy<2,>=1.23", "tflite-runtime>=2.14", "pillow>=9.4"}),
        ("armv8l", {"numpy<2,>=1.23", "tflite-runtime>=2.14", "pillow>=9.4"}),
    ],
)
def test_each_processor_gets_its_engine(machine: str, wanted: set[str]) -> None:
    text = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
    body = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    needs = [Requirement(line) for line in re.findall(r'^  "(.+)",$', body, re.M)]
    here = {"sys_platform": "linux", "python_version": "3.11", "platform_machine": machine}
    got = [need for need in needs if need.marker is None or need.marker.evaluate(here)]
    assert {f"{need.name}{need.specifier}" for need in got} == wanted


DEMO = "✓ a\n3 of 4 photos have the right product first (recall@1 0.75)"


def answers(**changes: Any) -> Answers:
    """Answers as `ask` gives them."""
    lookup = {"decision": "match", "matches": [{"id": "a", "score": 0.9}]}
    works = {"engines": [{"name": "litert", "works": True}]}
    vectors = np.eye(2, 4, dtype=np.float32)
    whole = Answers(works, 0.999, DEMO, vectors, [lookup, lookup], ["a", "b"], "0", 1)
    return dataclasses.replace(whole, **changes)


def row(**changes: Any) -> dict[str, Any]:
    """A row of the table whose second machine answered that."""
    names = {"architecture": "arm64", "engine": "litert", "model": "model.tflite"}
    sizes = {"installed_mib": 1.0, "apt_mib": 0.0, "held_mib": 1.0}
    return {**names, **sizes, **compare("litert", answers(), answers(**changes))}


def test_equal_answers_pass() -> None:
    assert failures(row()) == []
    assert "| 2 of 2 | 1.0000 (0.99) |" in markdown([row()])


WRONG = {"decision": "unknown", "matches": [{"id": "a", "score": 0.9}]}
MATCH = {"decision": "match", "matches": [{"id": "a", "score": 0.9}]}
SWAPPED = {"decision": "match", "matches": [{"id": "b", "score": 0.9}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"demo": DEMO.replace("3 of", "0 of")}, "demo is False"),
        ({"ids": ["a"]}, "ids is False"),
        ({"doctor": {"engines": [{"name": "litert", "works": False}]}}, "doctor is False"),
        ({"lookups": [WRONG, WRONG]}, "0 of 2 answers"),
        ({"lookups": [MATCH, SWAPPED]}, "1 of 2 answers"),
        ({"vectors": np.full((2, 4), 0.5, np.float32)}, "cosine with x86-64 0.5"),
        ({"vectors": np.full((2, 4), np.nan, np.float32)}, "cosine with x86-64 nan"),
    ],
)
def test_a_difference_fails(changes: dict[str, Any], said: str) -> None:
    (line,) = failures(row(**changes))
    assert said in line


def test_rounding_may_move_one_decision() -> None:
    assert failures(row(lookups=[WRONG, MATCH])) == []


def test_of_the_demo_only_times_and_scores_are_left_out() -> None:
    shown = "model x\n✓ Tea      Tea     0.82\n3 of 4 photos\n8.4 ms a photo\n"
    assert without_times(shown) == "✓ Tea      Tea\n3 of 4 photos"


def test_instructions_that_were_not_counted_are_a_dash() -> None:
    counts = {"amd64": {"max": {"embed": 2_000_000, "scan": 1_000_000}}}
    counts["armhf"] = {"cortex-a7": {"embed": 3_000_000}}
    assert "| embed | 2.0 | 3.0 |\n| scan | 1.0 | - |" in counts_table(counts)


def test_sizes_follow_what_packages_need() -> None:
    needs = {"a": {"b", "absent"}, "b": {"a"}, "c": set()}
    assert closure({"a", "unknown"}, needs) == {"a", "b"}


def test_the_committed_tables_are_whole_and_hold() -> None:
    for name, architecture in ARCHITECTURES.items():
        report = json.loads((RESULTS / f"device-{name}.json").read_text())
        ours = [row for row in report["rows"] if row["architecture"] == name]
        assert [row["engine"] for row in ours] == list(architecture.engines)
        assert [line for row in report["rows"] for line in failures(row)] == []
        assert markdown(report["rows"]) in (RESULTS / f"device-{name}.md").read_text()


@pytest.mark.device
def test_the_wheel_answers_on_arm64(tmp_path: Path) -> None:
    done = subprocess.run(
        [RUN, "arm64", "--quick", "--out", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    report = json.loads((tmp_path / "device-arm64-quick.json").read_text())
    (arm,) = [row for row in report["rows"] if row["architecture"] == "arm64"]
    assert re.search("aarch64$", arm["machine"])
    assert arm["doctor"]
    assert failures(arm) == []


@pytest.mark.device
def test_the_appliance_guide_is_followed_on_trixie() -> None:
    done = subprocess.run(
        [RUN, "arm64", "--appliance", "--suite", "trixie"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "answers, takes a signed catalog (5 products), refuses another" in done.stdout
