"""The answers of two machines beside each other: what must be equal, and how near the rest is."""

from __future__ import annotations

from typing import Any

import numpy as np

from device.checks import Answers

LEAST_COSINE = {"litert": 0.99, "tflite-runtime": 0.99, "onnxruntime": 0.99}
"""Least cosine of one photo's vector with that of x86-64."""


def compare(engine: str, here: Answers, there: Answers) -> dict[str, Any]:
    """What is the same, by name; `least_cosine` and `most_score` say how near.

    Args:
        engine: The engine of `there`.
        here: The answers of x86-64.
        there: Those of the other machine.
    """
    cosines = np.einsum("nd,nd->n", here.vectors, there.vectors)
    pairs = list(zip(here.lookups, there.lookups, strict=True))
    moved = [
        abs(one["score"] - other["score"])
        for mine, theirs in pairs
        for one, other in zip(mine["matches"], theirs["matches"], strict=True)
    ]
    works = {one["name"]: one["works"] for one in there.doctor["engines"]}
    return {
        "doctor": works[engine],
        "selftest": there.selftest,
        "demo": None if there.demo is None else there.demo == here.demo,
        "ids": there.ids == here.ids,
        "same_answers": sum(answer(one) == answer(other) for one, other in pairs),
        "photos": len(pairs),
        "least_cosine": round(float(cosines.min()), 6),
        "tolerance": LEAST_COSINE[engine],
        "most_score": round(max(moved), 6),
        "same_catalog_bytes": there.rows == here.rows,
    }


def answer(line: dict[str, Any]) -> tuple[str, str]:
    """Decision and first product of a lookup."""
    return line["decision"], line["matches"][0]["id"]


def failures(row: dict[str, Any]) -> list[str]:
    """What must hold in a row of the table and does not, a line each."""
    found = [f"{name} is {row[name]}" for name in ("doctor", "demo", "ids") if row[name] is False]
    if row["same_answers"] != row["photos"]:
        found.append(f"{row['same_answers']} of {row['photos']} answers are those of x86-64")
    if not row["least_cosine"] >= row["tolerance"]:
        found.append(f"cosine with x86-64 {row['least_cosine']}, at least {row['tolerance']}")
    return [f"{row['architecture']} {row['engine']}: {one}" for one in found]
