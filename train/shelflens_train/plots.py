"""Training curves as a PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure  # the backend is chosen before
from matplotlib.ticker import MaxNLocator

_LOSS, _RECALL, _BUNDLED, _SHADE = "#b5542b", "#22715f", "#555555", "#e9e4da"


def curves(metrics: dict[str, Any], path: Path, *, title: str) -> None:
    """Draw the loss, and recall@1 beside what the bundled model finds, over the epochs.

    Args:
        metrics: The content of `metrics.json`, with a history.
        path: The PNG.
        title: Above both.
    """
    history = metrics["history"]
    figure = Figure(figsize=(10, 4.4), dpi=130, layout="constrained")
    epochs = [entry["epoch"] for entry in history]
    head = sum(entry["phase"] == "head" for entry in history)
    left = figure.add_subplot(1, 2, 1)
    right = figure.add_subplot(1, 2, 2)
    for axes, key, label, colour in (
        (left, "loss", "training loss (lower is better)", _LOSS),
        (right, "val_recall_at_1", "validation recall@1 (higher is better)", _RECALL),
    ):
        values = [entry[key] for entry in history]
        axes.plot(epochs, values, color=colour, marker="o", markersize=3.5, linewidth=1.8)
        if head:
            axes.axvspan(0.5, head + 0.5, color=_SHADE, label="backbone frozen", zorder=0)
        axes.set_xlabel("epoch")
        axes.set_title(label, fontsize=10, loc="left")
        axes.set_xlim(0.5, max(epochs) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylim(bottom=0)
    _value(left, history[-1], "loss", _LOSS)
    kept = metrics["epoch_kept"]
    marked = next((entry for entry in history if entry["epoch"] == kept), history[-1])
    _value(right, marked, "val_recall_at_1", _RECALL)
    if kept:
        right.plot(
            [kept],
            [marked["val_recall_at_1"]],
            color=_RECALL,
            marker="o",
            markersize=10,
            markerfacecolor="none",
            linestyle="none",
            label=f"kept: epoch {kept}",
        )
    bundled = metrics["bundled_in_training"]
    if bundled >= 0:
        right.axhline(
            bundled,
            color=_BUNDLED,
            linestyle="--",
            linewidth=1.4,
            label=f"bundled model {bundled:.3f}",
        )
    recalls = [entry["val_recall_at_1"] for entry in history]
    lowest = min([*recalls, bundled] if bundled >= 0 else recalls)
    # Recall ends at 1; a range of a tenth at least, or one photo would look like a cliff.
    bottom = max(0.0, min(lowest - 0.05, 0.88))
    right.set_yticks(
        [tick for tick in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(bottom, 1) if tick <= 1]
    )
    right.set_ylim(bottom, 1 + 0.04 * (1 - bottom))
    if kept or bundled >= 0 or head:
        right.legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.savefig(path)


def _value(axes: Any, entry: dict[str, Any], key: str, colour: str) -> None:
    """Write a value above its point."""
    axes.annotate(
        f"{entry[key]:.3f}",
        (entry["epoch"], entry[key]),
        textcoords="offset points",
        xytext=(0, 9),
        ha="center",
        fontsize=9,
        color=colour,
    )
