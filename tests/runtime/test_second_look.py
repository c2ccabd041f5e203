"""The second look of the benchmarks: a known homography is found, look-alikes are told apart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.quality.second_look.features import Pixels, features_of
from benchmarks.quality.second_look.look import Reference, second_look
from benchmarks.quality.second_look.register import moved_by, register

CORNERS = np.array([[60.0, 60], [340, 60], [340, 340], [60, 340]])


def pack(seed: int, mark: str) -> Image.Image:
    """A pack on white: print that a family shares, and a mark of its own."""
    generator = np.random.default_rng(seed)
    picture = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((50, 40, 350, 360), fill=(190, 60, 50))
    for _ in range(60):
        x, y = generator.integers(60, 330, 2)
        box = (x, y, x + int(generator.integers(5, 22)), y + int(generator.integers(5, 22)))
        draw.rectangle(box, fill=tuple(int(value) for value in generator.integers(0, 255, 3)))
    draw.rectangle((140, 150, 270, 240), fill=(240, 230, 200))
    draw.text((150, 160), mark, fill="black", font_size=60)
    return picture


def seen(picture: Image.Image) -> tuple[Pixels, NDArray[np.float64]]:
    """A photo of it, turned, smaller, darker, on grey; and where the points of `CORNERS` are."""
    angle, scale = 0.3, 0.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([240.0, 230]) - turn @ (200, 200)
    back = np.linalg.inv(turn)
    offset = -back @ shift
    values = (*back[0], offset[0], *back[1], offset[1])
    turned = picture.transform(
        (480, 480), Image.Transform.AFFINE, values, Image.Resampling.BICUBIC, fillcolor=(120,) * 3
    )
    return (np.asarray(turned) * 0.8).astype(np.uint8), CORNERS @ turn.T + shift


def test_the_homography_of_a_turned_picture() -> None:
    picture = pack(0, "ABC")
    photo, expected = seen(picture)
    homography, inliers = register(features_of(np.asarray(picture)), features_of(photo))
    assert homography is not None
    assert inliers > 30
    assert np.abs(moved_by(homography, CORNERS) - expected).max() < 3


@pytest.mark.parametrize("mark", ["ABC", "XQZ"])
def test_look_alikes_that_differ_by_a_word(mark: str) -> None:
    references = {name: Reference(np.asarray(pack(0, name))) for name in ("ABC", "XQZ")}
    look = second_look(seen(pack(0, mark))[0], list(references), references)
    assert look.settled == mark
    assert look.structure > 0.4


def test_what_cannot_be_seen_is_not_settled() -> None:
    references = {name: Reference(np.asarray(pack(0, name))) for name in ("ABC", "XQZ")}
    for photo in (
        np.asarray(pack(9, "NEW")),  # no candidate
        seen(pack(0, " "))[0],  # the family, without a mark
        np.full((300, 300, 3), 90, np.uint8),
    ):
        assert second_look(photo, list(references), references).settled is None
    doubles = dict.fromkeys(("first", "second"), references["ABC"])
    assert second_look(seen(pack(0, "ABC"))[0], list(doubles), doubles).settled is None


def test_small_and_large_pictures_are_not_settled() -> None:
    tall = np.zeros((4000, 3, 3), np.uint8)
    for hostile in (np.zeros((1, 1, 3), np.uint8), tall, np.full((3000, 2000, 3), 255, np.uint8)):
        references = {
            "known": Reference(np.asarray(pack(0, "ABC"))),
            "hostile": Reference(hostile),
        }
        assert second_look(hostile, list(references), references).settled is None
        look = second_look(seen(pack(9, "NEW"))[0], list(references), references)
        assert look.settled is None


def test_a_description_is_the_same_when_the_picture_is_turned() -> None:
    picture = np.asarray(pack(0, "ABC"))
    turned = np.rot90(picture).copy()
    homography, inliers = register(features_of(picture), features_of(turned))
    assert homography is not None
    assert inliers > 100
    expected = np.stack([CORNERS[:, 1], 400 - CORNERS[:, 0]], 1)
    assert np.abs(moved_by(homography, CORNERS) - expected).max() < 2
