"""The chart of an export: `export.png`."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from shelflens_export.quality_gate import GateResult

_INK, _FAINT, _GOOD, _BAD = "#1f2933", "#9aa5b1", "#1b7f79", "#c8553d"


def chart(rows: list[GateResult], name: str, *, max_recall_drop: float, min_cosine: float) -> bytes:
    """A PNG. Left: what a file costs and keeps. Right: how far single photos move."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 4.8), dpi=150, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    figure.suptitle(f"{name}: what each file keeps", color=_INK, fontsize=14, weight="bold")
    _recall_panel(left, rows, max_recall_drop)
    _cosine_panel(right, rows, min_cosine)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_FAINT)
        axes.tick_params(colors=_INK, labelsize=9)
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _recall_panel(axes: Any, rows: list[GateResult], max_drop: float) -> None:
    wanted = rows[0].recall_float
    axes.axhspan(wanted - max_drop, 1.01, color=_GOOD, alpha=0.08, lw=0)
    axes.axhline(wanted, color=_FAINT, lw=1, ls=(0, (4, 3)))
    sizes = [row.bytes / 1e6 for row in rows]
    for size, row in zip(sizes, rows, strict=True):
        colour = _GOOD if row.passed else _BAD
        mark = "o" if ".tflite" in row.file else "s"
        axes.scatter(size, row.recall, s=90, color=colour, marker=mark, zorder=3, alpha=0.9)
    low = min([wanted - max_drop, *(row.recall for row in rows)])
    high = max([wanted, *(row.recall for row in rows)])
    room = max(high - low, 0.02)
    axes.set_ylim(max(low - 0.5 * room, -0.02), min(high + 0.5 * room, 1.01))
    axes.set_xlim(0, max(sizes) * 1.12)
    axes.text(0.01, wanted, "float model", color=_FAINT, va="bottom", fontsize=8,
              transform=axes.get_yaxis_transform())  # fmt: skip
    _labels(axes, sizes, rows)
    axes.set_xlabel("size of the file, MB", color=_INK)
    axes.set_ylabel("recall@1 on held-out photos", color=_INK)
    axes.set_title(
        "shaded: allowed by the quality gate; round: TFLite, square: ONNX",
        color=_FAINT,
        fontsize=9,
        loc="left",
    )


def _labels(axes: Any, sizes: list[float], rows: list[GateResult]) -> None:
    """Names beside the points, moved down where two would lie on each other."""
    from matplotlib.patheffects import withStroke

    bottom, top = axes.get_ylim()
    line = (top - bottom) / 18
    taken: list[tuple[float, float]] = []
    for size, row in sorted(zip(sizes, rows, strict=True), key=lambda pair: -pair[1].recall):
        height = row.recall + line / 2
        while any(abs(size - x) < max(sizes) * 0.3 and abs(height - y) < line for x, y in taken):
            height -= line
        taken.append((size, height))
        right = size > 0.7 * max(sizes)
        axes.annotate(
            row.file.removesuffix(".rejected"),
            (size, height),
            xytext=(-9 if right else 9, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=8.5,
            color=_INK if row.passed else _BAD,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )


def _cosine_panel(axes: Any, rows: list[GateResult], min_cosine: float) -> None:
    for height, row in enumerate(reversed(rows)):
        colour = _GOOD if row.passed else _BAD
        spread = np.sort(row.cosines)
        if spread[-1] - spread[0] > 1e-4:
            parts = axes.violinplot(spread, [height], orientation="horizontal", widths=0.75,
                                    showextrema=False)  # fmt: skip
            for body in parts["bodies"]:
                body.set(facecolor=colour, alpha=0.25, edgecolor="none")
        axes.plot([row.cosine_p5, spread[-1]], [height, height], color=colour, lw=2.5, zorder=3)
        axes.scatter(row.cosine_min, height, s=14, color=colour, zorder=3)
        axes.scatter(row.cosine_mean, height, s=55, color="white", edgecolor=colour, lw=2, zorder=4)
    lowest = min(row.cosine_min for row in rows)
    axes.axvline(min_cosine, color=_BAD, lw=1, ls=(0, (4, 3)))
    axes.set_xlim(min(lowest, min_cosine) - 0.01, 1.003)
    axes.set_yticks(range(len(rows)), [row.file for row in reversed(rows)])
    axes.set_xlabel("cosine to the float embedding of the same photo", color=_INK)
    axes.set_title(
        "ring: mean, dot: lowest photo, bar: best 95 %, dashes: the mean needed",
        color=_FAINT, fontsize=9, loc="left",
    )  # fmt: skip
