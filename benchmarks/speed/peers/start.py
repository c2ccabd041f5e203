"""New processes, and what is installed for them."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.provenance import ROOT
from benchmarks.speed.peers import adapters
from benchmarks.speed.peers.ratios import Row
from shelflens import Catalog
from shelflens.bench.measure import LOOKUP
from shelflens.bench.timing import Times


def start(model: Path, store: Path, folder: Path, turns: int) -> Row:
    """New processes in turn: our lookup of a photo, MediaPipe's embedding of it."""
    photo = folder / "348.jpg"
    words = [str(photo), "--catalog", str(store), "--model", str(model)]
    commands = {
        "shelflens": [sys.executable, "-c", LOOKUP, "lookup", *words],
        "mediapipe": [sys.executable, "-c", adapters.MEDIAPIPE_START, str(model), str(photo)],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, list[int]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            if turn:
                spent[name].append((time.perf_counter() - begin) * 1e3)
            peaks[name] += map(int, done.stdout.rpartition("peak KiB")[2].split())
    return {
        "products": len(Catalog.open(store)),
        **{f"{name}_ms": Times.of(times).to_dict() for name, times in spent.items()},
        "peak_mib": {name: round(max(kib) / 1024, 1) for name, kib in peaks.items()},
    }


def installed(name: str) -> dict[str, float]:
    """MiB of a package and of all that it needs, as they lie in this environment."""
    sizes: dict[str, float] = {}
    waiting = [name]
    while waiting:
        package = waiting.pop()
        if package in sizes:
            continue
        try:
            found = distribution(package)
        except PackageNotFoundError:
            continue
        files = [Path(str(found.locate_file(file))) for file in found.files or []]
        if package == "shelflens":  # from the working tree: what the wheel holds
            files = [
                file
                for folder in (
                    "runtime/shelflens",
                    "train/shelflens_train",
                    "export/shelflens_export",
                )
                for file in (ROOT / folder).rglob("*")
                if "__pycache__" not in file.parts
            ]
        sizes[package] = round(_size(files) / 2**20, 1)
        for line in found.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name.lower().replace("_", "-"))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in set(files) if file.is_file())
