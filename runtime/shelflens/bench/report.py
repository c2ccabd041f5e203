"""The benchmark's table and charts, from its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelflens.bench.measure import BUNDLED
from shelflens.files import write_text
from shelflens.render.charts import bar_chart, dot_chart, line_chart

NOT_MEASURED = (
    "accuracy (shown as the model card states it)",
    "a camera, and a first start after power-on (files are in the page cache)",
    "energy",
    "your photos and catalog: photos are synthetic, rows are random directions",
)


def text(report: dict[str, Any]) -> str:
    """The whole report for a screen."""
    device = report["device"]
    lines = [
        f"{device.get('board') or device.get('processor')}, {device['cores']} cores, "
        f"{device.get('memory_mib', '?')} MiB, {' '.join(device.get('features', []))}",
        ", ".join([f"python {device['python']}", *map(" ".join, device["versions"].items())]),
        *_heat(report),
        "",
        f"{'embed':<26}{'engine':<16}{'threads':>7}{'p50':>9}{'p90':>9}{'p99':>9}{'spread':>8}  ms",
    ]
    for row in report["engines"]:
        times = _times(row["embed_ms"])
        lines.append(f"{row['model'][-25:]:<26}{row['engine']:<16}{row['threads']:>7}{times}")
    start, chosen = report["cold"], report["recommended"]
    peak = f", at most {start['peak_mib']} MiB" if start["peak_mib"] else ""
    model = "" if chosen["model"] == BUNDLED else f"--model {chosen['model']} "
    lines += [
        *_photos(report),
        *_scan(report["scan"]),
        "",
        f"cold start  {start['wall_ms']['p50']:.0f} ms p50, {start['wall_ms']['p90']:.0f} ms p90"
        f"{peak} (shelflens lookup as a new process, {start['products']:,} products)",
        "",
        f"use  {model}--engine {chosen['engine']} --threads {chosen['threads']}  ({chosen['why']})",
        *_advice(report),
    ]
    return "\n".join(lines)


def _photos(report: dict[str, Any]) -> list[str]:
    chosen, steps = report["recommended"], ("decode", "embed", "match", "total")
    products = report["photos"][0]["products"]
    lines = [
        "",
        f"photo to answer, {chosen['engine']}, {chosen['threads']} threads, among "
        f"{products:,} products; p50 and p90, ms",
        "",
        f"{'':<10}" + "".join(f"{step:>16}" for step in steps),
    ]
    for row in report["photos"]:
        cells = [row[f"{step}_ms"] for step in steps]
        shown = "".join(f"{times['p50']:>8.2f}{times['p90']:>8.2f}" for times in cells)
        lines.append(f"{row['photo']:<10}{shown}")
    return lines


def _scan(rows: list[dict[str, Any]]) -> list[str]:
    head = f"{'scan':<12}{'bytes':>14}" + "".join(
        f"{name:>9}" for name in ("read", "scan", "p90", "NumPy", "x read")
    )
    lines = ["", f"{head}  ms, one thread, {rows[0]['kernel'] or 'NumPy alone'}"]
    for row in rows:
        best = row.get("scan_ms", row["numpy_ms"])
        lines.append(
            f"{row['products']:>9,}   {row['bytes']:>14,}{row['read_ms']['p50']:>9.3f}"
            f"{best['p50']:>9.3f}{best['p90']:>9.3f}{row['numpy_ms']['p50']:>9.2f}"
            f"{row['times_of_reading']:>9.2f}"
        )
    return lines


def _times(times: dict[str, float]) -> str:
    columns = "".join(f"{times[name]:>9.2f}" for name in ("p50", "p90", "p99"))
    return f"{columns}{times['spread']:>8.2f}"


def _heat(report: dict[str, Any]) -> list[str]:
    before, after = report["device"], report["after"]
    shown = [
        f"{name} {before[name]}" + (f" then {after[name]}" if name in after else "")
        for name in ("governor", "clock_mhz", "celsius", "load")
        if name in before
    ]
    return [", ".join(shown)] if shown else []


def _advice(report: dict[str, Any]) -> list[str]:
    lines = []
    device, after = report["device"], report["after"]
    if max(row["embed_ms"]["spread"] for row in report["engines"]) > 0.5:
        lines.append("the times scatter: something else was running; measure again when it is not")
    if device.get("governor") not in (None, "performance"):
        lines.append(f"the clock is governed by {device['governor']!r}: a first photo may be slow")
    if after.get("celsius", 0) >= 80:
        lines.append(f"{after['celsius']} °C: a Raspberry Pi slows down from 80; cool it")
    if report["scan"][0]["kernel"] is None:
        lines.append("pip install 'shelflens[fast]' makes the scan of large catalogs faster")
    return lines


def write_charts(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write scan.svg, time.svg and models.svg."""
    rows = report["scan"]
    series = {"exact scan": [(r["products"], r.get("scan_ms", r["numpy_ms"])["p50"]) for r in rows]}
    if rows[0]["kernel"]:
        series["NumPy alone"] = [(r["products"], r["numpy_ms"]["p50"]) for r in rows]
    # Of the largest: small ones are read from the cache.
    speed = rows[-1]["gb_per_s"]
    limit = f"reading, {speed:.0f} GB/s"
    series[limit] = [(row["products"], row["bytes"] / speed / 1e6) for row in rows]
    bars = {
        row["photo"]: {step: row[f"{step}_ms"]["p50"] for step in ("decode", "embed", "match")}
        for row in report["photos"]
    }
    models = {}
    for row in report["engines"]:
        threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
        name = f"{row['model']}, {row['engine']}, {threads}, {row['bytes'] / 2**20:.1f} MiB"
        if row["accuracy"] is not None:
            models[name] = (row["embed_ms"]["p50"], row["accuracy"])
    charts = {
        "scan.svg": line_chart(
            series,
            title=f"One query, exact top 10, {rows[0]['dim']} dimensions, one thread",
            x="products",
            y="ms, p50",
            dashed=[limit],
        ),
        "time.svg": bar_chart(bars, title="Where the time of a photo goes", x="ms, p50"),
    }
    if models:
        charts["models.svg"] = dot_chart(
            models,
            title="Accuracy, as the model card states it, against latency",
            x="embedding, ms p50",
            y="recall@1",
        )
    for name, content in charts.items():
        write_text(folder / name, content)
    return [folder / name for name in charts]
