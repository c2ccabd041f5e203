"""Markdown and plots from the committed JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shelflens.render import charts as svg

BEGIN, END = "<!-- peers: generated -->", "<!-- /peers -->"

NOT_MEASURED = (
    "Not measured: accuracy beside MediaPipe's own models (see quality/), Arm, energy, a camera, "
    "rivals on several threads, approximate indexes other than hnswlib's, files that are not in "
    "the page cache. Photos are drawn, rows are random directions and queries are near some of "
    "them. Milliseconds are of a shared machine: compare ratios."
)


def write(results: Path, readme: Path) -> None:
    """Put the tables of every machine between the marks in README.md; draw the plots."""
    parts = [BEGIN, "", NOT_MEASURED, ""]
    for path in sorted(results.glob("*.json")):
        report = json.loads(path.read_text())
        parts += [of_report(report), ""]
        for name, content in plots(report).items():
            (results / f"{path.stem}-{name}.svg").write_text(content)
            parts += [f"![{name} of {path.stem}](peers/results/{path.stem}-{name}.svg)", ""]
    text = readme.read_text()
    if BEGIN not in text:
        text += f"\n## Beside the rivals\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    readme.write_text(before + "\n".join(parts) + END + rest.split(END)[1])


def of_report(report: dict[str, Any]) -> str:
    """All tables of one machine."""
    device = report["device"]
    versions = ", ".join(f"{name} {number}" for name, number in device["versions"].items())
    what = device.get("board") or device.get("processor")
    quick = " A quick look: do not quote it." if report["quick"] else ""
    parts = [f"### {what}, {device['cores']} cores", "", f"Python {device['python']}, {versions}; "
             f"load {device.get('load', '?')} before, {report['after'].get('load', '?')} after."
             f"{quick}", ""]  # fmt: skip
    said = {True: "yes", False: "**no**"}
    parts += _table(
        ("target (smaller is better)", "measured", "at most", "met"),
        [
            (one["what"], f"{one['ratio']:.3f}", f"{one['target']:g}", said[one["met"]])
            for one in report["ratios"]
        ],
    )
    parts += _table(
        ("photo", "file to answer, ms p50", "p90", "of it decoding", "decoding every pixel",
         "MediaPipe file to embedding", "p90", "cosine, own decoding"),
        [(one["photo"], *(_cell(one[f"{key}_ms"], q) for key, q in (
            ("answer", "p50"), ("answer", "p90"), ("decode", "p50"), ("full_decode", "p50"),
            ("mediapipe", "p50"), ("mediapipe", "p90"))), one["cosine_own_decoding"])
         for one in report["photos"]],
    )  # fmt: skip
    names = [name for name in ("shelflens", "litert", "onnxruntime")
             if f"{name}_ms" in report["embed"][0]]  # fmt: skip
    parts += _table(
        ("embedding, threads", *(f"{name}, ms p50" for name in names)),
        [(one["threads"], *(_cell(one[f"{name}_ms"]) for name in names))
         for one in report["embed"]],
    )  # fmt: skip
    for one in report["scan"]:
        parts += _scan(one)
    one = report["batch"]
    queries = f"{one['queries']} queries among {one['products']:,} x {one['dim']}"
    parts.append(f"{queries}: {_cell(one['one_ms'])} ms on one thread, {_cell(one['all_ms'])} ms "
                 f"on {one['cores']}.")  # fmt: skip
    one = report["opening"]
    parts.append(f"Opening {one['products']:,} x {one['dim']} ({one['bytes'] / 2**20:.0f} MiB): "
                 f"{_cell(one['open_ms'])} ms.")  # fmt: skip
    one = report["start"]
    peak = one["peak_mib"]
    parts.append(
        f"New process: lookup among {one['products']:,} products {_cell(one['shelflens_ms'])} ms, "
        f"at most {peak['shelflens']} MiB; MediaPipe, embedding only, "
        f"{_cell(one['mediapipe_ms'])} ms, {peak['mediapipe']} MiB."
    )
    if refused := report.get("retriever"):
        parts.append(f"MediaPipe's SemanticRetriever with the same model file: {refused}.")
    for name, sizes in report["installed"].items():
        listed = ", ".join(f"{package} {size}" for package, size in sizes.items())
        parts.append(f"Installed by {name}: {sum(sizes.values()):.0f} MiB ({listed}).")
    return "\n".join(parts)


def _scan(one: dict[str, Any]) -> list[str]:
    read = one["ms"]["reading the bytes"]["p50"]
    rows = [
        (name, _cell(times), _cell(times, "p90"), f"{times['p50'] / read:.2f}",
         one["recall"].get(name, ""))
        for name, times in sorted(one["ms"].items(), key=lambda item: item[1]["p50"])
    ]  # fmt: skip
    graph = one.get("hnswlib", {})
    for asked in graph.get("asked", []):
        name = f"hnswlib, ef {asked['ef']}, built in {graph['build_s']} s"
        rows.append((name, _cell(asked["ms"]), _cell(asked["ms"], "p90"),
                     f"{asked['ms']['p50'] / read:.2f}", asked["recall"]))  # fmt: skip
    title = f"{one['products']:,} x {one['dim']}, one query, top 10 ({one['kernel']})"
    return _table((title, "ms p50", "p90", "x reading", "recall@10"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return [*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows), ""]


def _cell(times: dict[str, float], key: str = "p50") -> str:
    value = times[key]
    return f"{value:.2f}" if value < 20 else f"{value:.0f}"


def plots(report: dict[str, Any]) -> dict[str, str]:
    """`photo` and `scan`."""
    bars = {}
    for one in report["photos"]:
        rest = max(one["answer_ms"]["p50"] - one["decode_ms"]["p50"], 0)
        bars[f"{one['photo']}"] = {"decode": one["decode_ms"]["p50"], "embed, match": rest}
        bars[f"{one['photo']} MediaPipe"] = {"MediaPipe": one["mediapipe_ms"]["p50"]}
    one = report["scan"][0]
    names = sorted(one["ms"], key=lambda name: one["ms"][name]["p50"])
    first = {name: {"ms": one["ms"][name]["p50"]} for name in names if "sqlite" not in name}
    title = f"One query, exact or nearly, {one['products']:,} x {one['dim']}"
    return {
        "photo": svg.stacks(bars, title="File to answer, and MediaPipe's file to embedding",
                            x="ms, p50"),
        "scan": svg.stacks(first, title=title, x="ms, p50 (sqlite-vec is off the scale)"),
    }  # fmt: skip
