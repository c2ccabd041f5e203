"""Does the memory of `shelflens watch` grow? Minute by minute, on a looped video.

    python -m benchmarks.speed.soak --minutes 60

A video of the demo products (`tests/support/rendered_video.py`: each slides in, is held, and goes)
is watched in a loop by a process of its own, as a person would start it, and that process's
resident memory is read from /proc every few seconds. On the way the catalog is replaced by an equal
one, by a broken one, and by the good one again, over and over. Needs the [camera] extra and Linux.

Not measured here: a camera's driver, a Raspberry Pi.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens.cli import main as shelflens
from tests.support.rendered_video import (
    DEMO,
    EMPTY,
    HEIGHT,
    WIDTH,
    Shot,
    photo_names,
    render_frames,
)

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
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(
        seed="fixed, in tests/support/rendered_video.py", libraries=("opencv-python-headless",)
    )
    report |= soak(args.minutes * 60, args.fps, args.every, args.replace)
    save(report, "`shelflens watch` on a looped video", markdown(report), "soak", args.out)


def soak(seconds: float, fps: float, every: float, replace: float) -> dict[str, Any]:
    """Watch a looped video for so long.

    Args:
        seconds: How long.
        fps: Frames per second of the video, and at most; 0 for 15 in the video and full speed.
        every: Seconds between two samples of the memory.
        replace: Seconds between two replacements of the catalog.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, video = folder / "store.catalog", folder / "film.avi"
        assert shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]) == 0
        shown = write_film(video, fps or 15.0)
        command = [sys.executable, "-m", "shelflens", "watch", str(video), "--loop"]
        command += ["--catalog", str(store), "--max-fps", str(fps), "--json"]
        log, errors = folder / "answers.jsonl", folder / "errors.txt"
        with log.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err)
            while process.poll() is None and not log.stat().st_size:
                time.sleep(0.1)  # a broken catalog at the start would be an error
            samples = sample(process, store, seconds, every, replace)
            if process.poll() is not None:
                raise RuntimeError(f"watch ended by itself: {errors.read_text()[-500:]}")
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)
        answers = [json.loads(line) for line in log.read_text().splitlines()]
        lines = errors.read_text().splitlines()
    return {
        "status": status,
        "products_a_round": shown,
        "descriptors": descriptors,
        **of_answers(answers),
        **of_lines(lines),
        **of_memory(samples),
        "samples": samples,
    }


def sample(
    process: subprocess.Popen[bytes], store: Path, seconds: float, every: float, replace: float
) -> list[tuple[float, float]]:
    """Seconds and MiB, until the time is over or the process has ended."""
    good = store.read_bytes()
    samples: list[tuple[float, float]] = []
    start, turn = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        time.sleep(every)
        if process.poll() is not None:
            break
        samples.append((round(time.monotonic() - start, 1), resident(process.pid)))
        if (time.monotonic() - start) // replace > turn:
            turn += 1
            _replace(store, good[: len(good) // 2] if turn % 3 == 2 else good)
    return samples


def of_answers(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and latency."""
    latency = [answer["latency_ms"] for answer in answers] or [0.0]
    return {
        "answers": len(answers),
        "match": sum(answer["decision"] == "match" for answer in answers),
        "latency_ms_p50": round(float(np.percentile(latency, 50)), 2),
        "latency_ms_p90": round(float(np.percentile(latency, 90)), 2),
    }


def of_lines(lines: list[str]) -> dict[str, Any]:
    """What the process wrote to standard error."""
    return {
        "frames": int(lines[-1].split(" frames")[0].split()[-1].replace(",", "")),
        "replaced": sum("new, 30 products" in line for line in lines),
        "refused": sum("going on with the one before" in line for line in lines),
        "summary": lines[-1],
    }


def of_memory(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Minutes, and the memory over them in MiB."""
    at, mib = np.array(samples).T
    late = at >= SETTLED * at[-1]
    slope = float(np.polyfit(at[late] / 3600, mib[late], 1)[0]) if late.sum() > 2 else 0.0
    return {
        "minutes": round(at[-1] / 60, 1),
        "mib_first": mib[0],
        "mib_after_settling": float(mib[late][0]),
        "mib_last": mib[-1],
        "mib_max": float(mib.max()),
        "mib_per_hour": round(slope, 3),
    }


def write_film(path: Path, fps: float) -> int:
    """Write the video; gives how many things are shown in it."""
    import cv2

    things = [*photo_names(), *photo_names("unknown")]
    shots = []
    for name in things:
        shots += [Shot(name, seconds=2.0, enter=0.6), Shot(EMPTY, seconds=1.5, enter=0.6)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    for pixels in render_frames(shots, fps=fps):
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    return len(things)


def resident(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2)


FIGURES = (
    "minutes", "status", "frames", "products_a_round", "answers", "match", "replaced", "refused",
    "mib_first", "mib_after_settling", "mib_last", "mib_max", "mib_per_hour", "descriptors",
    "latency_ms_p50", "latency_ms_p90", "summary",
)  # fmt: skip


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    step = max(len(report["samples"]) // 12, 1)
    memory = ((f"{at / 60:.0f}", f"{mib:.2f}") for at, mib in report["samples"][::step])
    figures = ((name.replace("_", " "), str(report[name])) for name in FIGURES)
    return (
        "Not measured: a camera's driver, a Raspberry Pi.\n"
        + table(("figure", "value"), figures)
        + table(("minute", "resident MiB"), memory)
    )


def _replace(path: Path, content: bytes) -> None:
    """Replace a file at once."""
    neighbour = path.with_suffix(".new")
    neighbour.write_bytes(content)
    shutil.move(neighbour, path)


if __name__ == "__main__":
    main()
