"""Deltas that are damaged, made to harm, or whose applying is killed."""

from __future__ import annotations

import random
from pathlib import Path

from tests.attacks.damage import cut, flipped, mixed
from tests.attacks.deltas import broken, kill_during_apply, odd_deltas, shop, tally


def test_damaged_deltas_are_refused_and_change_nothing(tmp_path: Path) -> None:
    whole, generator = shop(tmp_path).read_bytes(), random.Random(0)
    offsets = list(range(0, len(whole), 3))
    counts = tally(tmp_path, flipped(whole, iter(offsets), generator))
    counts += tally(tmp_path, cut(whole, iter(offsets[::4])))
    counts += tally(tmp_path, mixed(whole, 300, generator))
    assert counts["refused"] > 800
    assert not broken(counts), counts
    assert +tally(tmp_path, iter([whole])) == {"applied": 1}


def test_odd_deltas_with_right_checksums_are_refused(tmp_path: Path) -> None:
    for name, data in odd_deltas(shop(tmp_path)):
        counts = tally(tmp_path, iter([data]))
        assert +counts == {"refused": 1}, f"{name}: {counts}"


def test_a_killed_apply_leaves_the_base_or_the_result(tmp_path: Path) -> None:
    assert kill_during_apply(tmp_path, kills=12) == 0
