"""`watch --find one`: the product that frames are about is followed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog, Embedder
from shelflens.commands import watch as watch_command
from shelflens.finding.finder import Finder
from shelflens.finding.follow import Follow
from shelflens.finding.regions import Region
from shelflens.watch import Frame, Watcher
from tests.support.colour_finder import GRID, cells_of, colour_finder

Run = Callable[..., tuple[int, str, str]]
LEFT, RIGHT = (0.05, 0.2, 0.4, 0.8), (0.6, 0.2, 0.95, 0.8)
RED, BLUE = (230, 20, 20), (20, 20, 230)


def regions(left: float, right: float) -> list[Region]:
    return [Region(LEFT, left), Region(RIGHT, right)]


def test_a_product_is_followed_while_it_is_there() -> None:
    follow = Follow(colour_finder([RED]))
    assert follow.choose(regions(0.9, 0.8)) == Region(LEFT, 0.9)
    # Now the right one is surer: no reason to change.
    assert follow.choose(regions(0.5, 0.95)) == Region(LEFT, 0.5)
    moved = Region((0.12, 0.25, 0.47, 0.85), 0.6)
    assert follow.choose([Region(RIGHT, 0.95), moved]) == moved
    # It is gone: the main one of those that are there.
    assert follow.choose([Region(RIGHT, 0.7)]) == Region(RIGHT, 0.7)
    assert follow.choose([]) is None
    assert follow.choose(regions(0.9, 0.8)) == Region(LEFT, 0.9)


def test_the_crop_of_a_frame_shows_the_product() -> None:
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[100:340, 60:260] = RED
    (crop,) = Follow(colour_finder([RED])).crops(frame, 224)
    assert np.abs(crop.astype(int) - RED).max(-1).mean() < 20
    assert 240 <= crop.shape[0] <= 270
    assert Follow(colour_finder([RED])).crops(np.full((480, 640, 3), 128, np.uint8), 224) == []
    assert Follow(colour_finder([RED], score=0.4)).crops(frame, 224) == []


def flapping_finder() -> Finder:
    """Two products, of which now the left one and now the right one is surer."""
    finder = colour_finder([])
    scores = cycle([(0.9, 0.8), (0.6, 0.95)])

    def cells(pixels: np.ndarray) -> np.ndarray:
        left, right = next(scores)
        return np.maximum(cells_of([LEFT], score=left), cells_of([RIGHT], score=right))

    finder.cells = cells  # type: ignore[method-assign]
    return finder


def test_answers_do_not_change_between_two_products() -> None:
    embedder = Embedder.open(threads=1)
    rng = np.random.default_rng(5)
    prints = [
        np.asarray(
            Image.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8)).resize(
                (224, 288), Image.Resampling.NEAREST
            )
        )
        for _ in range(2)
    ]
    frame = np.full((480, 640, 3), 120, np.uint8)
    frame[96:384, 32:256], frame[96:384, 384:608] = prints
    rows = np.stack([embedder.embed(each) for each in prints])
    catalog = Catalog(["left", "right"], rows, space=embedder.card.space)
    watcher = Watcher(catalog, embedder, follow=Follow(flapping_finder()))
    found = []
    for number in range(60):
        shaken = np.roll(frame, (number % 20 == 0) * 9, axis=1)  # a hand moves the counter
        if (sighting := watcher.see(Frame(shaken, number / 15))) is not None:
            found.append(sighting)
    assert [sighting.answer.matches[0].id for sighting in found] == ["left"]
    (sighting,) = found
    assert sighting.frames <= 3
    assert sighting.region is not None
    assert sighting.region.box == pytest.approx(LEFT, abs=1 / GRID)
    assert sighting.to_dict()["region"]["box"] == pytest.approx(LEFT, abs=1 / GRID)


def test_the_command_takes_a_finder_for_the_main_product_only(
    run: Run, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    frame = np.full((240, 320, 3), 128, np.uint8)
    frame[60:200, 40:200] = RED
    for number in range(12):
        Image.fromarray(frame).save(folder / f"{number:02}.png")
    words = ("watch", folder, "--catalog", built, "--fps", 10, "--max-fps", 0, "--json")
    found = colour_finder([RED])
    monkeypatch.setattr(watch_command, "open_finder", lambda args, trust=None: found)
    status, out, _ = run(*words, "--find", "one")
    assert status == 0
    assert '"region": {"box": [0.1' in out
    assert '"region"' not in run(*words)[1]
    status, _, err = run(*words, "--find", "all")
    assert (status, "invalid choice: 'all'" in err) == (2, True)
