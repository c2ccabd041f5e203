"""Regions, crops, shelves and planograms: geometry, and what the commands say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from shelflens import Catalog, DataError, Embedder, Match, ModelCard
from shelflens.catalog.answer import Answer
from shelflens.catalog.fuse import fuse
from shelflens.commands import finding
from shelflens.commands import shelf as shelf_command
from shelflens.finding import answers
from shelflens.finding.answers import answer_every, answer_main, parts_of, surest
from shelflens.finding.crop import crop
from shelflens.finding.finder import BUNDLED_FINDER, Finder, find_products
from shelflens.finding.mask import foreground
from shelflens.finding.metrics import average_precision, mask_iou
from shelflens.finding.planogram import compare, read_planogram
from shelflens.finding.regions import (
    MAX_OVERLAP,
    Box,
    Region,
    iou,
    main_region,
    regions_of,
    without_overlap,
)
from shelflens.finding.shelf import Facing, all_tiles, find_facings, merged, rows_of
from shelflens.finding.tiles import find_closely, surroundings
from shelflens.model.card import FINDER
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.render.boxes import COLOURS
from shelflens.render.found_sheet import DrawnAnswer, FoundCard, found_sheet
from tests.support.colour_finder import cells_of, colour_finder

Run = Callable[..., tuple[int, str, str]]
RED, BLUE, GREEN = (230, 20, 20), (20, 20, 230), (20, 200, 20)
ROUNDING = 1 / 128
"""What a box may lose between the finder's output and a region: shares of the picture."""

lengths = st.floats(0.05, 0.6)


@st.composite
def boxes(draw: Callable[..., float]) -> Box:
    width, height = draw(lengths), draw(lengths)
    left, top = draw(st.floats(0, 1 - width)), draw(st.floats(0, 1 - height))
    return left, top, left + width, top + height


@given(boxes())
def test_a_box_comes_back_from_its_cells(box: Box) -> None:
    (region,) = regions_of(cells_of([box]))
    assert region.box == pytest.approx(box, abs=ROUNDING)
    assert region.score == pytest.approx(0.9)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=96, max_size=96))
def test_whatever_the_network_gives_regions_lie_in_the_picture(numbers: list[float]) -> None:
    with np.errstate(all="ignore"):
        found = regions_of(np.array(numbers, np.float32).reshape(4, 4, 6))
    for region in found:
        left, top, right, bottom = region.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert 0 <= region.score <= 1


@given(boxes(), boxes())
def test_iou_is_that_of_the_areas(first: Box, second: Box) -> None:
    grid = (np.arange(400) + 0.5) / 400

    def raster(box: Box) -> np.ndarray:
        across, down = (grid >= box[0]) & (grid < box[2]), (grid >= box[1]) & (grid < box[3])
        return down[:, None] & across

    one_, two = raster(first), raster(second)
    counted = (one_ & two).sum() / (one_ | two).sum()
    assert iou(first, second) == iou(second, first) == pytest.approx(counted, abs=0.05)
    assert iou(first, first) == pytest.approx(1)


@given(st.lists(st.tuples(boxes(), st.floats(0.1, 1)), max_size=8))
def test_suppression_leaves_no_overlap_and_drops_nothing_alone(
    drawn_boxes: list[tuple[Box, float]],
) -> None:
    regions = [Region(box, score) for box, score in drawn_boxes]
    kept = without_overlap(regions)
    for number, region in enumerate(kept):
        assert all(iou(region.box, each.box) <= MAX_OVERLAP for each in kept[:number])
    for region in regions:
        if region not in kept:
            better = [each for each in kept if each.score >= region.score]
            assert any(iou(region.box, each.box) > MAX_OVERLAP for each in better)


@given(boxes(), st.integers(1, 60), st.integers(1, 60))
def test_a_crop_has_the_box_in_it_and_lies_in_the_picture(
    box: Box, width: int, height: int
) -> None:
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x, y, x], -1).astype(np.uint8)
    part = crop(pixels, box)
    assert part.shape[0] >= 1
    assert part.shape[1] >= 1
    assert part[0, 0, 0] <= box[0] * width
    assert part[-1, -1, 0] + 1 >= box[2] * width - 1
    assert part[0, 0, 1] <= box[1] * height
    assert part[-1, -1, 1] + 1 >= box[3] * height - 1


