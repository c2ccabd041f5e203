"""The targets, the tables and the plot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.provenance import table
from benchmarks.quality.answers.trials import FOREIGN


def judge(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What, target, got, met."""
    apart = report["separation"]["product score"]
    tuned = report["calibrated"]["with unknowns"]["mean"]
    foreign = max(tuned[f"false accepts, {name}"] for name in FOREIGN)
    enough = next(row for row in report["by_confidence"] if row["answered"] >= 0.75)
    strict = strictest(report["trade"])
    products = report["per_product"]
    best = max(row["accepted"] for name, row in products.items() if name != "global")
    rows = [
        ("AUROC", ">= 0.96", apart["auroc"]),
        ("FPR@95TPR", "<= 0.18", apart["fpr_at_95_tpr"]),
        ("false accepts at 1 %, lower limit", ">= 0.005", tuned["false accepts"]),
        ("false accepts at 1 %, upper limit", "<= 0.02", tuned["false accepts"]),
        ("the same, clothing and objects", "<= 0.01", foreign),
        ("ECE, seeds pooled", "<= 0.03", report["ece"]),
        ("ECE, mean of the seeds", "<= 0.03", tuned["ece"]),
        ("`match` right, at 1 %", ">= 0.98", tuned["matched right"]),
        ("answered `match`, at 1 %", ">= 0.75", tuned["matched"]),
        (f"answered `match`, 0.98 right, at {strict['target']:.0%}", ">= 0.75", strict["matched"]),
        ("right, 0.75 answered by confidence", ">= 0.98", enough["right"]),
        ("per-product gain at equal false accepts", "no target",
         best - products["global"]["accepted"]),
        ("decision, ms", "<= 0.1", report["cost"]["decide"]),
    ]  # fmt: skip
    return [
        {"what": what, "target": target, "got": got, "met": met(target, got)}
        for what, target, got in rows
    ]


def met(target: str, got: float) -> bool:
    """Whether a figure reaches a target such as `>= 0.96`."""
    sign, _, limit = target.partition(" ")
    if sign == "no":
        return True
    return got >= float(limit) if sign == ">=" else got <= float(limit)


def strictest(trade: list[dict[str, float]]) -> dict[str, float]:
    """The strictest target with 0.98 right that answers 0.75, or what comes nearest to it."""
    right = [row for row in trade if row["matched right"] >= 0.98]
    enough = [row for row in right if row["matched"] >= 0.75]
    return (enough or sorted(right or trade, key=lambda row: -row["matched"]))[0]


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    photos = ", ".join(f"{name} {count}" for name, count in report["photos"].items())
    parts = (_targets, _separation, _calibrated, _trade, _by_confidence, _products, _fused, _few,
             _cost)  # fmt: skip
    return (
        f"Queries: {report['split']}; photos: {photos}.\n"
        + "".join(part(report) for part in parts)
        + "\n![The trade-off](answers.png)"
    )


def _targets(report: dict[str, Any]) -> str:
    rows = (
        (row["what"], row["target"], row["got"], "yes" if row["met"] else "no")
        for row in report["targets"]
    )
    return table(("figure", "target", "got", "met"), rows)


def _separation(report: dict[str, Any]) -> str:
    rows = ((name, *row.values()) for name, row in report["separation"].items())
    return table(("score", "AUROC", "FPR@95TPR", "recall@1"), rows)


def _calibrated(report: dict[str, Any]) -> str:
    found = report["calibrated"]

    def cell(name: str, key: str) -> str:
        low, high = found[name]["range"][key]
        return f"{found[name]['mean'][key]:.4f} ({low:.4f} to {high:.4f})"

    keys = found["with unknowns"]["mean"]
    rows = ((key, *(cell(name, key) for name in found)) for key in keys)
    return table(("mean (lowest to highest), 1 % target", *found), rows)


def _trade(report: dict[str, Any]) -> str:
    keys = ("min_probability", "false accepts", "accepted", "matched", "matched right")
    rows = ((f"{row['target']:g}", *(row[key] for key in keys)) for row in report["trade"])
    return table(("--false-accept-rate", *keys), rows)


def _by_confidence(report: dict[str, Any]) -> str:
    head = ("enrolled photos answered, by confidence", "right", "from confidence")
    return table(head, (row.values() for row in report["by_confidence"]))


def _products(report: dict[str, Any]) -> str:
    rows = ((name, *row.values()) for name, row in report["per_product"].items())
    return table(("threshold by product, 1 % false accepts", "accepted", "better seeds"), rows)


def _fused(report: dict[str, Any]) -> str:
    fused = report["fused"]
    rows = ((key, *(row[key] for row in fused.values())) for key in fused["one photo"])
    return table(("fused", *fused), rows)


def _few(report: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> Iterable[object]:
        return (row["photos"], *row["min_probability"], *row["false_accepts"][1:])

    head = (
        "photos of each side", "least probability, lowest", "mean", "highest",
        "false accepts, mean", "highest",
    )  # fmt: skip
    return table(head, map(cells, report["few_photos"]))


def _cost(report: dict[str, Any]) -> str:
    cost = report["cost"]
    rows = ((name, cost[name]) for name in cost if name not in ("products", "rows"))
    return table((f"{cost['products']} products, {cost['rows']} rows", "ms p50"), rows)


def draw(report: dict[str, Any], path: Path) -> None:
    """The trade-off: unknowns accepted against products answered, one photo and a target each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    points = report["trade"]
    rates = [max(row["false accepts"], 1e-3) for row in points]
    for key, label in (("accepted", "not `unknown`"), ("matched", "`match`")):
        axes.plot(rates, [row[key] for row in points], marker="o", label=label)
    axes.plot(
        rates,
        [row["matched right"] for row in points],
        linestyle="--",
        label="right, of those answered `match`",
    )
    for row, x in zip(points, rates, strict=True):
        note = f"{row['target']:g}"
        axes.annotate(note, (x, row["matched"]), (4, -12), textcoords="offset points", fontsize=8)
    axes.set(
        xscale="log", xlabel="false accept rate, other unknown products", ylabel="share",
        ylim=(0, 1.02),
    )  # fmt: skip
    axes.set_title(
        f"Photos of enrolled products ({report['split']}), by --false-accept-rate; mean of seeds",
        fontsize=10,
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)
