"""When does `shelflens watch` answer? Its frame filter on rendered films of the demo's photos.

    python -m benchmarks.quality.frame_filter --every 3

Every demo photo slides in over the counter, is held by a trembling hand, and goes again
(`tests/support/rendered_video.py`), at several frame rates and trembles. Counted is how often a
showing gets exactly one answer that was given while it was held, and how long that took; and how
many answers are given to things that only pass by. Right products are not counted: that is the
model's affair.

Not measured here: real hands, rolling shutters, exposure and focus that hunt.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens import Catalog, Embedder
from shelflens.cli import main as shelflens
from shelflens.options import add_options, from_options
from shelflens.watch import Frame, FrameFilter, Watcher
from tests.support.rendered_video import DEMO, EMPTY, Shot, render_frames

HELD, AWAY, ENTER = 2.0, 1.2, 0.5
"""Seconds that a product is held, that the counter is empty, and that either slides in."""

COLUMNS = {
    "fps": "frames/s",
    "tremble_px_of_320": "tremble, px of 320",
    "one_answer": "exactly one answer",
    "no_answer": "none",
    "several": "several",
    "seconds_p50": "s to the answer, p50",
    "seconds_p90": "p90",
}


def main() -> None:
    """Measure; print each row as JSON."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    add_options(parser, FrameFilter)
    args = parser.parse_args()
    names = [path.name for path in sorted((DEMO / "photos").glob("*.jpg"))[:: args.every]]
    gates = from_options(FrameFilter, args)
    report = stamp(seed="fixed, in tests/support/rendered_video.py")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store.catalog")
        assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
        catalog, embedder = Catalog.open(store), Embedder.open()
        for fps in (5.0, 15.0, 30.0):
            for tremble in (0.5, 1.0, 2.0):
                rows.append(held(names, fps, tremble, gates, catalog, embedder))
                print(json.dumps(rows[-1]), flush=True)
        passing = [Shot(name, 0.15, enter=0.35) for name in names]
        passed = len(times(passing, 15.0, gates, catalog, embedder))
    report |= {"photos": len(names), "rows": rows, "answers_to_passing": passed}
    save(report, "When `shelflens watch` answers", markdown(report), "frame-filter", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    return (
        "Not measured: real hands, rolling shutters, exposure and focus that hunt.\n\n"
        f"{report['photos']} photos of the demo store, each held for {HELD:g} s. To things that "
        f"only passed by, {report['answers_to_passing']} answers were given.\n"
        + table(COLUMNS.values(), ([str(row[key]) for key in COLUMNS] for row in report["rows"]))
    )


def held(
    names: list[str],
    fps: float,
    tremble: float,
    gates: FrameFilter,
    catalog: Catalog,
    embedder: Embedder,
) -> dict[str, Any]:
    """Show every photo once."""
    shots = []
    for name in names:
        shots += [Shot(EMPTY, AWAY, enter=ENTER), Shot(name, HELD, enter=ENTER, tremble=tremble)]
    frames = {part: round(part * fps) / fps for part in (HELD, AWAY, ENTER)}
    answered = np.array(times(shots, fps, gates, catalog, embedder))
    counts, waits, at = [], [], 0.0
    for _ in names:
        start = at + 2 * frames[ENTER] + frames[AWAY]
        at = start + frames[HELD]
        during = answered[(answered >= start) & (answered < at)]
        counts.append(len(during))
        waits += (during[:1] - start).tolist()
    return {
        "fps": fps,
        "tremble_px_of_320": tremble,
        "one_answer": round(counts.count(1) / len(names), 3),
        "no_answer": round(counts.count(0) / len(names), 3),
        "several": round(sum(count > 1 for count in counts) / len(names), 3),
        "seconds_p50": round(float(np.median(waits)), 2) if waits else None,
        "seconds_p90": round(float(np.percentile(waits, 90)), 2) if waits else None,
    }


def times(
    shots: list[Shot], fps: float, gates: FrameFilter, catalog: Catalog, embedder: Embedder
) -> list[float]:
    """When answers were given, s."""
    watcher = Watcher(catalog, embedder, frame_filter=gates)
    seconds = []
    for index, pixels in enumerate(render_frames(shots, fps=fps)):
        sighting = watcher.see(Frame(pixels, index / fps))
        if sighting is not None:
            seconds.append(sighting.at)
    return seconds


if __name__ == "__main__":
    main()