def test_the_main_region_is_large_and_in_the_middle() -> None:
    middle = Region((0.3, 0.3, 0.7, 0.7), 0.8)
    corner, tiny = Region((0.0, 0.0, 0.35, 0.35), 0.9), Region((0.48, 0.48, 0.52, 0.52), 0.95)
    assert main_region([corner, tiny, middle]) is middle
    assert main_region([]) is None


def test_a_crop_is_asked_with_the_whole_picture_where_the_finder_is_sure() -> None:
    pixels = np.zeros((100, 80, 3), np.uint8)
    box = (0.4, 0.4, 0.6, 0.6)
    assert [part.shape for part in parts_of(pixels, None)] == [(100, 80, 3)]
    shapes = [part.shape for part in parts_of(pixels, Region(box, answers.SURE))]
    assert shapes == [(22, 18, 3), (100, 80, 3)]
    assert len(parts_of(pixels, Region(box, answers.SURE - 0.01))) == 1
    assert len(parts_of(pixels, Region((0, 0, 1, 1), 0.9))) == 1


def plain_average_precision(
    found: list[list[Region]], wanted: list[list[Box]], limit: float
) -> float:
    """Every threshold in turn, in plain loops: the area below the best precision to the right."""
    total = sum(len(mine) for mine in wanted)
    scores = sorted({region.score for mine in found for region in mine}, reverse=True)
    points = []
    for threshold in scores:
        hits = shown = 0
        for regions, boxes_there in zip(found, wanted, strict=True):
            left = list(boxes_there)
            for region in sorted(regions, key=lambda region: -region.score):
                if region.score < threshold:
                    continue
                shown += 1
                best = max(left, key=lambda box: iou(region.box, box), default=None)
                if best is not None and iou(region.box, best) >= limit:
                    left.remove(best)
                    hits += 1
        points.append((hits / total, hits / shown))
    area, before = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[index:])
        before = recall
    return area


