"""The answers of two machines beside each other: what must be equal, and how near the rest is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tests.device.checks import Answers

MIN_COSINE = {"litert": 0.99, "tflite-runtime": 0.99, "onnxruntime": 0.995}
"""Lowest cosine of one photo's vector with that of x86-64. Engines round int8 differently on each
processor; a wrong colour order or normalisation falls below 0.9 (see `shelflens selftest`)."""

DEMO_MAY_MOVE = 2
"""Of the demo's 76 photos, how many more or fewer may be answered in one way than on x86-64: a
score that lies on a threshold is moved across it by rounding."""

LOOKUPS_MAY_MOVE = 1
"""Of the lookups, how many may have another decision than on x86-64, for the same reason; the first
product must be the same in all."""


def compare(engine: str, here: Answers, there: Answers) -> dict[str, Any]:
    """What is the same, by name; `lowest_cosine` and `max_score_change` say how near.

    Args:
        engine: The engine of `there`.
        here: The answers of x86-64.
        there: Those of the other machine.
    """
    cosines = np.einsum("nd,nd->n", here.vectors, there.vectors)
    pairs = list(zip(here.lookups, there.lookups, strict=True))
    moved = [
        abs(match["score"] - expected["score"])
        for mine, theirs in pairs
        for expected, match in zip(mine["matches"], theirs["matches"], strict=True)
    ]
    works = {found["name"]: found["works"] for found in there.doctor["engines"]}
    return {
        "doctor": works[engine],
        "selftest": there.selftest,
        **demo(here.demo, there.demo),
        "ids": there.ids == here.ids,
        "same_answers": sum(answer(mine) == answer(theirs) for mine, theirs in pairs),
        "same_products": sum(answer(mine)[1] == answer(theirs)[1] for mine, theirs in pairs),
        "photos": len(pairs),
        "lowest_cosine": round(float(cosines.min()), 6),
        "tolerance": MIN_COSINE[engine],
        "max_score_change": round(max(moved), 6),
        "same_catalog_bytes": there.rows == here.rows,
    }


def demo(here: str | None, there: str | None) -> dict[str, Any]:
    """The demo's shown answers and its counts beside each other; None where it was not run."""
    if here is None or there is None:
        return {"demo": None}
    (mine, my_counts), (theirs, their_counts) = parts(here), parts(there)
    moved = [abs(ours - count) for ours, count in zip(my_counts, their_counts, strict=True)]
    same = sum(line == shown for line, shown in zip(mine, theirs, strict=True))
    return {
        "demo": max(moved) <= DEMO_MAY_MOVE and len(mine) - same <= DEMO_MAY_MOVE,
        "demo_same": [same, len(mine)],
        "demo_first": their_counts[:2],
    }


def parts(text: str) -> tuple[list[str], list[int]]:
    """The answers that a demo shows, and the whole numbers of its summary."""
    lines = text.splitlines()
    shown = [line for line in lines if line.startswith(("✓", "~", "✗"))]
    counts = re.sub(r"\d\.\d+|@1", "", "\n".join(line for line in lines if line not in shown))
    return shown, [int(number) for number in re.findall(r"\d+", counts)]


def answer(line: dict[str, Any]) -> tuple[str, str]:
    """Decision and first product of a lookup."""
    return line["decision"], line["matches"][0]["id"]


def failures(row: dict[str, Any]) -> list[str]:
    """What must hold in a row of the table and does not, a line each."""
    found = [f"{name} is {row[name]}" for name in ("doctor", "demo", "ids") if row[name] is False]
    moved = row["photos"] - row["same_answers"]
    if moved > LOOKUPS_MAY_MOVE or row["same_products"] != row["photos"]:
        found.append(f"{row['same_answers']} of {row['photos']} answers are those of x86-64")
    if not row["lowest_cosine"] >= row["tolerance"]:
        found.append(f"cosine with x86-64 {row['lowest_cosine']}, at least {row['tolerance']}")
    return [f"{row['architecture']} {row['engine']}: {line}" for line in found]
