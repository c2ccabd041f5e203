"""Figures in README and docs: taken from `benchmarks/results/`, and kept equal to it.

    python -m benchmarks.quoted            write the current figures
    python -m benchmarks.quoted --check    name those that are not current; exit status 1

A figure is followed by a comment that says where it stands, steps separated by `;`:

    recall@1 0.911<!-- figure: official; rows; model=int8.tflite & dim=256; fine -->

The first step is a file in `results/` without its ending. A step `key=value & key=value` picks the
first object of a list that has these values, a whole number an item of a list, `x100` or `/1e6`
multiplies or divides, anything else is a key. Decimals and thousands separators stay as written.
A table between `<!-- table: NAME -->` and `<!-- /table -->` is made by the function of that name
in `TABLES`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.capacity import capacity
from benchmarks.provenance import ROOT, read, table
from benchmarks.speed.batches import rows_of_ways
from benchmarks.speed.workers import rows_of_workers

FIGURE = re.compile(r"(-?[\d,]*\.?\d+)(<!-- figure: (.+?) -->)")
TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- /table -->)", re.S)


def main() -> int:
    """Write or check."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    stale = 0
    for path in documents():
        text = path.read_text(encoding="utf-8")
        new = current(text)
        if new != text:
            stale += 1
            print(f"{path.relative_to(ROOT)}: {'not current' if args.check else 'written'}")
            for line in sorted(set(new.splitlines()) - set(text.splitlines())):
                print(f"  {line}")
            if not args.check:
                path.write_text(new, encoding="utf-8")
    return 1 if args.check and stale else 0


def documents() -> list[Path]:
    """Every Markdown file that may quote a figure."""
    names = ("README.md", "docs/**/*.md", "*/README.md", "CONTRIBUTING.md")
    return sorted({path for name in names for path in ROOT.glob(name)})


def current(text: str) -> str:
    """The text with the figures and tables of `results/`.

    Raises:
        ValueError: a comment names what no result has.
    """
    text = FIGURE.sub(lambda found: written(found[1], value(found[3])) + found[2], text)
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def value(where: str) -> float:
    """The figure that a comment names."""
    name, *steps = (step.strip() for step in where.split(";"))
    found: Any = read(name)
    for step in steps:
        try:
            found = _step(found, step)
        except (LookupError, StopIteration, TypeError, ValueError) as error:
            raise ValueError(f"no {step!r} in benchmarks/results/{name}.json ({where})") from error
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        raise ValueError(f"{where} is {found!r}, not a number")
    return float(found)


def _step(found: Any, step: str) -> Any:
    if isinstance(found, dict):
        return found[step]
    if isinstance(found, list) and "=" in step:
        wanted = [condition.partition("=")[::2] for condition in step.split(" & ")]
        return next(
            item for item in found if all(str(item.get(key)) == text for key, text in wanted)
        )
    if isinstance(found, list):
        return found[int(step)]
    factor = float(step[1:])
    return float(found) / factor if step.startswith("/") else float(found) * factor


def written(old: str, number: float) -> str:
    """A number in the form of another one: as many decimals, separated thousands or not."""
    decimals = len(old.partition(".")[2])
    return f"{number:{',' if ',' in old else ''}.{decimals}f}"


def measured() -> str:
    """The README's table of files; times are of the run that had all formats side by side."""
    formats = read("formats")["rows"]
    times = {row["model"]: row["ms_p50"] for row in formats if row["dim"] == 256}
    rows = [("int8.tflite, bundled", row) for row in read("official")["rows"]]
    rows += [(row["model"], row) for row in formats if row["model"] != "int8.tflite"]
    head = ("file", "MiB", "dim", "fine", "coarse", "iconic", "AUROC", "FPR@95TPR", "embed, ms")
    keys = ("fine", "coarse", "iconic", "auroc", "fpr_at_95_tpr")
    shown = {"int8.tflite": (256, 128, 64)}
    return table(
        head,
        (
            (name, row["mib"], row["dim"], *(f"{row[key]:.3f}" for key in keys),
             times[row["model"]])
            for name, row in rows
            if row["dim"] in shown.get(row["model"], (256,))
        ),
    )  # fmt: skip


def peers() -> str:
    """Ratios beside other libraries."""
    return _ratios(read("peers")["ratios"])


def peers_short() -> str:
    """One ratio per subject."""
    parts = ("file to answer", "100,000 x 256 / ", "new process", "peak memory", "installed")
    rows = read("peers")["ratios"]
    return _ratios([row for row in rows if any(part in row["what"] for part in parts)])


def _ratios(rows: list[dict[str, Any]]) -> str:
    return table(
        ("ratio, smaller is better", "measured", "target", "met"),
        (
            (row["what"], f"{row['ratio']:.3f}", f"{row['target']:g}",
             "yes" if row["met"] else "**no**")
            for row in rows
        ),
    )  # fmt: skip


def dims() -> str:
    """Shortened embeddings: cost, and what is found."""
    rows = read("dims")["rows"]
    whole = rows[0]["bytes"]
    return table(
        ("--dim", "bytes", "search", "Grocery: fine", "iconic", "packs", "shops",
         "similar products", "right among `match`"),
        (
            (row["dim"], f"{row['bytes'] / whole:.2f}", f"{row['scan']:.2f}",
             f"{row['fine']:.3f}", f"{row['iconic']:.3f}", f"{row['recall']['packs']:.3f}",
             f"{sum(row['recall'].values()) / len(row['recall']):.3f}", f"{row['similar']:.2f}",
             f"{row['answers']['match right']:.3f}")
            for row in rows
        ),
    )  # fmt: skip


TABLES: dict[str, Callable[[], str]] = {
    "measured": measured,
    "peers": peers,
    "peers-short": peers_short,
    "capacity": capacity,
    "workers": lambda: rows_of_workers(read("workers")),
    "batches": lambda: rows_of_ways(read("batches")),
    "dims": dims,
}


if __name__ == "__main__":
    sys.exit(main())
