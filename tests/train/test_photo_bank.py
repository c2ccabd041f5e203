"""Decoded photos in memory, and how much memory there is for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import PhotoError, load_image
from shelflens_train.memory import free_memory
from shelflens_train.photo_bank import PhotoBank


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seventy small photos, each of another grey."""
    paths = [tmp_path / f"{number}.png" for number in range(70)]
    for number, path in enumerate(paths):
        Image.new("RGB", (24, 20), (3 * number,) * 3).save(path)
    return paths


@pytest.mark.parametrize("budget", [0, 30 * 3 * 32**2, 10**9])
def test_blocks_are_the_photos_in_their_order(photos: list[Path], budget: int) -> None:
    bank = PhotoBank(32, budget=budget)
    for _ in range(2):  # the second time from memory, as far as they were kept
        blocks = list(bank.blocks(photos, 16))
        assert [len(block) for block in blocks] == [16, 16, 16, 16, 6]
        expected = np.stack([load_image(path, size=32) for path in photos])
        assert np.array_equal(np.concatenate(blocks), expected)


def test_a_photo_that_is_gone_is_named(photos: list[Path]) -> None:
    photos[40].write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=r"40\.png"):
        list(PhotoBank(32, budget=0).blocks(photos, 16))


def test_a_cache_that_is_too_small_says_how_much_is_needed() -> None:
    assert PhotoBank(224, budget=2 * 10**9).too_small_for(13_000) == ""
    line = PhotoBank(224, budget=2 * 10**9).too_small_for(20_000)
    assert line.startswith("cache: 13286 of 20000 photos fit into 2.0 GB")
    needed = float(line.rpartition("--cache-gb ")[2].split()[0])
    assert PhotoBank(224, budget=int(needed * 1e9)).too_small_for(20_000) == ""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   2000 kB\n"}, 2_048_000),
        ({"proc/meminfo": "MemAvailable: 2000 kB\n", "v2/memory.max": "max"}, 2_048_000),
        (
            {
                "proc/meminfo": "MemAvailable: 2000 kB\n",
                "v2/memory.max": "900000",
                "v2/memory.current": "500000",
            },
            400_000,
        ),
        (
            {
                "proc/meminfo": "MemAvailable: 2000 kB\n",
                "v2/memory/memory.limit_in_bytes": "100",
                "v2/memory/memory.usage_in_bytes": "500",
            },
            0,
        ),
    ],
)
def test_a_container_may_take_less_than_the_machine_has(
    files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / name.replace("v2", "sys/fs/cgroup")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert free_memory(tmp_path) == expected


def test_without_a_word_from_the_system_something_is_assumed(tmp_path: Path) -> None:
    assert free_memory(tmp_path) > 10**8
