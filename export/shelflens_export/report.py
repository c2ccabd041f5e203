"""The export report: a table on the screen, `export.json`, `export.md` and `export.png`."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

from shelflens.files import atomic_writer, write_text
from shelflens.options import to_dict
from shelflens_export.config import ExportConfig
from shelflens_export.parity import Gate, GateRow
from shelflens_export.quiet import quiet
from shelflens_export.run_folder import RunFolder

_PACKAGES = ("tensorflow", "keras", "tensorflow-model-optimization", "tf2onnx", "onnx")
_HEADINGS = (
    ("file", "<"),
    ("MB", ">"),
    ("cosine", ">"),
    ("5th pct", ">"),
    ("lowest", ">"),
    ("R@1 float", ">"),
    ("R@1 file", ">"),
    ("R@1 mixed", ">"),
    ("ms p50", ">"),
    ("gate", "<"),
)


def console(rows: list[GateRow], out: Path) -> str:
    """The table and what to do next, for a terminal."""
    table = [[name for name, _ in _HEADINGS], *map(_cells, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            f"{cell:{align}{width}}"
            for cell, width, (_, align) in zip(line, widths, _HEADINGS, strict=True)
        ).rstrip()
        for line in table
    ]
    lines += [f"{row.file}: {row.reason}" for row in rows if not row.passed]
    if not all(row.passed for row in rows):
        lines.append("no engine opens a .rejected file; export.json has the error of each layer")
    lines.append(f"report: {out / 'export.md'}, {out / 'export.json'}, {out / 'export.png'}")
    return "\n".join(lines)


def write(rows: list[GateRow], gate: Gate, run: RunFolder, out: Path, config: ExportConfig) -> None:
    """Write the three reports, each at once."""
    facts = {
        "run": str(run.path),
        "name": run.card.name,
        "space": run.card.space,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["shelflens", *sys.argv[1:]]) if sys.argv[1:] else "Python",
        "protocol": gate.protocol,
        "machine": _machine(),
        "versions": _versions(),
        "config": to_dict(config),
        "passed": all(row.passed for row in rows),
    }
    values = {**facts, "files": [row.to_dict() for row in rows]}
    write_text(out / "export.json", json.dumps(values, indent=2) + "\n")
    write_text(out / "export.md", _markdown(rows, facts))
    with quiet(), atomic_writer(out / "export.png") as stream:
        stream.write(_picture(rows, run.card.name, config))


def _cells(row: GateRow) -> list[str]:
    return [
        row.file,
        f"{row.bytes / 1e6:.2f}",
        f"{row.cosine_mean:.4f}",
        f"{row.cosine_p5:.4f}",
        f"{row.cosine_min:.4f}",
        f"{row.recall_float:.4f}",
        f"{row.recall:.4f}",
        f"{row.recall_mixed:.4f}",
        f"{row.latency_p50_ms:.1f}",
        "passed" if row.passed else "FAILED",
    ]


def _markdown(rows: list[GateRow], facts: dict[str, Any]) -> str:
    config = facts["config"]
    lines = [
        f"# Export of {facts['name']}",
        "",
        f"{'All files passed.' if facts['passed'] else 'Not every file passed.'} Limits: recall@1 "
        f"at most {config['max_recall_drop']:g} below float, mean cosine to float at least "
        f"{config['min_cosine']:g}.",
        "",
        "| " + " | ".join(name for name, _ in _HEADINGS) + " |",
        "| " + " | ".join("---" if align == "<" else "--:" for _, align in _HEADINGS) + " |",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        *(f"- **{row.file}**: {row.reason}" for row in rows if not row.passed),
        "",
        f"- Protocol: {facts['protocol']}. *R@1 file*: the file's queries in the catalog it built; "
        "*mixed*: the file's queries in the float model's catalog.",
        f"- Cosine: to the Keras model's embedding of the same pixels, {_photos(rows)} photos.",
        f"- Latency: one photo, {_engines(rows)}; {facts['machine']}. Compare on your device.",
        f"- Embedding space: `{facts['space']}`. Made {facts['created']} by `{facts['command']}`.",
        f"- Versions: {', '.join(f'{name} {one}' for name, one in facts['versions'].items())}.",
        "",
        "![size against recall, cosine by file](export.png)",
        "",
    ]
    return "\n".join(lines)


def _photos(rows: list[GateRow]) -> int:
    return len(rows[0].cosines) if rows else 0


def _engines(rows: list[GateRow]) -> str:
    used = {
        f"{row.engine or 'no engine'} with {row.threads} thread{'s'[: row.threads > 1]}": 0
        for row in rows
    }
    return ", ".join(used)


def _machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("shelflens", *_PACKAGES, "onnxruntime", "ai-edge-litert"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


_INK, _FAINT, _GOOD, _BAD = "#1f2933", "#9aa5b1", "#1b7f79", "#c8553d"


def _picture(rows: list[GateRow], name: str, config: ExportConfig) -> bytes:
    """Left: what a file costs and keeps. Right: how far single photos move."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 4.8), dpi=150, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    figure.suptitle(f"{name}: what each file keeps", color=_INK, fontsize=14, weight="bold")
    _recall_panel(left, rows, config)
    _cosine_panel(right, rows, config)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_FAINT)
        axes.tick_params(colors=_INK, labelsize=9)
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _recall_panel(axes: Any, rows: list[GateRow], config: ExportConfig) -> None:
    wanted = rows[0].recall_float
    axes.axhspan(wanted - config.max_recall_drop, 1.01, color=_GOOD, alpha=0.08, lw=0)
    axes.axhline(wanted, color=_FAINT, lw=1, ls=(0, (4, 3)))
    sizes = [row.bytes / 1e6 for row in rows]
    for size, row in zip(sizes, rows, strict=True):
        colour = _GOOD if row.passed else _BAD
        mark = "o" if ".tflite" in row.file else "s"
        axes.scatter(size, row.recall, s=90, color=colour, marker=mark, zorder=3, alpha=0.9)
    low = min([wanted - config.max_recall_drop, *(row.recall for row in rows)])
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
        "shaded: allowed by the gate; round: TFLite, square: ONNX",
        color=_FAINT,
        fontsize=9,
        loc="left",
    )


