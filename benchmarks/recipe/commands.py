"""Our own commands, called as a user would; a run folder that is there is not made again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.provenance import ROOT


def shelflens(*words: object) -> None:
    """Run one of our own commands."""
    run(sys.executable, "-m", "shelflens", *words)


def run(*words: object) -> None:
    """Run a command and show it."""
    command = [str(word) for word in words]
    print("$", " ".join(command), flush=True)
    subprocess.run(command, check=True, cwd=ROOT)


def trained(run_folder: Path, *words: object) -> None:
    """Run one of our commands that trains; a run that is worse than the bundled model is one."""
    try:
        shelflens(*words)
    except subprocess.CalledProcessError:
        if not (run_folder / "card.json").exists():
            raise


def fine_tuned(run_folder: Path, data: Sequence[Path], *options: object) -> Path:
    """The run folder of `shelflens train DATASET... OPTIONS`."""
    if not (run_folder / "card.json").exists():
        trained(run_folder, "train", *data, "--out", run_folder, "--resume", *options)
    return run_folder


def averaged(runs: Sequence[Path], out: Path, *options: object) -> Path:
    """The run folder of `shelflens average RUN... OPTIONS`."""
    if not (out / "card.json").exists():
        trained(out, "average", *runs, "--out", out, *options)
    return out


def exported(run_folder: Path, file: Path, variant: str) -> Path:
    """One .tflite file of a run; one that is there is not made again."""
    if not file.exists():
        out = file.with_suffix("")
        shelflens("export", run_folder, "--out", out, "--formats", variant)
        (out / f"{variant}.tflite").rename(file)
    return file
