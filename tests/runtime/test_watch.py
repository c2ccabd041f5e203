"""The camera loop on rendered films: one answer per product shown, and when none."""

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
from shelflens.watch.gate import difference, sharpness, small
from shelflens.watch.meter import Ring
from shelflens.watch.scene import Scene
from tests.support.film import COUNTER, DEMO, Shot, film, names, picture, product_of

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
    gates: FrameFilter | None = None,
) -> list[Sighting]:
    """What is said to a film."""
    frames = (Frame(one, n / fps) for n, one in enumerate(film(shots, fps=fps)))
    return list(watch(frames, catalog, embedder, gates=gates))


def said(found: Sequence[Sighting]) -> list[str]:
    """The product of each answer, or its decision."""
    return [one.answer.best.id if one.answer.best else one.answer.decision for one in found]


@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0])
def test_one_answer_for_each_product_shown(
    fps: float, catalog: Catalog, embedder: Embedder
) -> None:
    shots = [
        Shot(COUNTER, 1),
        Shot(CHICKPEAS, 3, enter=0.5),
        Shot(COUNTER, 2, enter=0.5),
        Shot(HONEY, 3, enter=0.5),
    ]
    found = answers(shots, catalog, embedder, fps=fps)
    assert said(found) == ["unknown", product_of(CHICKPEAS), "unknown", product_of(HONEY)]
    first = found[1]
    assert 1.5 < first.at < 3.0  # it lay still from 1.5 s on
    assert first.frames == (3 if fps > 5 else first.frames)
    assert 300 <= first.still_ms <= 1100
    assert 0 < first.latency_ms < 10_000


def test_a_product_that_comes_back_is_answered_again(catalog: Catalog, embedder: Embedder) -> None:
    shots = [Shot(CHICKPEAS, 2), Shot(COUNTER, 2, enter=0.4), Shot(CHICKPEAS, 2, enter=0.4)]
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
    passing = [Shot(name, 0.1, enter=0.4) for name in names()]
    assert answers(passing, catalog, embedder) == []


def test_a_hand_that_shifts_the_product_gets_no_second_answer(
    catalog: Catalog, embedder: Embedder
) -> None:
    shaking = [Shot(CHICKPEAS, 2), *[Shot(CHICKPEAS, 0.3, tremble=12), Shot(CHICKPEAS, 0.8)] * 4]
    assert said(answers(shaking, catalog, embedder)) == [product_of(CHICKPEAS)]


def test_out_of_focus_is_not_answered_and_said(catalog: Catalog, embedder: Embedder) -> None:
    sharp = Image.fromarray(picture(CHICKPEAS).astype(np.uint8))
    dim = np.asarray(sharp.filter(ImageFilter.GaussianBlur(6)))
    watcher = Watcher(catalog, embedder)
    assert all(watcher.see(Frame(dim, n / 15)) is None for n in range(45))
    assert watcher.state == "blurred"
    assert watcher.finish() is None
    # The lens finds its focus: the same scene is answered at once.
    held = np.asarray(sharp)
    found = [one for n in range(45, 90) if (one := watcher.see(Frame(held, n / 15)))]
    assert said(found) == [product_of(CHICKPEAS)]


def test_the_lamp_is_no_new_scene(catalog: Catalog, embedder: Embedder) -> None:
    held = picture(CHICKPEAS)
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

    frames = list(film([Shot(CHICKPEAS, 2)], fps=10))
    (found,) = watch((Frame(one, n / 10) for n, one in enumerate(frames)), catalog, embedder)
    taken = frames[found.frame - 3 : found.frame]
    assert found.frames == 3
    assert found.answer == fuse(catalog, [embedder.embed(one) for one in taken])


def test_a_sighting_is_json(catalog: Catalog, embedder: Embedder) -> None:
    (found,) = answers([Shot(CHICKPEAS, 2)], catalog, embedder)
    told = found.to_dict()
    assert set(told) == {
        "frame", "at", "frames", "still_ms", "latency_ms", "id", "name",
        "decision", "confidence", "basis", "matches",
    }  # fmt: skip
    assert told["id"] == told["matches"][0]["id"] == product_of(CHICKPEAS)


def test_unreadable_frames_are_told_and_left_out(catalog: Catalog, embedder: Embedder) -> None:
    held = [Frame(one, n / 15) for n, one in enumerate(film([Shot(CHICKPEAS, 2)], fps=15))]
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
    frames = [Frame(one, n / 15) for n, one in enumerate(film([Shot(CHICKPEAS, 4)], fps=15))]
    before = [one for frame in frames[:30] if (one := watcher.see(frame))]
    watcher.use(catalog, embedder)
    after = [one for frame in frames[30:] if (one := watcher.see(frame))]
    assert product_of(CHICKPEAS) not in said(before)
    assert said(after) == [product_of(CHICKPEAS)]


def test_a_catalog_of_another_space_is_refused(catalog: Catalog, embedder: Embedder) -> None:
    other = Catalog(["a"], np.eye(1, 8, dtype=np.float32), space="other")
    with pytest.raises(SpaceError):
        Watcher(other, embedder)
    watcher = Watcher(catalog, embedder)
    with pytest.raises(SpaceError):
        watcher.use(other, embedder)


def test_a_clock_that_goes_back_starts_again(catalog: Catalog, embedder: Embedder) -> None:
    held = list(film([Shot(CHICKPEAS, 2)], fps=15))
    frames = [Frame(one, n / 15) for n, one in enumerate(held)] * 2
    assert said(list(watch(frames, catalog, embedder))) == [product_of(CHICKPEAS)] * 2


