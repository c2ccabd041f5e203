"""The web app with `page build --find`: products of one photo, each with its box and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from shelflens import Catalog, Embedder, ModelError
from shelflens.finding.answers import answer_every
from shelflens.finding.crop import crop
from shelflens.finding.finder import BUNDLED_FINDER, Finder
from shelflens.finding.regions import MIN_SCORE, Box, Region, iou, regions_of
from shelflens.finding.tiles import find_closely
from shelflens.model.card import FINDER, ModelCard
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp.build import build
from tests.runtime.test_webapp_js import JS, node
from tests.support.axe import axe_source, check
from tests.support.browser_host import (
    DEMO,
    PHONE,
    Host,
    state,
    store_with_family_pack,
    write_camera_video,
)
from tests.support.colour_finder import cells_of

pytestmark = pytest.mark.browser

CODE = f"""
import {{ crop, findClosely, regionsOf }} from "{JS}/finder.js";
const cells = (numbers) => Float32Array.from(numbers, (x) => x ?? NaN);
const {{ width, height }} = given;
const picture = {{ pixels: new Uint8Array(width * height * 4), width, height }};
const answers = given.looks.map(cells);
const run = async () => answers.shift() ?? new Float32Array(96);
const closely = await findClosely(run, 8, picture);
out = {{
  regions: given.looks.map((numbers) => regionsOf(cells(numbers), given.minScore)),
  closely,
  crops: closely.map(({{ box }}) => [crop(picture, box).height, crop(picture, box).width]),
}};
"""


class ScriptedFinder:
    """Says the same as the browser's: one look after the other."""

    def __init__(self, looks: list[np.ndarray]) -> None:
        self._looks = iter(looks)
        self.card = ModelCard("scripted", "scripted-0", 8, 96, task=FINDER)

    def find(self, photo: object, *, min_score: float) -> list[Region]:
        return regions_of(next(self._looks, np.zeros((4, 4, 6), np.float32)), min_score=min_score)


@pytest.mark.parametrize("seed", range(4))
def test_the_browser_finds_what_python_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks = []
    for _ in range(30):
        corners = rng.uniform(0, 0.7, (int(rng.integers(0, 4)), 2))
        ends = corners + rng.uniform(0.05, 0.3, corners.shape)
        boxes: list[Box] = [
            (left, top, right, bottom)
            for (left, top), (right, bottom) in zip(corners.tolist(), ends.tolist(), strict=True)
        ]
        cells = cells_of(boxes, grid=12)
        heat = cells[..., 1]
        heat[heat > 0] = rng.uniform(0.1, 1, np.count_nonzero(heat))
        looks.append(cells + rng.uniform(0, 0.05, cells.shape).astype(np.float32))
    looks[0][3, 3, 1:4] = np.nan
    pixels = np.zeros((90, 70, 3), np.uint8)
    closely = find_closely(ScriptedFinder(looks), pixels)  # type: ignore[arg-type]
    numbers = [[None if np.isnan(x) else float(x) for x in each.ravel()] for each in looks]
    given = {"looks": numbers, "minScore": MIN_SCORE, "width": 70, "height": 90}
    out = node(CODE, given)
    expected = [regions_of(each) for each in looks] + [closely]
    for wanted, found in zip(expected, [*out["regions"], out["closely"]], strict=True):
        assert [each["box"] for each in found] == [
            pytest.approx(region.box, abs=1e-5) for region in wanted
        ]
        assert [each["score"] for each in found] == pytest.approx([each.score for each in wanted])
    assert out["crops"] == [list(crop(pixels, region.box).shape[:2]) for region in closely]
    assert closely


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_with_family_pack(tmp_path_factory.mktemp("find-store"))


