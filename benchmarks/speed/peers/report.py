"""Markdown and plots of what `measures` found."""

from __future__ import annotations

from typing import Any

from benchmarks.provenance import table
from shelflens.render import charts

NOT_MEASURED = (
    "Not measured: accuracy beside MediaPipe's own models (see shop.md), Arm, energy, a camera, "
    "other libraries on several threads, approximate indexes other than hnswlib's, files that are "
    "not in the page cache. Photos are rendered, rows are random directions and queries are near "
    "some of them. Milliseconds are of a shared machine: compare ratios."
)


def markdown(report: dict[str, Any]) -> str:
    """All tables."""
    device, after = report["device"], report["after"]
    load = f"Load {device.get('load', '?')} before, {after.get('load', '?')} after."
    parts = [f"{NOT_MEASURED} {load}", _targets(report), _photos(report), _embed(report)]
    parts += [_scan(scan) for scan in report["scan"]]
    parts.append(_lines(report))
    parts += [f"![{name}](peers-{name}.svg)" for name in ("photo", "scan")]
    return "\n".join(parts)


def _targets(report: dict[str, Any]) -> str:
    return table(
        ("ratio (smaller is better)", "measured", "target", "met"),
        (
            (row["what"], f"{row['ratio']:.3f}", f"{row['target']:g}",
             "yes" if row["met"] else "**no**")
            for row in report["ratios"]
        ),
    )  # fmt: skip


def _photos(report: dict[str, Any]) -> str:
    cells = (
        ("answer", "p50"), ("answer", "p90"), ("decode", "p50"), ("full_decode", "p50"),
        ("mediapipe", "p50"), ("mediapipe", "p90"),
    )  # fmt: skip
    head = (
        "photo", "file to answer, ms p50", "p90", "of it decoding", "decoding every pixel",
        "MediaPipe file to embedding", "p90", "cosine, own decoding",
    )  # fmt: skip
    return table(
        head,
        (
            (row["photo"], *(_cell(row[f"{name}_ms"], part) for name, part in cells),
             row["cosine_own_decoding"])
            for row in report["photos"]
        ),
    )  # fmt: skip


def _embed(report: dict[str, Any]) -> str:
    rows = report["embed"]
    names = [name for name in ("shelflens", "litert", "onnxruntime") if f"{name}_ms" in rows[0]]
    return table(
        ("embedding, threads", *(f"{name}, ms p50" for name in names)),
        ((row["threads"], *(_cell(row[f"{name}_ms"]) for name in names)) for row in rows),
    )


def _scan(scan: dict[str, Any]) -> str:
    read = scan["ms"]["reading the bytes"]["p50"]
    rows = [
        (name, _cell(times), _cell(times, "p90"), f"{times['p50'] / read:.2f}",
         str(scan["recall"].get(name, "")))
        for name, times in sorted(scan["ms"].items(), key=lambda item: item[1]["p50"])
    ]  # fmt: skip
    graph = scan.get("hnswlib", {})
    for row in graph.get("asked", []):
        name = f"hnswlib, ef {row['ef']}, built in {graph['build_s']} s"
        times = row["ms"]
        rows.append((name, _cell(times), _cell(times, "p90"), f"{times['p50'] / read:.2f}",
                     str(row["recall"])))  # fmt: skip
    title = f"{scan['products']:,} x {scan['dim']}, one query, top 10 ({scan['kernel']})"
    return table((title, "ms p50", "p90", "x reading", "recall@10"), rows)


def _lines(report: dict[str, Any]) -> str:
    batch, opening, start = report["batch"], report["opening"], report["start"]
    peak = start["peak_mib"]
    lines = [
        f"{batch['queries']} queries among {batch['products']:,} x {batch['dim']}: "
        f"{_cell(batch['single_ms'])} ms on one thread, {_cell(batch['all_ms'])} ms on "
        f"{batch['cores']}.",
        f"Opening {opening['products']:,} x {opening['dim']} ({opening['bytes'] / 2**20:.0f} MiB): "
        f"{_cell(opening['open_ms'])} ms.",
        f"New process: lookup among {start['products']:,} products {_cell(start['shelflens_ms'])} "
        f"ms, at most {peak['shelflens']} MiB; MediaPipe, embedding only, "
        f"{_cell(start['mediapipe_ms'])} ms, {peak['mediapipe']} MiB.",
        f"MediaPipe's SemanticRetriever with the same model file: {report['retriever']}.",
    ]
    for name, sizes in report["installed"].items():
        listed = ", ".join(f"{package} {size}" for package, size in sizes.items())
        lines.append(f"Installed by {name}: {sum(sizes.values()):.0f} MiB ({listed}).")
    return "\n" + "\n\n".join(lines) + "\n"


def _cell(times: dict[str, float], key: str = "p50") -> str:
    value = times[key]
    return f"{value:.2f}" if value < 20 else f"{value:.0f}"


def plots(report: dict[str, Any]) -> dict[str, str]:
    """`photo` and `scan`, as SVG."""
    bars = {}
    for row in report["photos"]:
        rest = max(row["answer_ms"]["p50"] - row["decode_ms"]["p50"], 0)
        bars[f"{row['photo']}"] = {"decode": row["decode_ms"]["p50"], "embed, match": rest}
        bars[f"{row['photo']} MediaPipe"] = {"MediaPipe": row["mediapipe_ms"]["p50"]}
    scan = report["scan"][0]
    names = sorted(scan["ms"], key=lambda name: scan["ms"][name]["p50"])
    first = {name: {"ms": scan["ms"][name]["p50"]} for name in names if "sqlite" not in name}
    title = f"One query, exact or nearly, {scan['products']:,} x {scan['dim']}"
    return {
        "photo": charts.bar_chart(
            bars, title="File to answer, and MediaPipe's file to embedding", x="ms, p50"
        ),
        "scan": charts.bar_chart(first, title=title, x="ms, p50 (sqlite-vec is off the scale)"),
    }
