"""Damaged profiles, and writers that make one at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shelflens import ProfileError
from shelflens.discovery.profile import Profile


def sound_profile(path: Path, events: int = 12) -> bytes:
    """Write a profile; its bytes."""
    generator = np.random.default_rng(5)
    with Profile(path, create=True) as profile:
        for n in range(events):
            vector = generator.normal(size=64).astype(np.float32)
            profile.log("like", vector, space="s", product=f"p{n}", name=f"Tea {n}", at=1e9 + n)
    return path.read_bytes()


def seen(path: Path) -> tuple[str, str]:
    """All that a reader gets of a profile."""
    with Profile(path) as profile:
        return profile.export(vectors=True), profile.space


def tally_profiles(whole: bytes, path: Path, damages: Iterator[bytes]) -> Counter[str]:
    """Open damaged profiles one after another.

    Returns:
        Counts of `refused`, `same answers`, `other answers`, `raw exception`.
    """
    path.write_bytes(whole)
    expected = seen(path)
    counts: Counter[str] = Counter()
    for data in damages:
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        path.write_bytes(data)
        try:
            counts["same answers" if seen(path) == expected else "other answers"] += 1
        except ProfileError as error:
            counts["refused"] += 1
            assert "\n" not in str(error)
        except Exception:
            counts["raw exception"] += 1
    return counts


_FIRST = """
import sys
import numpy as np
from shelflens.discovery.events import NewEvent
from shelflens.discovery.profile import Profile
path, name = sys.argv[1:]
sys.stdin.readline()
with Profile(path, create=True) as profile:
    events = [NewEvent("like", np.ones(8, np.float32), name) for _ in range(3)]
    profile.log_all(events, space="s")
"""


def first_writers(folder: Path, *, rounds: int, writers: int) -> tuple[int, int]:
    """Let several processes log the first events of one profile at the same time.

    Returns:
        How many of their events are missing, and how many processes did not end with 0.
    """
    lost = refused = 0
    for index in range(rounds):
        path = folder / f"{index}.profile"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _FIRST, str(path), str(writer)],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for writer in range(writers)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate()
            refused += process.returncode != 0
        with Profile(path) as profile:
            products = Counter(event.product for event in profile.events())
        lost += sum(3 - products[str(writer)] for writer in range(writers))
    return lost, refused
