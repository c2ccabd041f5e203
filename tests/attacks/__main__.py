"""The attacks with counts: `python -m tests.attacks [--long]`; ends with 1 if one succeeds."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from shelflens import Catalog, CatalogError
from tests.attacks.damage import cut, flipped, large_catalog, mixed, tally
from tests.attacks.deltas import broken as delta_broken
from tests.attacks.deltas import kill_during_apply, odd_deltas, shop
from tests.attacks.deltas import tally as delta_tally
from tests.attacks.odd_contents import odd_contents, sound
from tests.attacks.overwrites import overwritten
from tests.attacks.renames import mixed_opens
from tests.attacks.writers import concurrent_adds, kill_during_save

Attack = Callable[[Path, bool], tuple[str, int]]
"""Runs in a folder, short or long; what came, and how many of it broke the promise."""


def small_damage(folder: Path, long: bool) -> tuple[str, int]:
    """A catalog of 1 KB: every byte, every length, and random damage."""
    path, generator = folder / "small.catalog", random.Random(1)
    sound(path)
    whole = path.read_bytes()
    counts: Counter[str] = Counter()
    for _ in range(20 if long else 1):
        counts += tally(whole, path, flipped(whole, iter(range(len(whole))), generator))
    counts += tally(whole, path, cut(whole, iter(range(len(whole)))))
    counts += tally(whole, path, mixed(whole, 60_000 if long else 500, generator))
    return _counted(counts)


def large_damage(folder: Path, long: bool) -> tuple[str, int]:
    """A catalog above 4 MiB: sampled bytes and lengths, and random damage."""
    path, generator = folder / "large.catalog", random.Random(2)
    whole = large_catalog(path)
    count = 2000 if long else 100
    offsets = [generator.randrange(len(whole)) for _ in range(count)]
    counts = tally(whole, path, flipped(whole, iter(offsets), generator))
    counts += tally(whole, path, cut(whole, iter(offsets[: count // 4])))
    counts += tally(whole, path, mixed(whole, count // 4, generator))
    return _counted(counts)


def _counted(counts: Counter[str]) -> tuple[str, int]:
    return _counts(counts), counts["other answers"] + counts["raw exception"] + counts["slow"]


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)


def odd(folder: Path, long: bool) -> tuple[str, int]:
    """Right checksums and odd contents."""
    refused = wrong = 0
    for _ in odd_contents(folder / "odd.catalog"):
        try:
            Catalog.open(folder / "odd.catalog")
            wrong += 1
        except CatalogError:
            refused += 1
        except Exception:
            wrong += 1
    return f"{refused} refused, {wrong} not", wrong


def writers(folder: Path, long: bool) -> tuple[str, int]:
    """Four `catalog add` at once."""
    rounds = 40 if long else 10
    lost, refused = concurrent_adds(folder, rounds=rounds, writers=4)
    return f"{4 * rounds} commands, {lost} changes lost, {refused} refused", lost + refused


def kills(folder: Path, long: bool) -> tuple[str, int]:
    """SIGKILL while a catalog is saved."""
    count = 1000 if long else 30
    broken = kill_during_save(folder, kills=count)
    return f"{count} kills, {broken} catalogs not whole", broken


def deltas(folder: Path, long: bool) -> tuple[str, int]:
    """Damaged and odd deltas, and SIGKILL while one is applied."""
    delta, generator = shop(folder), random.Random(3)
    whole = delta.read_bytes()
    counts = delta_tally(folder, flipped(whole, iter(range(len(whole))), generator))
    counts += delta_tally(folder, cut(whole, iter(range(len(whole)))))
    counts += delta_tally(folder, mixed(whole, 10_000 if long else 300, generator))
    counts += delta_tally(folder, (data for _, data in odd_deltas(delta)))
    count = 200 if long else 20
    lost = kill_during_apply(folder, kills=count)
    text = f"{_counts(counts)}; {count} kills, {lost} catalogs neither old nor new"
    return text, delta_broken(counts) + lost


def overwrites(folder: Path, long: bool) -> tuple[str, int]:
    """A mapped catalog overwritten in place; a lookup that is under way then is not promised."""
    count = 100 if long else 15
    paused, steady = (overwritten(folder, times=count, pause=pause) for pause in (0.2, 0.0))
    text = f"{count} times, {paused} ended that look up every 0.2 s, {steady} without a pause"
    return text, max(0, paused - count // 4)


def renames(folder: Path, long: bool) -> tuple[str, int]:
    """Opens while files of equal size are renamed over each other."""
    opens, wrong, refused = mixed_opens(folder, seconds=60 if long else 5)
    return f"{opens:,} opens, {wrong} of two files, {refused} refused", wrong + refused


ATTACKS: tuple[Attack, ...] = (
    small_damage,
    large_damage,
    odd,
    writers,
    kills,
    deltas,
    overwrites,
    renames,
)


def main() -> int:
    """Run every attack and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more than 60,000 files, 1,000 kills")
    parser.add_argument(
        "--only", choices=[attack.__name__ for attack in ATTACKS], help="one of them"
    )
    args = parser.parse_args()
    broken = 0
    for attack in ATTACKS:
        if args.only and attack.__name__ != args.only:
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            text, count = attack(Path(folder), args.long)
        broken += count
        spent = time.monotonic() - start
        print(f"{'ok    ' if not count else 'BROKEN'} {attack.__name__:<13} {text}; {spent:.0f} s")
        sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