@given(
    st.lists(
        st.tuples(st.lists(boxes(), max_size=3), st.lists(boxes(), max_size=3)),
        min_size=1,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
def test_average_precision_is_the_area_in_plain_loops(
    pictures: list[tuple[list[Box], list[Box]]], random: object
) -> None:
    wanted = [boxes_there for _, boxes_there in pictures]
    number = iter(range(1, 100))
    found = [
        [Region(box, 1 - next(number) / 100) for box in mine + boxes_there[:1]]
        for mine, boxes_there in pictures
    ]
    value = average_precision(found, wanted)
    if sum(map(len, wanted)):
        assert value == pytest.approx(plain_average_precision(found, wanted, 0.5), abs=1e-9)
    else:
        assert value == 0


def test_a_region_in_a_crowd_is_neither_right_nor_wrong() -> None:
    box, behind, part = (0.1, 0.1, 0.5, 0.9), (0.6, 0.1, 0.8, 0.3), (0.1, 0.1, 0.5, 0.3)
    found = [[Region(behind, 0.9), Region(part, 0.8), Region(box, 0.7)]]
    assert average_precision(found, [[box]]) == pytest.approx(1 / 3)
    assert average_precision(found, [[box]], crowds=[[]]) == pytest.approx(1 / 3)
    # A part of the product stays wrong; what stands behind does not count.
    assert average_precision(found, [[box]], crowds=[[(0, 0, 1, 1)]]) == pytest.approx(1 / 2)


def test_mask_iou_counts_cells() -> None:
    found = np.array([[0.9, 0.6], [0.1, 0.2]], np.float32)
    shown = np.array([[1, 0], [1, 0]], np.float32)
    assert mask_iou(found, shown) == pytest.approx(1 / 3)
    assert mask_iou(0 * found, 0 * shown) == 1


def test_tiles_cover_the_picture() -> None:
    seen = np.zeros((60, 60), bool)
    for left, top, right, bottom in all_tiles()[1:]:
        assert 0 <= left < right <= 1 + 1e-9
        seen[round(top * 60) : round(bottom * 60), round(left * 60) : round(right * 60)] = True
    assert seen.all()


def shelf_picture() -> np.ndarray:
    """Two rows of three squares, 900 x 600, each of a colour."""
    picture = np.full((600, 900, 3), 200, np.uint8)
    for row in range(2):
        for column, colour in enumerate((RED, BLUE, GREEN)):
            top, left = 60 + 300 * row, 90 + 300 * column
            picture[top : top + 180, left : left + 120] = colour
    return picture


def test_facings_are_found_once_and_in_rows() -> None:
    picture = shelf_picture()
    picture[360:540, 390:510] = 200  # of two blue ones the finder sees one box: leave one
    picture[60:240, 690:810] = 200
    picture[60:240, 90:210] = 200
    regions = find_facings(colour_finder([RED, BLUE, GREEN]), picture)
    rows = rows_of(regions)
    assert [len(row) for row in rows] == [1, 2]
    assert rows[0][0].box == pytest.approx((0.433, 0.1, 0.567, 0.4), abs=0.02)
    assert rows[1][0].box[0] < rows[1][1].box[0]
    assert merged(regions * 2) == merged(regions)


class FixedFinder:
    """Finds the same boxes whatever it is shown: those of the whole picture, of each tile, and
    around each region; nothing where no more are given."""

    def __init__(self, *found: list[Region]) -> None:
        self._found = iter(found)
        self.card = ModelCard("fixed", "fixed-0", 32, 6, task=FINDER)

    def find(self, photo: object, *, min_score: float) -> list[Region]:
        return [region for region in next(self._found, []) if region.score >= min_score]


def closely(*found: list[Region]) -> list[Region]:
    return find_closely(FixedFinder(*found), np.zeros((50, 70, 3), np.uint8))  # type: ignore[arg-type]


def test_small_products_are_found_in_tiles() -> None:
    small, unsure = Region((0.2, 0.2, 0.5, 0.5), 0.6), Region((0.6, 0.6, 0.9, 0.9), 0.2)
    (region,) = closely([], [], [small, unsure])
    assert region.box == pytest.approx((0.52, 0.12, 0.7, 0.3))
    assert region.score == 0.6


def test_a_product_found_in_the_whole_picture_is_not_taken_apart() -> None:
    carton = Region((0.1, 0.1, 0.45, 0.5), 0.5)
    lid, unsure = Region((0.2, 0.2, 0.5, 0.35), 0.9), Region((0.1, 0.1, 0.45, 0.5), 0.28)
    assert closely([carton], [lid]) == [carton]
    assert [each.score for each in closely([unsure], [lid])] == [0.9]


def test_what_a_tile_cuts_or_a_product_fills_is_left_to_the_whole_picture() -> None:
    cut, large = Region((0.7, 0.3, 0.995, 0.6), 0.9), Region((0.1, 0.1, 0.9, 0.9), 0.9)
    assert closely([], [cut, large]) == []
    at_the_edge = Region((0.0, 0.3, 0.3, 0.6), 0.9)  # of the picture too
    assert len(closely([], [at_the_edge])) == 1


def test_a_box_is_the_mean_of_what_the_picture_and_its_surroundings_show() -> None:
    carton = Region((0.4, 0.4, 0.6, 0.8), 0.5)
    around = (0.34, 0.28, 0.66, 0.92)  # 0.3 of the carton more on every side
    assert surroundings(carton) == pytest.approx(around)
    exact = Region((0.25, 0.25, 0.75, 0.75), 0.2)  # there: 0.42 to 0.58 across, 0.44 to 0.76 down
    (found,) = closely([carton], [], [], [], [], [exact])
    assert found.box == pytest.approx((0.41, 0.42, 0.59, 0.78))
    assert found.score == carton.score
    elsewhere = Region((0.02, 0.02, 0.3, 0.3), 0.9)
    assert closely([carton], [], [], [], [], [elsewhere]) == [carton]


def test_the_foreground_is_what_shows_products() -> None:
    picture = np.full((96, 128, 3), 128, np.uint8)
    picture[20:70, 30:90] = RED
    finder = colour_finder([RED])
    shown = foreground(finder, picture, find_closely(finder, picture))
    wanted = (picture == RED).all(-1)
    assert mask_iou(shown.astype(np.float32), wanted.astype(np.float32)) > 0.9
    assert not foreground(finder, np.full_like(picture, 128), []).any()


def test_looking_closely_finds_each_product_once() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    picture[20:80, 30:90], picture[200:260, 300:360], picture[300:460, 420:620] = RED, BLUE, GREEN
    regions = find_closely(colour_finder([RED, BLUE, GREEN]), picture)
    wanted = [(30 / 640, 20 / 480, 90 / 640, 80 / 480), (300 / 640, 200 / 480, 0.5625, 260 / 480)]
    wanted.append((420 / 640, 300 / 480, 620 / 640, 460 / 480))
    assert len(regions) == 3
    for box in wanted:
        assert max(iou(box, region.box) for region in regions) > 0.8


def facing(product: str, row: int, position: int = 1, decision: str = "match") -> Facing:
    answer = Answer(decision, [Match(product, product, 0.9)])  # type: ignore[arg-type]
    return Facing(row, position, Region((0, 0, 0.1, 0.1), 0.9), answer)


def test_a_planogram_says_what_is_missing_and_what_stands_wrong(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("product;row;facings\nmilk;1;2\ntea;2;\n")
    planned = read_planogram(path)
    assert planned == Counter({("milk", 1): 2, ("tea", 2): 1})
    shelf = [facing("milk", 1), facing("milk", 2), facing("soap", 1), facing("x", 1, 4, "unknown")]
    comparison = compare(planned, shelf)
    assert comparison.missing == [("milk", 1, 1), ("tea", 2, 1)]
    assert comparison.misplaced == [shelf[1]]
    assert comparison.unplanned == [shelf[2]]
    assert comparison.unsure == [shelf[3]]
    assert json.loads(json.dumps(comparison.to_dict()))["misplaced"][0]["row"] == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected columns product and row"),
        (b"name,shelf\nmilk,1\n", "expected columns product and row"),
        (b"product,row\n", "no rows below the heading"),
        (b"product,row\nmilk,first\n", "line 2: row 'first'; expected a whole number"),
        (b"product,row\nmilk,0\n", "line 2: row '0'"),
        (b"product,row,facings\nmilk,1,99999999999999999999\n", "line 2: facings"),
        (b"product,row\n,1\n", "line 2: no product"),
        (b'product,row\n"milk,1\n', "never closed"),
        (b"\x89PNG\r\n\x1a\n", "is a picture"),
        (b"product,row\nmilk,1\n\xff", "not a CSV in UTF-8"),
    ],
)
def test_planograms_that_cannot_be_read_are_refused_in_a_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_planogram(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open(threads=1)


def colours_catalog(embedder: Embedder) -> Catalog:
    rows = [embedder.embed(np.full((64, 64, 3), colour, np.uint8)) for colour in (RED, BLUE)]
    return Catalog(["red", "blue"], np.stack(rows), space=embedder.card.space)


def test_each_product_of_a_picture_is_answered(embedder: Embedder) -> None:
    picture = np.full((400, 600, 3), 128, np.uint8)
    picture[50:200, 50:200], picture[220:380, 350:560] = RED, BLUE
    catalog, finder = colours_catalog(embedder), colour_finder([RED, BLUE])
    found = answer_every(finder, embedder, catalog, picture, "p", k=1)
    assert {each.timed.answer.matches[0].id for each in found} == {"red", "blue"}
    values = found[0].to_dict()
    assert list(values)[:2] == ["photo", "region"]
    assert len(values["region"]["box"]) == 4
    assert set(values["ms"]) == {"decode", "find", "embed", "match", "total"}
    main = answer_main(finder, embedder, catalog, picture, "p", k=1)
    assert main.timed.answer.matches[0].id == "blue"


def test_a_crop_answers_where_it_is_clearly_surer_than_the_whole(embedder: Embedder) -> None:
    catalog = colours_catalog(embedder)
    red, grey = (embedder.embed(np.full((64, 64, 3), value, np.uint8)) for value in (RED, 128))
    assert surest(catalog, [grey, red], 2) == catalog.answer(red, 2)
    answer = surest(catalog, [red, grey], 2)
    assert answer in (catalog.answer(red, 2), fuse(catalog, [red, grey], 2))
    assert answer.confidence > catalog.answer(grey, 2).confidence
    assert surest(catalog, [red, red], 2) == catalog.answer(red, 2)  # equally sure: the whole
    assert surest(catalog, [grey], 2) == catalog.answer(grey, 2)


def test_a_region_that_may_be_wrong_is_no_match(embedder: Embedder) -> None:
    picture = np.full((400, 600, 3), 128, np.uint8)
    picture[50:200, 50:200] = RED
    catalog = colours_catalog(embedder)
    certain, unsure = (
        answer_every(colour_finder([RED], score=score), embedder, catalog, picture, "p", k=2)
        for score in (answers.CERTAIN + 0.01, answers.CERTAIN - 0.01)
    )
    assert certain[0].timed.answer.decision == "match"
    answer = unsure[0].timed.answer
    assert (answer.decision, [each.id for each in answer.candidates]) == ("ambiguous", ["red"])
    assert answer.confidence == pytest.approx(certain[0].timed.answer.confidence)


def test_the_bundled_finder_keeps_its_promises() -> None:
    finder = Finder.open(threads=1)
    assert BUNDLED_FINDER.stat().st_size <= 1.5 * 2**20
    assert (finder.card.task, finder.card.variant) == (FINDER, "int8")
    for word in ("Apache-2.0", "MIT", "CC BY 4.0", "AFL-3.0"):
        assert word in finder.card.license
    assert find_products(np.full((60, 90, 3), 128, np.uint8)) == []


def test_the_bundled_finder_finds_demo_products_at_a_third_of_the_width() -> None:
    demo = BUNDLED_MODEL.parent / "demo"
    y, x = np.mgrid[0:480, 0:640]
    ground = np.stack([90 + y / 8, 110 + x / 10, 120 + 0 * x], -1).astype(np.uint8)
    found = []
    for number, path in enumerate(sorted((demo / "photos").glob("*.jpg"))[:12]):
        with Image.open(path) as opened:
            product = opened.convert("RGB").resize((210, 210))
        picture = ground.copy()
        top, left = 40 + 20 * number, 30 + 30 * number
        picture[top : top + 210, left : left + 210] = np.asarray(product)
        box = (left / 640, top / 480, (left + 210) / 640, (top + 210) / 480)
        main = main_region(find_products(picture))
        found.append(main is not None and iou(main.box, box) >= 0.5)
    assert np.mean(found) >= 0.75


def test_nothing_found_is_an_answer(embedder: Embedder) -> None:
    picture, finder = np.full((50, 80, 3), 128, np.uint8), colour_finder([RED])
    assert find_products(picture, finder=finder) == []
    catalog = colours_catalog(embedder)
    assert answer_every(finder, embedder, catalog, picture, "p", k=1) == []
    whole = answer_main(finder, embedder, catalog, picture, "p", k=1)
    assert whole.region is None
    assert whole.to_dict()["region"] is None


@pytest.fixture
def with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    found = colour_finder([RED, BLUE, GREEN])
    monkeypatch.setattr(finding, "open_finder", lambda args, trust=None: found)
    monkeypatch.setattr(shelf_command, "open_finder", lambda args, trust=None: found)


def test_lookup_finds_all_and_the_main_product(
    run: Run, built: Path, tmp_path: Path, with_colours: None
) -> None:
    picture = np.full((400, 600, 3), 128, np.uint8)
    picture[50:200, 50:200], picture[220:380, 350:560] = RED, BLUE
    photo, plain = tmp_path / "two.png", tmp_path / "plain.png"
    Image.fromarray(picture).save(photo)
    Image.fromarray(np.full((40, 40, 3), 128, np.uint8)).save(plain)
    words = ("lookup", photo, plain, "--catalog", built, "-k", 1)
    status, out, err = run(*words, "--find", "all", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, err, len(lines)) == (0, "", 3)
    assert lines[2] == {
        "photo": str(plain), "region": None, "decision": "unknown", "matches": []
    }  # fmt: skip
    status, out, _ = run(*words, "--find", "one", "--status")
    assert status in (0, 3, 4)
    assert "% across" in out.splitlines()[0]
    assert "no product found, whole picture" in out
    assert "no product found" in run(*words, "--find", "all")[1]


def test_the_contact_sheet_has_a_numbered_box_and_a_line_for_each_answer(
    run: Run, built: Path, tmp_path: Path, with_colours: None
) -> None:
    picture = np.full((360, 480, 3), 128, np.uint8)
    picture[50:200, 50:200], picture[220:340, 250:460] = RED, BLUE
    photo, plain, out_path = (tmp_path / name for name in ("two.png", "plain.png", "sheet.png"))
    Image.fromarray(picture).save(photo)
    Image.fromarray(np.full((40, 40, 3), 128, np.uint8)).save(plain)
    words = ("lookup", photo, plain, "--catalog", built, "--contact-sheet", out_path)
    status, out, err = run(*words, "--find", "all")
    assert (status, err) == (0, "")
    assert f"contact sheet  {out_path}" in out
    with Image.open(out_path) as opened:
        shown = np.asarray(opened.convert("RGB")).astype(int)
    photo_there = shown[56 : 56 + 360, 56 : 56 + 480]  # edge and pad before it; drawn at its size
    for box in ((50, 50, 200, 200), (250, 220, 460, 340)):
        x0, y0, x1, y1 = box
        assert np.abs(photo_there[(y0 + y1) // 2, x0 + 10] - picture[y0 + 1, x0 + 1]).max() < 3
        corners = photo_there[y1 - 6 : y1 + 6, x1 - 6 : x1 + 6].reshape(-1, 3)
        known = [tuple(int(value[i : i + 2], 16) for i in (1, 3, 5)) for value in COLOURS.values()]
        assert any(np.abs(corners - colour).max(-1).min() < 3 for colour in known)
    status, _, err = run(*words)
    assert (status, "add --find one or all" in err) == (2, True)
    status, _, err = run(
        "lookup", photo, "--catalog", built, "--find", "all", "--contact-sheet", photo
    )
    assert status == 1
    assert "is read by this command" in err


@given(st.integers(0, 40), st.text(max_size=80), st.integers(1, 900), st.integers(1, 900))
@example(3, "two\nlines", 1, 900)
@settings(max_examples=15, deadline=None)
def test_a_sheet_has_room_for_any_photo_and_any_number_of_answers(
    count: int, text: str, width: int, height: int
) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    labels = [DrawnAnswer((0.1, 0.1, 0.6, 0.6), "match", text, text)] * count
    one_card = found_sheet([FoundCard(pixels, text, labels, "nothing")])
    three = found_sheet([FoundCard(pixels, text, labels, "nothing")] * 3)
    assert three.width > 1.9 * one_card.width
    assert three.height > 1.8 * one_card.height


def test_a_shelf_is_counted_drawn_and_compared(
    run: Run, built: Path, tmp_path: Path, with_colours: None
) -> None:
    photo, table, drawing = (tmp_path / name for name in ("shelf.png", "f.csv", "f.png"))
    picture = shelf_picture()
    picture[330:] = 200
    Image.fromarray(picture).save(photo)
    plan = tmp_path / "plan.csv"
    plan.write_text("product,row\nno-such,1\n")
    words = ["shelf", photo, "--catalog", built, "--csv", table, "--picture", drawing]
    status, out, err = run(*words, "--planogram", plan)
    assert (status, err) == (0, "")
    assert "3 facings in 1 row" in out
    assert "missing: no-such, row 1: 1 facing" in out
    rows = table.read_text().splitlines()
    assert rows[0].startswith("row,position,product,name,decision")
    assert [row.split(",")[:2] for row in rows[1:]] == [["1", "1"], ["1", "2"], ["1", "3"]]
    with Image.open(drawing) as opened:
        assert opened.size == (900, 600)
    status, out, _ = run(*words, "--json")  # its own files may be written again
    assert (status, len(json.loads(out)["facings"])) == (0, 3)


def test_an_empty_shelf_is_no_error(
    run: Run, built: Path, tmp_path: Path, with_colours: None
) -> None:
    photo = tmp_path / "wall.png"
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(photo)
    status, out, err = run("shelf", photo, "--catalog", built)
    assert (status, err) == (0, "")
    assert "no product found" in out


def test_bad_input_is_refused_in_a_line(run: Run, built: Path, tmp_path: Path, photo: Path) -> None:
    foreign = tmp_path / "notes.csv"
    foreign.write_text("my notes\n")
    for words, text in (
        (
            ("lookup", photo, "--find", "all", "--finder", BUNDLED_MODEL),
            "its card says 'embedding'",
        ),
        (("lookup", photo, "--find", "one", "--finder", tmp_path / "no.tflite"), "no such model"),
        (("lookup", photo, "--find", "one", "--fuse"), "--fuse and --find"),
        (("shelf", photo, "--finder", photo), "expected a file ending in .tflite or .onnx"),
        (("shelf", photo, "--csv", foreign), "ShelfLens did not write it"),
        (("shelf", photo, "--planogram", tmp_path / "no.csv"), "no.csv"),
    ):
        status, out, err = run(*words, "--catalog", built)
        assert status in (1, 2), words
        assert out == ""
        assert text in err
        assert len(err.splitlines()) == 1, err
    assert foreign.read_text() == "my notes\n"
