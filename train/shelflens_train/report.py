"""What a training brought: a table and a verdict, on the screen and in `report.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from shelflens import ModelCard
from shelflens.progress import clock
from shelflens_train.judgement import CLEAR

BETTER = "better"

_FORGOTTEN = 0.05
"""How far recall@1 on other products may fall before a fine-tune is warned about."""

Metrics = dict[str, Any]
"""The content of `metrics.json`."""


def outcome(metrics: Metrics, run: Path) -> int:
    """Say what a run brought and what to do next.

    Returns:
        The exit status: 0 for a run that is better than the bundled model, 1 for another.
    """
    print(console(metrics))
    if better := metrics["comparison"]["verdict"] == BETTER:
        print(verdict(metrics))
    sys.stdout.flush()
    if not better:
        text = f"{verdict(metrics)}; keep the bundled model for now: {advice(metrics)}"
        print(f"warning: {text}", file=sys.stderr)
    print(f"report: {run / 'report.md'}; next: shelflens export {run} --out DIR")
    return 0 if better else 1


def console(metrics: Metrics) -> str:
    """The table for a terminal, and notes."""
    table = [("", "bundled model", "this run"), *_rows(metrics)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [
        f"{name:{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}"
        for name, before, after in table
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in _notes(metrics))])


def verdict(metrics: Metrics) -> str:
    """Whether the run is better than the bundled model, in one sentence."""
    found = metrics["comparison"]
    word = found["verdict"]
    text = (
        f"{word} than the bundled model: of {validated_on(metrics)} this run alone finds "
        f"{found['won']}, the bundled model alone {found['lost']}"
    )
    if found["won"] != found["lost"] and found["p_value"] > CLEAR:
        text += f" (so small a difference may be chance: p = {found['p_value']:.2f})"
    return text


def advice(metrics: Metrics) -> str:
    """What to do about a run that is no better than the bundled model."""
    if metrics["comparison"]["bundled"]["val_recall_at_1"] == 1:
        return (
            "the bundled model finds all of them already; --val DATASET with photos of another "
            "day can show whether a training helps"
        )
    if metrics["start_weights"] != "bundled":
        return "a start from it keeps what it knows (--weights bundled)"
    return "more photos of each product, or more --epochs, may help"


def validated_on(metrics: Metrics) -> str:
    """What was looked up, in words."""
    views = metrics["val_views"]
    photos = metrics["val_queries"] - views
    parts = [f"{photos} held-out photo{'s' * (photos > 1)}"] if photos else []
    parts += [f"{views} synthetic view{'s' * (views > 1)}"] if views else []
    return " and ".join(parts)


def markdown(metrics: Metrics, card: ModelCard) -> str:
    """The content of `report.md`."""
    training = card.training
    rows = [f"| {name} | {before} | {after} |" for name, before, after in _rows(metrics)]
    lines = [
        f"# Training of {card.name}",
        "",
        f"**{_capital(verdict(metrics))}.**",
        "",
        "| | bundled model | this run |",
        "| --- | --: | --: |",
        *rows,
        "",
        *(f"- {_capital(note)}." for note in _notes(metrics)),
        "- Both in catalogs as `catalog build` makes them, adapted to the shop where that helps; "
        "with one photo per product, and the demo store, in plain ones.",
        f"- Trained on {training['photos']} photos of {training['products']} products, from "
        f"{training['start_weights']} weights, {clock(metrics['seconds'])} on "
        f"{metrics['machine']}.",
        f"- Embedding space: `{card.space}`, {card.dim} dimensions, images of {card.size} pixels.",
        "",
    ]
    if metrics["history"]:
        lines += ["![Loss and recall@1 after each epoch](plots/curves.png)", ""]
    return "\n".join(lines)


def _rows(metrics: Metrics) -> list[tuple[str, str, str]]:
    before, after = metrics["comparison"]["bundled"], metrics["comparison"]["run"]
    names = {
        "val_recall_at_1": f"recall@1 of {validated_on(metrics)}",
        "one_photo_recall_at_1": "the same, one photo per product enrolled",
        "not_enrolled_auroc": "told from products that are not enrolled (AUROC)",
        "demo_store_recall_at_1": "recall@1 on the demo store, which was not trained on",
    }
    return [(name, f"{before[key]:.3f}", f"{after[key]:.3f}") for key, name in names.items()]


def _notes(metrics: Metrics) -> list[str]:
    notes = []
    if metrics["val_views"]:
        notes.append(
            "synthetic views are changes of the images that were trained on, so they flatter this "
            "run; --val DATASET with real photos says more"
        )
    demo = metrics["generality"]["demo_store_recall_at_1"]
    if demo["after"] < demo["before"] - _FORGOTTEN:
        notes.append(
            f"on products that are not in the store recall@1 fell from {demo['before']:.2f} to "
            f"{demo['after']:.2f}; --teacher start with a higher --teacher-weight, and --auxiliary "
            "DATASET with images of other things, keep more of what the start weights know"
        )
    return notes


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
