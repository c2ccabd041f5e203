"""The camera loop on rendered videos: one answer per product shown, and when none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelflens import Catalog, Embedder
from shelflens.catalog.answer import Answer, Match
from shelflens.errors import DataError, PhotoError, SpaceError
from shelflens.watch import Frame, FrameFilter, Sighting, Watcher, watch
from shelflens.watch.debounce import Debounce
from shelflens.watch.frame_filter import difference, downscale, sharpness
from shelflens.watch.ring_buffer import RingBuffer
from shelflens.watch.scene import Scene
from tests.support.rendered_video import (
    DEMO,
    EMPTY,
    Shot,
    photo_frame,
    photo_names,
    product_of,
    render_frames,
)

CHICKPEAS, HONEY = "chickpeas-no-salt-tinlo-1.jpg", "raw-honey-acacia-norsa-ash-1.jpg"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open(threads=1)


@pytest.fixture(scope="module")
def catalog(built: Path) -> Catalog:
    return Catalog.open(built)


def answers(
    shots: Sequence[Shot],
    catalog: Catalog,
    embedder: Embedder,
    *,
    fps: float = 15.0,
    frame_filter: FrameFilter | None = None,
) -> list[Sighting]:
    """The answers to a video."""
    frames = (Frame(pixels, n / fps) for n, pixels in enumerate(render_frames(shots, fps=fps)))
    return list(watch(frames, catalog, embedder, frame_filter=frame_filter))


def said(found: Sequence[Sighting]) -> list[str]:
    """The product of each answer, or its decision."""
    return [
        sighting.answer.best.id if sighting.answer.best else sighting.answer.decision
        for sighting in found
    ]


@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0])
def test_one_answer_for_each_product_shown(
    fps: float, catalog: Catalog, embedder: Embedder
) -> None:
    shots = [
        Shot(EMPTY, 1),
        Shot(CHICKPEAS, 3, enter=0.5),
        Shot(EMPTY, 2, enter=0.5),
        Shot(HONEY, 3, enter=0.5),
    ]
    found = answers(shots, catalog, embedder, fps=fps)
    assert said(found) == ["unknown", product_of(CHICKPEAS), product_of(HONEY)]
    first = found[1]
    assert 1.5 < first.at < 3.0  # it lay still from 1.5 s on
    assert first.frames == (3 if fps > 5 else first.frames)
    assert 300 <= first.still_ms <= 1100
    assert 0 < first.latency_ms < 10_000


def test_a_product_that_comes_back_is_answered_again(catalog: Catalog, embedder: Embedder) -> None:
    shots = [Shot(CHICKPEAS, 2), Shot(EMPTY, 2, enter=0.4), Shot(CHICKPEAS, 2, enter=0.4)]
    assert said(answers(shots, catalog, embedder)) == [
        product_of(CHICKPEAS), "unknown", product_of(CHICKPEAS)
    ]  # fmt: skip


def test_a_swap_without_a_pause_gives_both(catalog: Catalog, embedder: Embedder) -> None:
    shots = [Shot(CHICKPEAS, 2), Shot(HONEY, 2, enter=0.4)]
    assert said(answers(shots, catalog, embedder)) == [product_of(CHICKPEAS), product_of(HONEY)]


def test_a_hard_cut_gives_both(catalog: Catalog, embedder: Embedder) -> None:
    shots = [Shot(CHICKPEAS, 2), Shot(HONEY, 2)]
    assert said(answers(shots, catalog, embedder)) == [product_of(CHICKPEAS), product_of(HONEY)]


def test_what_passes_by_is_not_answered(catalog: Catalog, embedder: Embedder) -> None:
    passing = [Shot(name, 0.1, enter=0.4) for name in photo_names()]
    assert answers(passing, catalog, embedder) == []


def test_a_hand_that_shifts_the_product_gets_no_second_answer(
    catalog: Catalog, embedder: Embedder
) -> None:
    shaking = [Shot(CHICKPEAS, 2), *[Shot(CHICKPEAS, 0.3, tremble=12), Shot(CHICKPEAS, 0.8)] * 4]
    assert said(answers(shaking, catalog, embedder)) == [product_of(CHICKPEAS)]


def test_out_of_focus_is_not_answered_and_said(catalog: Catalog, embedder: Embedder) -> None:
    sharp = Image.fromarray(photo_frame(CHICKPEAS).astype(np.uint8))
    dim = np.asarray(sharp.filter(ImageFilter.GaussianBlur(6)))
    watcher = Watcher(catalog, embedder)
    assert all(watcher.see(Frame(dim, n / 15)) is None for n in range(45))
    assert watcher.state == "blurred"
    assert watcher.finish() is None
    # The lens finds its focus: the same scene is answered at once.
    held = np.asarray(sharp)
    found = [sighting for n in range(45, 90) if (sighting := watcher.see(Frame(held, n / 15)))]
    assert said(found) == [product_of(CHICKPEAS)]


def test_the_lamp_is_no_new_scene(catalog: Catalog, embedder: Embedder) -> None:
    held = photo_frame(CHICKPEAS)
    levels = [1.0] * 30 + [0.9] * 30 + [1.05] * 30
    frames = (
        Frame(np.clip(held * level, 0, 255).astype(np.uint8), n / 15)
        for n, level in enumerate(levels)
    )
    assert said(list(watch(frames, catalog, embedder))) == [product_of(CHICKPEAS)]


def test_an_unfinished_burst_is_answered_at_the_end(catalog: Catalog, embedder: Embedder) -> None:
    found = answers([Shot(CHICKPEAS, 0.45)], catalog, embedder)
    assert said(found) == [product_of(CHICKPEAS)]
    assert found[0].frames < 3


def test_the_burst_is_fused(catalog: Catalog, embedder: Embedder) -> None:
    """The answer is that of `fuse` to the frames that were taken."""
    from shelflens.catalog.fuse import fuse

    frames = list(render_frames([Shot(CHICKPEAS, 2)], fps=10))
    (found,) = watch((Frame(pixels, n / 10) for n, pixels in enumerate(frames)), catalog, embedder)
    taken = frames[found.frame - 3 : found.frame]
    assert found.frames == 3
    assert found.answer == fuse(catalog, [embedder.embed(pixels) for pixels in taken])


def test_a_sighting_is_json(catalog: Catalog, embedder: Embedder) -> None:
    (found,) = answers([Shot(CHICKPEAS, 2)], catalog, embedder)
    values = found.to_dict()
    assert set(values) == {
        "frame", "at", "frames", "still_ms", "latency_ms", "id", "name",
        "decision", "confidence", "basis", "matches",
    }  # fmt: skip
    assert values["id"] == values["matches"][0]["id"] == product_of(CHICKPEAS)


def test_unreadable_frames_are_told_and_left_out(catalog: Catalog, embedder: Embedder) -> None:
    held = [
        Frame(pixels, n / 15)
        for n, pixels in enumerate(render_frames([Shot(CHICKPEAS, 2)], fps=15))
    ]
    frames: list[Frame | None] = [*held[:10], Frame(b"no picture", 0.65), None, *held[10:]]
    problems: list[tuple[int, str]] = []
    found = list(
        watch(frames, catalog, embedder, on_error=lambda n, e: problems.append((n, str(e))))
    )
    assert said(found) == [product_of(CHICKPEAS)]
    assert [number for number, _ in problems] == [11]
    with pytest.raises(PhotoError):
        list(watch(frames, catalog, embedder))


def test_another_catalog_is_asked_about_what_is_being_shown(
    catalog: Catalog, embedder: Embedder
) -> None:
    without = catalog.remove([product_of(CHICKPEAS)])
    watcher = Watcher(without, embedder)
    frames = [
        Frame(pixels, n / 15)
        for n, pixels in enumerate(render_frames([Shot(CHICKPEAS, 4)], fps=15))
    ]
    before = [sighting for frame in frames[:30] if (sighting := watcher.see(frame))]
    watcher.use(catalog, embedder)
    after = [sighting for frame in frames[30:] if (sighting := watcher.see(frame))]
    assert product_of(CHICKPEAS) not in said(before)
    assert said(after) == [product_of(CHICKPEAS)]


def test_a_catalog_of_another_space_is_refused(catalog: Catalog, embedder: Embedder) -> None:
    foreign = Catalog(["a"], np.eye(1, 8, dtype=np.float32), space="other")
    with pytest.raises(SpaceError):
        Watcher(foreign, embedder)
    watcher = Watcher(catalog, embedder)
    with pytest.raises(SpaceError):
        watcher.use(foreign, embedder)


def test_a_clock_that_goes_back_starts_again(catalog: Catalog, embedder: Embedder) -> None:
    held = list(render_frames([Shot(CHICKPEAS, 2)], fps=15))
    frames = [Frame(pixels, n / 15) for n, pixels in enumerate(held)] * 2
    assert said(list(watch(frames, catalog, embedder))) == [product_of(CHICKPEAS)] * 2


def test_the_defaults_fit_the_demo_photos(embedder: Embedder) -> None:
    """What the help texts of the options say."""
    frame_filter = FrameFilter()
    sharp, blurred, pictures = [], [], []
    for path in sorted((DEMO / "photos").glob("*.jpg")):
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        photo.thumbnail((320, 320))
        pixels = embedder.load(photo)
        sharp.append(sharpness(pixels))
        away = photo.filter(ImageFilter.GaussianBlur(0.02 * photo.width))
        blurred.append(sharpness(embedder.load(away)))
        pictures.append((product_of(path.name), downscale(pixels)))
    assert min(sharp) > frame_filter.sharp > max(blurred)
    apart = [
        difference(a, b)
        for n, (name, a) in enumerate(pictures)
        for third, b in pictures[n + 1 :]
        if name != third
    ]
    assert np.percentile(apart, 1) > frame_filter.change


def test_sharpness_does_not_depend_on_the_light() -> None:
    pixels = photo_frame(CHICKPEAS)
    bright, dim = (sharpness((pixels * gain).astype(np.uint8)) for gain in (1.0, 0.3))
    assert dim == pytest.approx(bright, rel=0.1)
    assert sharpness(np.full((224, 224, 3), 90, np.uint8)) == 0


def test_variants_that_differ_in_colour_alone_are_different() -> None:
    red = np.zeros((224, 224, 3), np.uint8)
    green = red.copy()
    red[60:160, 60:160, 0], green[60:160, 60:160, 1] = 170, 87  # about the same grey
    greys = [np.asarray(Image.fromarray(pixels).convert("L"))[100, 100] for pixels in (red, green)]
    assert abs(int(greys[0]) - int(greys[1])) <= 1
    assert difference(downscale(red), downscale(green)) > FrameFilter().steady


@pytest.mark.parametrize(
    "options",
    [{"sharp": -1}, {"settle": math.inf}, {"again": math.nan}, {"burst": 0}, {"change": 1.0}],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(options))):
        FrameFilter(**options)  # type: ignore[arg-type]


def flat(level: float) -> NDArray[np.float32]:
    """A small picture, half of it at this level: its difference to 0 is half of the level."""
    thumbnail = np.zeros((32, 32, 3), np.float32)
    thumbnail[:16] = level
    return thumbnail


steps = st.lists(
    st.tuples(st.floats(0, 0.5), st.sampled_from([0.0, 5.0, 30.0, 60.0, 90.0]), st.booleans()),
    min_size=1,
    max_size=80,
)


@given(steps, st.integers(1, 4))
@settings(max_examples=200)
def test_the_scene_keeps_its_promises(
    render_frames: list[tuple[float, float, bool]], burst: int
) -> None:
    """For any row of frames: what is taken was still long enough, sharp, apart, and asked for."""
    frame_filter = FrameFilter(burst=burst)
    scene = Scene(frame_filter)
    at = 0.0
    taken: list[tuple[float, float]] = []
    for passed, level, sharp in render_frames:
        at += passed
        state = scene.update(at, flat(level), 1.0 if sharp else 0.0)
        if state == "take":
            assert sharp
            assert at - scene.since >= frame_filter.settle - 1e-6
            if scene.taken == 1:
                taken = []
            assert all(abs(level - earlier) / 2 <= 2 * frame_filter.steady for _, earlier in taken)
            assert not taken or at - taken[-1][0] >= frame_filter.apart - 1e-6
            taken.append((at, level))
            assert len(taken) == scene.taken <= burst
        if scene.ready:
            assert 1 <= len(taken) <= burst
            assert len(taken) == burst or at - scene.since >= frame_filter.patience - 1e-6
            scene.close()
            assert scene.update(at, flat(level), 1.0) == "answered"
            assert not scene.ready


def answer(decision: str, *products: str) -> Answer:
    """An answer that names these products, best first."""
    matches = [Match(product, product, 0.9) for product in products]
    named = matches if decision == "ambiguous" else []
    return Answer(decision, matches, 0.9, candidates=named)  # type: ignore[arg-type]


EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_the_same_product_is_new_only_when_it_is_more_certain_or_was_away() -> None:
    debounce = Debounce(again=1.0)

    def is_new(what: Answer, away: float, embedding: NDArray[np.float32] = EAST) -> bool:
        return debounce.is_new(what, embedding, away, threshold=0.5)

    assert is_new(answer("ambiguous", "a", "b"), math.inf)
    assert not is_new(answer("ambiguous", "b", "a"), 0.2)
    assert is_new(answer("match", "b"), 0.2)
    assert not is_new(answer("match", "b"), 0.2)
    assert not is_new(answer("unknown", "b"), 0.2)
    assert is_new(answer("match", "b"), 1.5)
    assert is_new(answer("match", "c"), 0.1)
    assert is_new(answer("unknown", "d"), 0.1)
    assert not is_new(answer("unknown", "e"), 0.1), "it looks as before"
    assert is_new(answer("unknown", "f"), 0.1, NORTH)
    assert is_new(Answer("unknown", []), 0.1, np.ones(3, np.float32)), "another space"


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 16))
def test_a_ring_buffer_is_the_newest_values(values: list[float], size: int) -> None:
    ring = RingBuffer(size)
    for value in values:
        ring.add(value)
    kept = values[-size:]
    assert ring.count == len(values)
    for percent in (0, 50, 90):
        expected = float(np.percentile(kept, percent)) if kept else 0.0
        assert ring.percentile(percent) == pytest.approx(expected)


def test_a_ring_of_times_is_a_rate() -> None:
    ring = RingBuffer(8)
    assert ring.rate() == 0
    for n in range(20):
        ring.add(n / 25)
    assert ring.rate() == pytest.approx(25)
