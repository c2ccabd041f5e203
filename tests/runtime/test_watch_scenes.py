"""The camera loop over a counter: plain goods, the empty scene, light, a camera that is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from shelflens import Catalog, Embedder, build_catalog
from shelflens.dataset import read_dataset
from shelflens.watch import Frame, FrameFilter, Watcher
from shelflens.watch.empty_scene import EmptyScene
from shelflens.watch.focus import STEEP, Focus, steepness
from shelflens.watch.frame_filter import sharpness
from shelflens.watch.scene import State
from shelflens.watch.silence import REASONS, SECONDS, Silence
from tests.support.rendered_video import DEMO, EMPTY, photo_frame, photo_names, product_of

Run = Callable[..., tuple[int, str, str]]
Pixels = NDArray[np.float32]
FPS = 10
PLAIN = ("carton", "shirt", "bottle")


def plain(name: str, *, blur: float = 0.0) -> Image.Image:
    """A plain thing on a plain ground, 320 x 240, smooth edges; blur as a share of the width."""
    scale = 4
    image = Image.new("RGB", (320 * scale, 240 * scale), (214, 212, 206))
    draw = ImageDraw.Draw(image)
    points = {
        "carton": [(90, 50), (230, 60), (225, 200), (85, 190)],
        "shirt": [(110, 40), (210, 40), (265, 90), (235, 115), (215, 95), (215, 215), (105, 215),
                  (105, 95), (85, 115), (55, 90)],
        "bottle": [(148, 30), (172, 30), (174, 80), (196, 110), (196, 215), (124, 215), (124, 110),
                   (146, 80)],
    }[name]  # fmt: skip
    fill = {"carton": (150, 105, 60), "shirt": (35, 60, 120), "bottle": (30, 95, 60)}[name]
    draw.polygon([(x * scale, y * scale) for x, y in points], fill=fill)
    small = image.resize((320, 240), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(blur * 320)) if blur else small


def noisy(pixels: NDArray[Any], noise: float, seed: int = 0) -> NDArray[np.uint8]:
    """With grey noise of so many levels."""
    grain = np.random.default_rng(seed).normal(0, noise, pixels.shape[:2])[..., np.newaxis]
    sensed: NDArray[np.uint8] = np.clip(pixels.astype(np.float32) + grain, 0, 255).astype(np.uint8)
    return sensed


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open(threads=1)


@pytest.fixture(scope="module")
def catalog(built: Path) -> Catalog:
    return Catalog.open(built)


@pytest.fixture(scope="module")
def plain_catalog(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("plain")
    for name in PLAIN:
        (folder / name).mkdir()
        plain(name).save(folder / name / "1.png")
    return build_catalog(read_dataset(folder), embedder)


def film(parts: Sequence[tuple[NDArray[Any], float]]) -> Iterator[Frame]:
    """Each image for so many seconds, with a camera's noise."""
    index = 0
    for pixels, seconds in parts:
        for _ in range(round(seconds * FPS)):
            yield Frame(noisy(pixels, 3, index), index / FPS)
            index += 1


def said(watcher: Watcher, frames: Iterator[Frame]) -> list[str]:
    """The product of each answer, or its decision."""
    found = [sighting for frame in frames if (sighting := watcher.see(frame))]
    return [shown.answer.best.id if shown.answer.best else shown.answer.decision for shown in found]


# --- plain goods ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("blur", [0.0, 0.005])
def test_a_plain_thing_in_focus_is_answered(
    name: str, blur: float, plain_catalog: Catalog, embedder: Embedder
) -> None:
    """Also as a lens of a cheap camera shows it."""
    held = np.asarray(plain(name, blur=blur))
    assert said(Watcher(plain_catalog, embedder), film([(held, 3)])) == [name]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("blur", [0.02, 0.04])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_plain_thing_out_of_focus_is_not(name: str, blur: float, noise: float) -> None:
    frame_filter = FrameFilter()
    focus = Focus(frame_filter.sharp)
    for seed in range(20):
        pixels = noisy(np.asarray(plain(name, blur=blur).resize((224, 224))), noise, seed)
        assert focus.judge(pixels) < frame_filter.sharp
        focus.learn("blurred")


def test_steepness_does_not_depend_on_light_contrast_or_how_much_there_is(
    embedder: Embedder,
) -> None:
    for name in PLAIN:
        pixels = np.asarray(plain(name).resize((224, 224)), np.float32)
        whole, _ = steepness(pixels.astype(np.uint8))
        pale, _ = steepness((pixels * 0.3 + 150).astype(np.uint8))
        dim, _ = steepness((pixels * 0.4).astype(np.uint8))
        assert whole > STEEP
        assert pale == pytest.approx(whole, rel=0.25)
        assert dim == pytest.approx(whole, rel=0.25)
    flat = np.full((224, 224, 3), 180, np.uint8)
    assert steepness(flat)[0] == 0
    assert steepness(noisy(flat, 8))[0] == 0, "noise has no edges"
    assert steepness(noisy(flat, 8))[1] == pytest.approx(4, rel=0.2), "halved at half the side"


