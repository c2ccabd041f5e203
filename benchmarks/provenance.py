"""Where a figure comes from: model, commit, command, seed, machine and versions.

`stamp` makes these fields, `save` writes them with the figures, `header` shows them above the
tables. `tests/docs/test_results.py` fails when a file in `results/` lacks one of them.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelflens import ModelCard
from shelflens.bench.device import describe
from shelflens.files import write_text
from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"

FIELDS = ("model", "commit", "date", "command", "seed", "machine", "versions")
"""What every result file states, at its top level."""

SEEDLESS = "none: nothing is random"

# A report that was measured on another space than the shipped model's has `stand_in`: that `space`,
# and `why` it stands for the shipped one.

Report = dict[str, Any]


def stamp(
    *,
    seed: int | str = SEEDLESS,
    card: ModelCard | None = None,
    libraries: Sequence[str] = (),
    command: str | None = None,
) -> Report:
    """The fields of `FIELDS`, for the process that runs now.

    Args:
        seed: Of the random numbers, or which seeds in words.
        card: Of the model that is measured; default: the bundled one.
        libraries: Distributions beside ShelfLens, NumPy and Pillow whose versions matter.
        command: Default: the `python -m` line of this process, folders of this machine left out.
    """
    card = card or read_tflite_card(BUNDLED_MODEL)
    device = describe()
    what = device.get("board") or device.get("processor") or platform.processor()
    names = dict.fromkeys(("shelflens", "numpy", "pillow", *libraries))
    return {
        "model": {"id": card.name, "variant": card.variant, "space": card.space},
        "commit": _commit(),
        "date": date.today().isoformat(),
        "command": command or _command(),
        "seed": seed,
        "machine": f"{what}, {device['cores']} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
    }


def header(title: str, report: Report) -> str:
    """Title and provenance, the head of every Markdown file in `results/`."""
    model = report["model"]
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    note = ""
    if stand_in := report.get("stand_in"):
        note = f"\n{stand_in['why']} Space measured: `{stand_in['space']}`.\n"
    return (
        f"# {title}\n\n`{report['command']}`\n\n"
        f"Model {model['id']} {model['variant']}, space `{model['space']}`; commit "
        f"`{report['commit']}`, {report['date']}; seed {report['seed']}; {report['machine']}; "
        f"{versions}.\n{note}"
    )


def save(report: Report, title: str, body: str, name: str, out: Path = RESULTS) -> None:
    """Write NAME.json and NAME.md, and print the Markdown.

    Args:
        report: The fields of `stamp`, and the figures.
        title: Of the Markdown.
        body: The figures as Markdown, made of `report` alone.
        name: Of the files.
        out: Folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    text = f"{header(title, report)}\n{body.strip()}\n"
    write_text(out / f"{name}.json", json.dumps({"title": title, **report}, indent=1) + "\n")
    write_text(out / f"{name}.md", text)
    print(text)


def read(name: str) -> Report:
    """A committed result by its name."""
    report: Report = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table that begins with an empty line and ends with a line break.

    Floats are shown with four digits; everything else as it is.
    """
    names = list(map(str, head))
    cells = [[f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row]
             for row in rows]  # fmt: skip
    lines = [f"| {' | '.join(row)} |" for row in (names, ["---"] * len(names), *cells)]
    return "\n" + "\n".join(lines) + "\n"


def _command() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).name
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return " ".join(["python -m", name, *words])


def _commit() -> str:
    changed = _git("status", "--porcelain", "--", "runtime", "train", "export", "benchmarks/*.py")
    commit = _git("rev-parse", "--short=7", "HEAD")
    return (commit or "unknown") + (", with uncommitted changes" if changed else "")


def _git(*words: str) -> str:
    """What Git prints; nothing where there is no working tree, as in an sdist."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout.strip()
