"""Damaged and odd catalogs: refused by one CatalogError, quickly, or the same catalog."""

from __future__ import annotations

import random
import resource
import time
from pathlib import Path

import pytest

from shelflens import Catalog, CatalogError
from tests.attacks.damage import cut, flipped, large_catalog, mixed, tally
from tests.attacks.odd_contents import odd_contents, sound
from tests.attacks.renames import mixed_opens

HARMLESS = {"other answers": 0, "raw exception": 0, "slow": 0}


def test_every_byte_of_a_small_catalog_matters(tmp_path: Path) -> None:
    path = tmp_path / "small.catalog"
    sound(path)
    whole, generator = path.read_bytes(), random.Random(1)
    for damages in (
        flipped(whole, iter(range(len(whole))), generator),
        cut(whole, iter(range(len(whole)))),
        mixed(whole, 300, generator),
    ):
        counts = tally(whole, path, damages)
        assert {name: counts[name] for name in HARMLESS} == HARMLESS, counts
        assert counts["refused"] > 0.9 * counts.total(), counts


def test_sampled_bytes_of_a_large_catalog_matter(tmp_path: Path) -> None:
    path = tmp_path / "large.catalog"
    whole, generator = large_catalog(path), random.Random(2)
    offsets = [generator.randrange(len(whole)) for _ in range(40)]
    for damages in (
        flipped(whole, iter(offsets), generator),
        cut(whole, iter(offsets[:10])),
        mixed(whole, 10, generator),
    ):
        counts = tally(whole, path, damages)
        assert counts["refused"] == counts.total() - counts["slow"], counts
        assert {name: counts[name] for name in HARMLESS} == HARMLESS, counts


def test_odd_contents_with_right_checksums_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.catalog"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in odd_contents(path):
        start = time.monotonic()
        with pytest.raises(CatalogError) as caught:
            Catalog.open(path)
        assert time.monotonic() - start < 4, name
        assert "\n" not in str(caught.value), name
        assert len(str(caught.value)) < 400, name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_a_reader_sees_one_file_while_others_are_renamed_over_it(tmp_path: Path) -> None:
    opens, mixed_ones, refused = mixed_opens(tmp_path, seconds=2)
    assert opens > 10
    assert (mixed_ones, refused) == (0, 0)