def test_steepness_falls_with_blur_for_print_and_plain_goods_alike(embedder: Embedder) -> None:
    """Blur by 2 % of the width is told from focus by one threshold, whatever the goods."""
    sharp, blurred = [], []
    photos = [Image.open(path).convert("RGB") for path in sorted((DEMO / "photos").glob("*.jpg"))]
    for photo in [*photos[::4], *map(plain, PLAIN)]:
        photo.thumbnail((320, 320))
        sharp.append(steepness(embedder.load(photo))[0])
        away = photo.filter(ImageFilter.GaussianBlur(0.02 * photo.width))
        blurred.append(steepness(embedder.load(away))[0])
    assert min(sharp) > 1.2 > STEEP > 0.5 > max(blurred)


def test_a_soft_lens_is_learnt(plain_catalog: Catalog, embedder: Embedder) -> None:
    """A camera that never gives more than 1 % of blur is answered from the fourth thing on."""
    soft = {name: np.asarray(plain(name, blur=0.009)) for name in PLAIN}
    assert all(sharpness(embedder.load(pixels)) < FrameFilter().sharp for pixels in soft.values())
    shown = [(soft[name], 2.5) for name in PLAIN * 3]
    found = said(Watcher(plain_catalog, embedder), film(shown))
    assert set(found) <= {*PLAIN, "ambiguous", "unknown"}
    assert 4 <= len(found) <= 6, "the first three teach it"
    mixed = [(np.asarray(plain("carton")), 2.5), (soft["shirt"], 2.5)] * 4
    found = said(Watcher(plain_catalog, embedder), film(mixed))
    assert set(found) == {"carton"}, "this camera can do better"


# --- the empty scene -----------------------------------------------------------------------------


def counter() -> Pixels:
    """The counter with nothing on it."""
    return photo_frame(EMPTY)