def _labels(axes: Any, sizes: list[float], rows: list[GateRow]) -> None:
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


def _cosine_panel(axes: Any, rows: list[GateRow], config: ExportConfig) -> None:
    import numpy as np

    for place, row in enumerate(reversed(rows)):
        colour = _GOOD if row.passed else _BAD
        spread = np.sort(row.cosines)
        if spread[-1] - spread[0] > 1e-4:
            parts = axes.violinplot(spread, [place], orientation="horizontal", widths=0.75,
                                    showextrema=False)  # fmt: skip
            for body in parts["bodies"]:
                body.set(facecolor=colour, alpha=0.25, edgecolor="none")
        axes.plot([row.cosine_p5, spread[-1]], [place, place], color=colour, lw=2.5, zorder=3)
        axes.scatter(row.cosine_min, place, s=14, color=colour, zorder=3)
        axes.scatter(row.cosine_mean, place, s=55, color="white", edgecolor=colour, lw=2, zorder=4)
    lowest = min(row.cosine_min for row in rows)
    axes.axvline(config.min_cosine, color=_BAD, lw=1, ls=(0, (4, 3)))
    axes.set_xlim(min(lowest, config.min_cosine) - 0.01, 1.003)
    axes.set_yticks(range(len(rows)), [row.file for row in reversed(rows)])
    axes.set_xlabel("cosine to the float embedding of the same photo", color=_INK)
    axes.set_title(
        "ring: mean, dot: lowest photo, bar: best 95 %, dashes: the mean needed",
        color=_FAINT, fontsize=9, loc="left",
    )  # fmt: skip
