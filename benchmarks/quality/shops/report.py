"""Tables and reliability diagrams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import table
from benchmarks.quality.shops.figures import mean

SHOWN = (
    "recall@1", "match right", "same shelf: match", "elsewhere: match", "enrolled: match, right",
    "of oracle", "enrolled: unknown", "unknown, first right", "ece",
)  # fmt: skip
RULES = {"posterior": "The posterior", "today": "The rule before: threshold and margin"}


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    coefficients = ", ".join(f"{key} {value:g}" for key, value in report["coefficients"].items())
    time = report["decide_us"]
    return (
        f"Fitted on all domains, in the model's card: {coefficients}. `match` from "
        f"probability {report['min_probability']:g}. A decision among {time['products']:,} "
        f"products takes {time['median']:.0f} microseconds (`decide`, median).\n"
        + "".join(f"\n**{title}**\n{_domains(report[key])}" for key, title in RULES.items())
        + "\n"
        + EXPLAINED
        + f"\n**Least probability of a match**\n{_minimums(report)}"
        + f"\n**Calibrated with 50 photos and 50 unknown things**\n{_calibrate(report)}"
        + "\n`worse`: a higher log loss on photos that were not calibrated with. Where\n"
        "`calibrate` refuses, the figures after it are those before.\n"
        f"\n**Coefficients, the domain left out**\n{_coefficients(report)}"
        + f"\n**Adapted or not**\n{_adapting(report['adapting'])}"
        + "\nRecall at 1 of catalogs of one reference image and of two photos per product; those\n"
        "whose images are less like their own views than the limit are adapted.\n"
        + "\n![Reliability per domain](shops.png)"
    )


EXPLAINED = """
`match right`: of the answers `match`. `of oracle`: enrolled photos answered `match` and right, in
parts of what a threshold on the first score, chosen by the truth, gives at the same false accepts.
`unknown, first right`: of the enrolled photos answered `unknown`. `ece`: of the confidence, all
photos, ten bins.
"""


def _cell(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _domains(rows: dict[str, dict[str, Any]]) -> str:
    named = {**rows, "mean": mean(rows)}
    return table(
        ("domain", *SHOWN),
        ((name, *(_cell(row[key]) for key in SHOWN)) for name, row in named.items()),
    )


def _minimums(report: dict[str, Any]) -> str:
    names = list(report["posterior"])
    head = ("match right, from probability", *names, "domains from 0.95", "matched, mean")
    rows = []
    for row in report["minimums"]:
        right = [row[name]["match right"] for name in names]
        matched = np.mean([row[name]["enrolled: match, right"] for name in names])
        reached = sum(value is not None and value >= 0.95 for value in right)
        rows.append((f"{row['min_probability']:g}", *map(_cell, right), reached, float(matched)))
    return table(head, rows)


def _calibrate(report: dict[str, Any]) -> str:
    head = (
        "domain", "splits", "worse", "refused", "log loss before", "after", "match, right before",
        "after", "unknown: match before", "after",
    )  # fmt: skip
    rows = []
    for name, row in report["calibrate"].items():
        pairs = (
            _cell(row[when][key])
            for key in ("log_loss", "right", "unknown")
            for when in ("before", "after")
        )
        worse = f"{row['worse']}, {row['worse_and_refused']} of these refused"
        rows.append((name, row["splits"], worse, row["refused"], *pairs))
    return table(head, rows)


def _coefficients(report: dict[str, Any]) -> str:
    names = list(report["coefficients"])
    rows = {**report["left_out"], "none": report["coefficients"]}
    return table(
        ("left out", *names),
        ((name, *(f"{row[key]:.2f}" for key in names)) for name, row in rows.items()),
    )


def _adapting(found: dict[str, Any]) -> str:
    limit = found["known_similarity"]
    head = ("shop", f"similarity of views, limit {limit:g}", "not adapted", "adapted")
    keys = ("shop", "similarity", "plain", "adapted")
    return table(head, (tuple(row[key] for key in keys) for row in found["shops"]))


def draw(report: dict[str, Any], path: Path) -> None:
    """Share right by confidence, one panel per domain; the area is the share of photos."""
    from matplotlib.figure import Figure

    names = list(report["posterior"])
    figure = Figure(figsize=(10, 5.8), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for key, colour in (("today", "tab:orange"), ("posterior", "tab:blue")):
            bins = report[key][name]["bins"]
            x, y = ([item[part] for item in bins] for part in ("confidence", "right"))
            label = RULES[key].partition(":")[0]
            axes.plot(x, y, color=colour, linewidth=1)
            areas = [200 * item["share"] + 4 for item in bins]
            axes.scatter(x, y, areas, color=colour, alpha=0.7, label=label)
        errors = (report[key][name]["ece"] for key in ("posterior", "today"))
        axes.set_title("{}\nECE {:.3f}, before {:.3f}".format(name, *errors), fontsize=9)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    for axes in panels[len(names) :]:
        axes.axis("off")
        axes.legend(handles, labels, loc="center", frameon=False)
    figure.supxlabel("confidence", fontsize=10)
    figure.supylabel("share right", fontsize=10)
    figure.savefig(path, dpi=100)
