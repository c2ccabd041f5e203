"""Does `shelflens watch` run for ever? Its memory, minute by minute, on a looped video.

    python benchmarks/watch/soak.py --minutes 60 --out benchmarks/watch/results

A video of the drawn demo products (`tests/film.py`: each slides in, is held, and goes) is watched
in a loop by a process of its own, as a person would start it, and that process's resident memory is
read from /proc every few seconds. On the way the catalog is replaced by an equal one, by a broken
one, and by the good one again, over and over. Needs the [camera] extra and Linux.

Not measured here: a camera's driver, a Raspberry Pi.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from shelflens.cli import main as shelflens
from tests.support.film import COUNTER, DEMO, HEIGHT, WIDTH, Shot, film, names

SETTLED = 0.1
"""Share of the run that is left out of the slope: caches fill, the allocator finds its size."""


def main() -> None:
    """Run, measure, write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=float, default=5.0, help="of the video, and at most")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples")
    parser.add_argument("--replace", type=float, default=60.0, help="seconds between replacements")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write soak.json and soak.md")
    args = parser.parse_args()
    report = soak(args.minutes * 60, args.fps, args.every, args.replace)
    print(json.dumps({key: one for key, one in report.items() if key != "samples"}))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "soak.json").write_text(json.dumps(report) + "\n")
        (args.out / "soak.md").write_text(table(report))


def soak(seconds: float, fps: float, every: float, replace: float) -> dict[str, Any]:
    """Watch a looped video for so long.

    Args:
        seconds: How long.
        fps: Frames a second of the video, and at most; 0 for 15 in the video and full speed.
        every: Seconds between two samples of the memory.
        replace: Seconds between two replacements of the catalog.
    """
    with tempfile.TemporaryDirectory() as folder:
        store, video = Path(folder, "store.catalog"), Path(folder, "film.avi")
        assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
        good = store.read_bytes()
        shown = write_film(video, fps or 15.0)
        command = [sys.executable, "-m", "shelflens", "watch", str(video), "--loop"]
        command += ["--catalog", str(store), "--max-fps", str(fps), "--json"]
        answers, errors = Path(folder, "answers.jsonl"), Path(folder, "errors.txt")
        samples: list[tuple[float, float]] = []
        with answers.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err)
            while process.poll() is None and not answers.stat().st_size:
                time.sleep(0.1)  # a broken catalog at the start would be an error
            start, turn = time.monotonic(), 0
            while time.monotonic() - start < seconds:
                time.sleep(every)
                if process.poll() is not None:
                    raise RuntimeError(f"watch ended by itself: {errors.read_text()[-500:]}")
                samples.append((round(time.monotonic() - start, 1), resident(process.pid)))
                if (time.monotonic() - start) // replace > turn:
                    turn += 1
                    _drop(store, good[: len(good) // 2] if turn % 3 == 2 else good)
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)
        told = [json.loads(line) for line in answers.read_text().splitlines()]
        lines = errors.read_text().splitlines()
    at, mib = np.array(samples).T
    late = at >= SETTLED * at[-1]
    slope = float(np.polyfit(at[late] / 3600, mib[late], 1)[0]) if late.sum() > 2 else 0.0
    latency = [one["latency_ms"] for one in told] or [0.0]
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "minutes": round(at[-1] / 60, 1),
        "status": status,
        "frames": int(lines[-1].split(" frames")[0].split()[-1].replace(",", "")),
        "products_a_round": shown,
        "answers": len(told),
        "match": sum(one["decision"] == "match" for one in told),
        "replaced": sum("new, 30 products" in line for line in lines),
        "refused": sum("going on with the one before" in line for line in lines),
        "mib_first": mib[0],
        "mib_after_settling": float(mib[late][0]),
        "mib_last": mib[-1],
        "mib_most": float(mib.max()),
        "mib_per_hour": round(slope, 3),
        "descriptors": descriptors,
        "latency_ms_p50": round(float(np.percentile(latency, 50)), 2),
        "latency_ms_p90": round(float(np.percentile(latency, 90)), 2),
        "summary": lines[-1],
        "samples": samples,
    }


def write_film(path: Path, fps: float) -> int:
    """Write the video; gives how many things are shown in it."""
    import cv2

    things = [*names(), *names("unknown")]
    shots = []
    for name in things:
        shots += [Shot(name, seconds=2.0, enter=0.6), Shot(COUNTER, seconds=1.5, enter=0.6)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    for pixels in film(shots, fps=fps):
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    return len(things)


def resident(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2)


def table(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    rows = "".join(
        f"| {key.replace('_', ' ')} | {value} |\n"
        for key, value in report.items()
        if key != "samples"
    )
    step = max(len(report["samples"]) // 12, 1)
    memory = "".join(f"| {at / 60:.0f} | {mib} |\n" for at, mib in report["samples"][::step])
    return (
        "# `shelflens watch` on a looped video\n\n"
        "Not measured: a camera's driver, a Raspberry Pi. By `python benchmarks/watch/soak.py`.\n\n"
        f"| | |\n| --- | --- |\n{rows}\n| minute | resident MiB |\n| --- | --- |\n{memory}"
    )


def _drop(path: Path, content: bytes) -> None:
    """Replace a file at once."""
    neighbour = path.with_suffix(".new")
    neighbour.write_bytes(content)
    shutil.move(neighbour, path)


if __name__ == "__main__":
    main()