def test_the_defaults_fit_the_demo_photos(embedder: Embedder) -> None:
    """What the help texts of the gates say."""
    gates = FrameFilter()
    sharp, blurred, pictures = [], [], []
    for path in sorted((DEMO / "photos").glob("*.jpg")):
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        photo.thumbnail((320, 320))
        pixels = embedder.load(photo)
        sharp.append(sharpness(pixels))
        away = photo.filter(ImageFilter.GaussianBlur(0.02 * photo.width))
        blurred.append(sharpness(embedder.load(away)))
        pictures.append((product_of(path.name), small(pixels)))
    assert min(sharp) > gates.sharp > max(blurred)
    apart = [
        difference(one, other)
        for n, (name, one) in enumerate(pictures)
        for third, other in pictures[n + 1 :]
        if name != third
    ]
    assert np.percentile(apart, 1) > gates.change


def test_sharpness_does_not_depend_on_the_light() -> None:
    pixels = picture(CHICKPEAS)
    bright, dim = (sharpness((pixels * gain).astype(np.uint8)) for gain in (1.0, 0.3))
    assert dim == pytest.approx(bright, rel=0.1)
    assert sharpness(np.full((224, 224, 3), 90, np.uint8)) == 0


def test_variants_that_differ_in_colour_alone_are_different() -> None:
    red = np.zeros((224, 224, 3), np.uint8)
    green = red.copy()
    red[60:160, 60:160, 0], green[60:160, 60:160, 1] = 170, 87  # about the same grey
    greys = [np.asarray(Image.fromarray(one).convert("L"))[100, 100] for one in (red, green)]
    assert abs(int(greys[0]) - int(greys[1])) <= 1
    assert difference(small(red), small(green)) > FrameFilter().steady


@pytest.mark.parametrize(
    "knobs",
    [{"sharp": -1}, {"settle": math.inf}, {"again": math.nan}, {"burst": 0}, {"change": 1.0}],
)
def test_knobs_out_of_range_are_refused(knobs: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(knobs))):
        FrameFilter(**knobs)  # type: ignore[arg-type]


def flat(level: float) -> NDArray[np.float32]:
    """A small picture, half of it at this level: its difference to 0 is half of the level."""
    one = np.zeros((32, 32, 3), np.float32)
    one[:16] = level
    return one


steps = st.lists(
    st.tuples(st.floats(0, 0.5), st.sampled_from([0.0, 5.0, 30.0, 60.0, 90.0]), st.booleans()),
    min_size=1,
    max_size=80,
)


@given(steps, st.integers(1, 4))
@settings(max_examples=200)
def test_the_scene_keeps_its_promises(film: list[tuple[float, float, bool]], burst: int) -> None:
    """For any row of frames: what is taken was still long enough, sharp, apart, and asked for."""
    gates = FrameFilter(burst=burst)
    scene = Scene(gates)
    at = 0.0
    taken: list[tuple[float, float]] = []
    for passed, level, sharp in film:
        at += passed
        state = scene.see(at, flat(level), 1.0 if sharp else 0.0)
        if state == "take":
            assert sharp
            assert at - scene.since >= gates.settle - 1e-6
            if scene.taken == 1:
                taken = []
            assert all(abs(level - other) / 2 <= 2 * gates.steady for _, other in taken)
            assert not taken or at - taken[-1][0] >= gates.apart - 1e-6
            taken.append((at, level))
            assert len(taken) == scene.taken <= burst
        if scene.ready:
            assert 1 <= len(taken) <= burst
            assert len(taken) == burst or at - scene.since >= gates.patience - 1e-6
            scene.close()
            assert scene.see(at, flat(level), 1.0) == "answered"
            assert not scene.ready


def answer(decision: str, *products: str) -> Answer:
    """An answer that names these products, best first."""
    matches = [Match(one, one, 0.9) for one in products]
    named = matches if decision == "ambiguous" else []
    return Answer(decision, matches, 0.9, candidates=named)  # type: ignore[arg-type]


EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_the_same_product_is_news_only_when_it_is_surer_or_was_away() -> None:
    debounce = Debounce(again=1.0)

    def news(what: Answer, away: float, looks: NDArray[np.float32] = EAST) -> bool:
        return debounce.news(what, looks, away, alike=0.5)

    assert news(answer("ambiguous", "a", "b"), math.inf)
    assert not news(answer("ambiguous", "b", "a"), 0.2)
    assert news(answer("match", "b"), 0.2)
    assert not news(answer("match", "b"), 0.2)
    assert not news(answer("unknown", "b"), 0.2)
    assert news(answer("match", "b"), 1.5)
    assert news(answer("match", "c"), 0.1)
    assert news(answer("unknown", "d"), 0.1)
    assert not news(answer("unknown", "e"), 0.1), "it looks as before"
    assert news(answer("unknown", "f"), 0.1, NORTH)
    assert news(Answer("unknown", []), 0.1, np.ones(3, np.float32)), "another space"


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 16))
def test_a_ring_is_the_newest_figures(figures: list[float], size: int) -> None:
    ring = Ring(size)
    for one in figures:
        ring.add(one)
    kept = figures[-size:]
    assert ring.count == len(figures)
    for percent in (0, 50, 90):
        expected = float(np.percentile(kept, percent)) if kept else 0.0
        assert ring.percentile(percent) == pytest.approx(expected)


def test_a_ring_of_times_is_a_rate() -> None:
    ring = Ring(8)
    assert ring.rate() == 0
    for n in range(20):
        ring.add(n / 25)
    assert ring.rate() == pytest.approx(25)