def moved() -> Pixels:
    """The counter from elsewhere: coarse tiles."""
    y, x = np.mgrid[0:240, 0:320]
    tiles = np.where((x // 40 + y // 40) % 2 == 0, 90.0, 170.0)
    return np.stack([tiles, tiles, tiles * 1.1], -1).astype(np.float32)


GOODS = (
    "chickpeas-no-salt-tinlo-1.jpg",
    "hot-cocoa-caramel-pomoro-1.jpg",
    "raw-honey-acacia-norsa-ash-1.jpg",
)
"""Photos that are answered with their product."""


def test_the_empty_counter_is_unknown_once(catalog: Catalog, embedder: Embedder) -> None:
    """Six goods, put down and taken away again: one unknown, not seven."""
    parts = [(counter(), 2.0)]
    for name in GOODS * 2:
        parts += [(photo_frame(name), 2.0), (counter(), 2.0)]
    found = said(Watcher(catalog, embedder), film(parts))
    assert found == ["unknown", *map(product_of, GOODS * 2)]


def test_the_empty_counter_is_learnt_when_it_is_not_the_first_scene(
    catalog: Catalog, embedder: Embedder
) -> None:
    parts = []
    for name in GOODS:
        parts += [(photo_frame(name), 2.0), (counter(), 2.0)]
    found = said(Watcher(catalog, embedder), film(parts))
    products = [product_of(name) for name in GOODS]
    assert found == [products[0], "unknown", *products[1:]]


def test_an_unknown_thing_is_answered_each_time_it_is_shown(
    catalog: Catalog, embedder: Embedder
) -> None:
    unknown = photo_frame(photo_names("unknown")[0])
    parts = [(counter(), 2.0), *[(unknown, 2.0), (counter(), 2.0)] * 3]
    assert said(Watcher(catalog, embedder), film(parts)) == ["unknown"] * 4


@pytest.mark.parametrize("light", ["dimmer", "warmer", "from the side", "half shade"])
def test_a_change_of_light_is_no_news(light: str, catalog: Catalog, embedder: Embedder) -> None:
    x = np.arange(320)[np.newaxis, :, np.newaxis]
    changed = {
        "dimmer": counter() * 0.7,
        "warmer": counter() * np.array([1.1, 1, 0.8]),
        "from the side": counter() * (0.5 + x / 320),
        "half shade": counter() * np.where(x < 160, 1, 0.55),
    }[light]
    name = GOODS[0]
    parts = [(counter(), 2.0), (photo_frame(name), 2.0), (counter(), 2.0), (changed, 2.0)]
    parts += [(photo_frame(name), 2.0), (changed, 2.0), (counter(), 2.0)]
    found = said(Watcher(catalog, embedder), film(parts))
    assert found == ["unknown", product_of(name), product_of(name)]


def test_a_camera_that_is_moved_learns_its_new_view(catalog: Catalog, embedder: Embedder) -> None:
    parts = [(counter(), 2.0)]
    for view in (counter(), moved()):
        for name in GOODS:
            parts += [(photo_frame(name), 2.0), (view, 2.0)]
    found = said(Watcher(catalog, embedder), film(parts))
    products = [product_of(name) for name in GOODS]
    assert found == ["unknown", *products, products[0], "unknown", *products[1:]]


def test_a_new_catalog_leaves_the_empty_scene_known(catalog: Catalog, embedder: Embedder) -> None:
    watcher = Watcher(catalog, embedder)
    parts = [(counter(), 2.0), (photo_frame(GOODS[0]), 2.0), (counter(), 2.0)]
    frames = list(film([*parts, *parts]))
    half = len(frames) // 2
    assert said(watcher, iter(frames[:half])) == ["unknown", product_of(GOODS[0])]
    watcher.use(catalog.remove([product_of(GOODS[1])]), embedder)
    assert said(watcher, iter(frames[half:])) == [product_of(GOODS[0])]


def test_a_small_thing_that_is_put_down_is_noticed(catalog: Catalog, embedder: Embedder) -> None:
    """It changes the frame by 6 levels of 255, far less than another scene does."""
    thing = Image.fromarray(photo_frame(GOODS[0]).astype(np.uint8)).resize((110, 84))
    small = counter().copy()
    small[80:164, 100:210] = np.asarray(thing)
    without = said(Watcher(catalog, embedder), film([(counter(), 4.0)]))
    found = said(Watcher(catalog, embedder), film([(counter(), 2.0), (small, 2.0)]))
    assert len(found) == len(without) + 1


@given(st.lists(st.sampled_from(["empty", "product", "thing"]), max_size=30))
def test_the_empty_scene_is_never_said_twice_in_a_row(scenes: list[str]) -> None:
    """What comes first and unknown is the empty scene, as long as nothing comes more often."""
    empty, thing = np.eye(2, 8, dtype=np.float32)
    learnt = EmptyScene()
    answers = []
    for scene in ["empty", *scenes]:
        if scene == "product":
            learnt.saw_product()
            assert not learnt.now
        else:
            quiet = learnt.is_known(empty if scene == "empty" else thing)
            assert not quiet or learnt.now
            answers.append((scene, quiet))
    assert answers[0] == ("empty", False)
    counts = [sum(scene == name for scene, _ in answers) for name in ("empty", "thing")]
    if counts[0] > counts[1]:  # and so at every earlier time, or it has been learnt again
        assert answers[-1] != ("empty", False) or len(answers) == 1


# --- why nothing is answered ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ("dark", "too dark"),
        ("blurred", "not sharp"),
        ("moving", "it moves"),
        ("same", "nothing new in the scene"),
    ],
)
def test_it_says_why_it_does_not_answer(
    run: Run, frames: str, reason: str, built: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for index in range(8 * FPS):
        pixels = {
            "dark": counter() * 0.05,
            "blurred": np.asarray(plain("carton", blur=0.03), np.float32),
            "moving": np.roll(photo_frame(GOODS[0]), int(rng.integers(320)), 1),
            "same": photo_frame(GOODS[0]),
        }[frames]
        Image.fromarray(noisy(pixels, 2, index)).save(tmp_path / f"{index}.png")
    status, out, err = run("watch", tmp_path, "--catalog", built, "--max-fps", 0, "--json")
    assert status == 0
    assert len(out.splitlines()) == (frames == "same")
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("shelflens watch: no answer for 5 s: ")
    assert reason in lines[0]
    assert frames == "same" or reason in lines[-1], "and at the end"


def test_a_reason_is_said_more_and_more_rarely() -> None:
    silence = Silence()
    said = [n / FPS for n in range(FPS * 200) if silence.note(n / FPS, "moving", answered=False)]
    assert said == pytest.approx([SECONDS * count for count in (1, 2, 4, 8, 16, 32)], abs=1)


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from(sorted(REASONS)), st.booleans())))
def test_silence_is_said_only_after_seconds_without_an_answer(
    frames: list[tuple[float, State, bool]],
) -> None:
    silence, at, quiet_since = Silence(), 0.0, 0.0
    for index, (passed, state, answered) in enumerate(frames):
        at += passed
        if answered or not index:
            quiet_since = at
        if line := silence.note(at, state, answered=answered):
            assert at - quiet_since >= SECONDS
            assert line.partition(": ")[2] in REASONS.values()


def test_only_the_decisions_asked_for(run: Run, built: Path, tmp_path: Path) -> None:
    parts = [(counter(), 2.0), (photo_frame(GOODS[0]), 2.0)]
    for index, frame in enumerate(film(parts)):
        Image.fromarray(np.asarray(frame.photo)).save(tmp_path / f"{index}.png")
    words = ["watch", tmp_path, "--catalog", built, "--max-fps", 0, "--json"]
    assert [line.count('"unknown"') for line in run(*words)[1].splitlines()] == [1, 0]
    for only, count in ((["match"], 1), (["ambiguous"], 0), (["match", "unknown"], 2)):
        flags = [word for decision in only for word in ("--only", decision)]
        assert len(run(*words, *flags)[1].splitlines()) == count
