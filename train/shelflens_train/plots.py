"""Training curves as a PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure  # the backend is chosen before


def curves(history: list[dict[str, Any]], path: Path, *, title: str) -> None:
    """Draw loss and recall@1 over the epochs, with the phase of the frozen backbone shaded."""
    figure = Figure(figsize=(9, 4), dpi=130, layout="constrained")
    epochs = [entry["epoch"] for entry in history]
    head = sum(entry["phase"] == "head" for entry in history)
    for column, (key, label, colour) in enumerate(
        (
            ("loss", "training loss", "#b5542b"),
            ("val_recall_at_1", "validation recall@1", "#22715f"),
        )
    ):
        axes = figure.add_subplot(1, 2, column + 1)
        values = [entry[key] for entry in history]
        axes.plot(epochs, values, color=colour, marker="o", markersize=3.5, linewidth=1.8)
        if head:
            axes.axvspan(0.5, head + 0.5, color="#e9e4da", label="backbone frozen", zorder=0)
            axes.legend(frameon=False, fontsize=8)
        axes.annotate(
            f"{values[-1]:.3f}",
            (epochs[-1], values[-1]),
            textcoords="offset points",
            xytext=(-4, 8),
            ha="right",
            fontsize=9,
            color=colour,
        )
        axes.set_xlabel("epoch")
        axes.set_title(label, fontsize=10, loc="left")
        axes.set_xlim(0.5, max(epochs) + 0.5)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.savefig(path)
