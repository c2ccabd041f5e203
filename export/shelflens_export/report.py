"""The export report: a table on the screen, `export.json`, `export.md` and `export.png`."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from shelflens.files import atomic_writer, write_text
from shelflens.options import to_dict
from shelflens_export.charts import chart
from shelflens_export.comparison import Comparison
from shelflens_export.config import ExportConfig
from shelflens_export.quality_gate import GateResult
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


def console(rows: list[GateResult], comparison: Comparison | None, out: Path) -> str:
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
        lines.append("no engine opens a .rejected file; export.json has the layer errors")
    if comparison:
        lines.append(str(comparison))
    lines.append(f"report: {out / 'export.md'}, {out / 'export.json'}, {out / 'export.png'}")
    return "\n".join(lines)


def write(
    rows: list[GateResult],
    protocol: str,
    comparison: Comparison | None,
    run: RunFolder,
    out: Path,
    config: ExportConfig,
) -> None:
    """Write the three reports, each at once."""
    values: dict[str, Any] = {
        "run": run.path.name,
        "name": run.card.name,
        "space": run.card.space,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": _command(),
        "protocol": protocol,
        "bundled": asdict(comparison) if comparison else None,
        "machine": _machine(),
        "versions": _versions(),
        "config": to_dict(config),
        "passed": all(row.passed for row in rows),
    }
    files = [row.to_dict() for row in rows]
    write_text(out / "export.json", json.dumps({**values, "files": files}, indent=2) + "\n")
    write_text(out / "export.md", _markdown(rows, comparison, values))
    with quiet(), atomic_writer(out / "export.png") as stream:
        limits = {"max_recall_drop": config.max_recall_drop, "min_cosine": config.min_cosine}
        stream.write(chart(rows, run.card.name, **limits))


def _cells(row: GateResult) -> list[str]:
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


def _markdown(rows: list[GateResult], comparison: Comparison | None, values: dict[str, Any]) -> str:
    config = values["config"]
    versions = ", ".join(f"{name} {number}" for name, number in values["versions"].items())
    made = f"Made {values['created']} by `{values['command']}`"
    lines = [
        f"# Export of {values['name']}",
        "",
        f"{'All files passed.' if values['passed'] else 'Not every file passed.'} Limits: recall@1 "
        f"at most {config['max_recall_drop']:g} below float, mean cosine to float at least "
        f"{config['min_cosine']:g}.",
        "",
        "| " + " | ".join(name for name, _ in _HEADINGS) + " |",
        "| " + " | ".join("---" if align == "<" else "--:" for _, align in _HEADINGS) + " |",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        *(f"- **{row.file}**: {row.reason}" for row in rows if not row.passed),
        "",
        *([f"- Beside the bundled model: {comparison}."] if comparison else []),
        f"- Protocol: {values['protocol']}. *R@1 file*: the file's queries in the catalog it "
        "built; *mixed*: the file's queries in the float model's catalog.",
        f"- Cosine: to the Keras model's embedding of the same pixels, {_photos(rows)} photos.",
        f"- Latency: one photo, {_engines(rows)}; {values['machine']}. Compare on your device.",
        f"- Embedding space: `{values['space']}`. {made}.",
        f"- Versions: {versions}.",
        "",
        "![size against recall, cosine by file](export.png)",
        "",
    ]
    return "\n".join(lines)


def _photos(rows: list[GateResult]) -> int:
    return len(rows[0].cosines) if rows else 0


def _engines(rows: list[GateResult]) -> str:
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


def _command() -> str:
    """The command line, without the folders of this machine."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["shelflens", *words]) if words else "Python"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("shelflens", *_PACKAGES, "onnxruntime", "ai-edge-litert"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