@pytest.fixture(scope="module")
def made(store: Path) -> Path:
    words = {"images": store / "products.csv", "finder": BUNDLED_FINDER}
    return build(store / "store.catalog", store / "web-app", title="Corner Shop", **words)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of two products on a plain ground."""
    y, x = np.mgrid[0:720, 0:960]
    ground = np.stack([120 + y / 9, 126 + x / 12, 130 + 0 * x], -1).astype(np.uint8)
    photo = Image.fromarray(ground)
    for name, corner in (
        ("chickpeas-smoked-paprika-tinlo", (90, 220)),
        ("granola-honey-almond-halren", (560, 180)),
    ):
        with Image.open(DEMO / "studio" / f"{name}.jpg") as product:
            photo.paste(product.convert("RGB").resize((310, 310)), corner)
    path = tmp_path_factory.mktemp("photos") / "two.jpg"
    photo.save(path, quality=92)
    return path


@pytest.fixture(scope="module")
def camera(two: Path) -> Path:
    """What the fake camera shows."""
    return write_camera_video(two, two.with_suffix(".mjpeg"))


@pytest.fixture
def opened(chrome: Browser, made: Path) -> Iterator[Callable[..., Page]]:
    host, contexts, errors = Host(made), [], []

    def open_(locale: str = "en-GB") -> Page:
        context = chrome.new_context(viewport=PHONE, locale=locale)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(host.url)
        state(page, "ready")
        return page

    yield open_
    for context in contexts:
        context.close()
    host.stop()
    assert not errors


def test_two_products_of_a_photo_have_a_box_and_an_answer_each(
    opened: Callable[..., Page], store: Path, two: Path
) -> None:
    page = opened()
    page.set_input_files("#file", two)
    state(page, "answered")
    expect(page.locator("#heading")).to_have_text("2 products found")
    catalog = Catalog.open(store / "store.catalog")
    python = answer_every(
        Finder.open(threads=1), Embedder.open(threads=1), catalog, two, "two", k=5
    )
    shown = page.locator(".boxes .whole").bounding_box()
    assert shown is not None
    boxes = page.locator(".box")
    assert boxes.count() == len(python) == 2
    for index, found in enumerate(python):
        area = boxes.nth(index).bounding_box()
        assert area is not None
        assert found.region is not None
        x, y = (area["x"] - shown["x"]) / shown["width"], (area["y"] - shown["y"]) / shown["height"]
        across, down = area["width"] / shown["width"], area["height"] / shown["height"]
        assert iou((x, y, x + across, y + down), found.region.box) > 0.85
        first = found.timed.answer.matches[0].name
        expect(page.locator("#answer .row").nth(index)).to_contain_text(first)
    check(page, axe_source(), "several products")
    boxes.nth(0).click()
    expect(page.locator("#heading")).to_contain_text(python[0].timed.answer.matches[0].name)
    check(page, axe_source(), "one of several products")
    page.click(".back")
    expect(page.locator("#heading")).to_have_text("2 products found")
    page.locator("#answer .row").nth(1).click()
    expect(page.locator("#heading")).to_contain_text(python[1].timed.answer.matches[0].name)


def test_a_photo_of_one_product_has_one_answer(opened: Callable[..., Page]) -> None:
    page = opened("ar")
    photo = DEMO / "photos" / "granola-honey-almond-halren-1.jpg"
    page.set_input_files("#file", photo)
    state(page, "answered")
    expect(page.locator(".box")).to_have_count(0)


def test_only_who_asks_carries_the_finder(store: Path, made: Path, tmp_path: Path) -> None:
    plain = build(store / "store.catalog", tmp_path / "plain")
    pack = "data/finder.tflite.pack"
    assert (made / pack).stat().st_size < BUNDLED_FINDER.stat().st_size
    assert not (plain / pack).exists()
    assert "finder" not in json.loads((plain / "data" / "app.json").read_text())
    with pytest.raises(ModelError, match="expected 'finder'"):
        build(store / "store.catalog", tmp_path / "wrong", finder=BUNDLED_MODEL)
    assert not (tmp_path / "wrong").exists()
