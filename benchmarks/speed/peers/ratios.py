"""What the targets are about: ratios of one run, smaller is better."""

from __future__ import annotations

from typing import Any

from shelflens.bench.timing import Times

Row = dict[str, Any]

SCAN_LIMITS = {(100_000, 128): 2.0, (100_000, 256): 1.4, (1_000_000, 64): 2.0}
"""(products, dim) -> times reading the bytes."""


def in_ms(times: dict[str, Times]) -> Row:
    """As JSON values, each name followed by `_ms`."""
    return {f"{name}_ms": spent.to_dict() for name, spent in times.items()}


def ratios(report: Row) -> list[Row]:
    """What, measured, target, met."""
    pairs = [*_photos(report), *_scans(report), *_rest(report)]
    return [
        {"what": what, "ratio": round(ratio, 3), "target": target, "met": ratio <= target}
        for what, ratio, target in pairs
    ]


Pair = tuple[str, float, float]


def _photos(report: Row) -> list[Pair]:
    by_name = {row["photo"]: row for row in report["photos"]}
    pairs = []
    for name, target in (("12 MP", 0.333), ("small", 1.0)):
        row = by_name[name]
        ratio = row["answer_ms"]["p50"] / row["mediapipe_ms"]["p50"]
        pairs.append((f"{name} file to answer / MediaPipe file to embedding", ratio, target))
    for row in report["embed"]:
        ratio = row["shelflens_ms"]["p50"] / row["litert_ms"]["p50"]
        pairs.append((f"embedding call / bare invoke, {row['threads']} threads", ratio, 1.05))
    return pairs


def _scans(report: Row) -> list[Pair]:
    pairs = []
    for scan in report["scan"]:
        ms = {name: times["p50"] for name, times in scan["ms"].items()}
        what = f"scan {scan['products']:,} x {scan['dim']}"
        threaded = [ms[name] for name in ms if name.endswith(" threads")]
        ours = ms["shelflens"] if scan["products"] < 1_000_000 else min(ms["shelflens"], *threaded)
        limit = SCAN_LIMITS.get((scan["products"], scan["dim"]), 2.0)
        pairs.append((f"{what} / reading the bytes", ours / ms["reading the bytes"], limit))
        pairs += [
            (f"{what} / {name}", ours / ms[name], 1.0)
            for name in ms
            if not name.startswith(("shelflens", "reading", "its kernel"))
        ]
    return pairs


def _rest(report: Row) -> list[Pair]:
    batch, start = report["batch"], report["start"]
    gain = batch["single_ms"]["p50"] / batch["all_ms"]["p50"]
    cores = batch["cores"]
    process = start["shelflens_ms"]["p50"] / start["mediapipe_ms"]["p50"]
    sizes = {name: sum(packages.values()) for name, packages in report["installed"].items()}
    return [
        (f"64 queries, {cores} cores: cores / speed-up", cores / gain, 1.25),
        ("opening a large catalog, ms / 10", report["opening"]["open_ms"]["p50"] / 10, 1.0),
        ("lookup as a new process / MediaPipe's", process, 0.35),
        ("peak memory of that process, MiB / 120", start["peak_mib"]["shelflens"] / 120, 1.0),
        ("installed size / MediaPipe's", sizes["shelflens"] / sizes["mediapipe"], 1.0),
    ]
