"""Views of a photo: what augmentation may do to it, and what it may not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens_train.augment import _lit, _warp, augmented, studio_cover
from shelflens_train.geometry import rectangle, warp

Pixels = NDArray[np.uint8]


def noisy(seed: int, size: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def studio(size: int = 112) -> Pixels:
    """A red disc on nearly white paper, with a white label in it."""
    image = Image.new("RGB", (size, size), (250, 249, 247))
    pen = ImageDraw.Draw(image)
    pen.ellipse([size // 4, size // 4, 3 * size // 4, 3 * size // 4], fill=(200, 20, 30))
    pen.rectangle([size * 0.44, size * 0.44, size * 0.56, size * 0.56], fill=(250, 249, 247))
    return np.array(image)


def view(photo: Pixels, seed: int, strength: float = 1.0, side: int = 48) -> Pixels:
    generator = np.random.default_rng(seed)
    back = noisy(99, len(photo))
    return augmented(photo, back, generator, side=side, strength=strength, flip=True)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    strength=st.sampled_from([0.25, 0.5, 1.0, 1.5]),
    side=st.sampled_from([32, 48, 96]),
    plain=st.booleans(),
)
def test_any_seed_gives_an_image(seed: int, strength: float, side: int, plain: bool) -> None:
    seen = view(studio() if plain else noisy(1), seed, strength, side)
    assert seen.shape == (side, side, 3)
    assert seen.dtype == np.uint8


def test_the_seed_decides() -> None:
    photo = noisy(1)
    assert np.array_equal(view(photo, 5), view(photo, 5))
    assert not np.array_equal(view(photo, 5), view(photo, 6))


def test_no_strength_only_shrinks() -> None:
    photo = noisy(1)
    small = np.array(Image.fromarray(photo).resize((48, 48), Image.Resampling.BILINEAR))
    seen = [view(photo, seed, strength=0) for seed in range(8)]
    assert all(
        np.array_equal(pixels, small) or np.array_equal(pixels, small[:, ::-1]) for pixels in seen
    )
    assert {np.array_equal(pixels, small) for pixels in seen} == {True, False}


def test_the_ground_of_a_studio_image_is_found_and_its_label_is_not_ground() -> None:
    cover = studio_cover(studio())
    assert cover is not None
    assert cover[2, 2] == 0
    assert cover[40, 56] == 255
    assert cover[56, 56] == 255, "white within the product belongs to it"
    assert studio_cover(noisy(3)) is None
    assert studio_cover(np.full((64, 64, 3), 255, np.uint8)) is None


def test_a_studio_image_gets_another_ground() -> None:
    white = [np.mean(view(studio(), seed)[:4] > 200) > 0.9 for seed in range(60)]
    assert 0.05 < np.mean(white) < 0.6


def test_the_product_stays_in_sight() -> None:
    """Of an image that is red all over, something red is left in every view."""
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    red += np.random.default_rng(0).integers(0, 40, red.shape, dtype=np.uint8)
    for seed in range(150):
        seen = view(red, seed).astype(int)
        share = np.mean(seen[..., 0] > seen[..., 1:].max(-1) + 8)
        assert share > 0.05, seed


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_far_view_is_smooth(factor: float) -> None:
    """Shrinking averages: a checkerboard of single pixels turns grey, not into a moire."""
    board = (np.indices((96, 96)).sum(0) % 2 * 255).astype(np.uint8)
    corners = rectangle(96 * factor, 96 * factor)
    seen = _warp(board, corners, 32, cv2.BORDER_CONSTANT).astype(int)
    inside = seen[4 : int(28 / factor), 4 : int(28 / factor)]
    assert abs(inside.mean() - 127) < 20
    assert inside.std() < 45


def test_the_strength_of_colour_leaves_light_alone() -> None:
    """Without changes of colour the channels keep their order and share; light still varies."""
    photo = np.full((8, 8, 3), (150, 100, 60), np.uint8)
    seen = {}
    for colour in (0.0, 1.0):
        views = [
            _lit(photo, np.random.default_rng(seed), False, strength=1, colour=colour)
            for seed in range(40)
        ]
        lit = [view[0, 0].astype(float) for view in views]
        # (r - g) / (g - b) depends on neither brightness nor contrast nor saturation.
        seen[colour] = np.array([(r - g) / (g - b) for r, g, b in lit])
        assert np.std([sum(channels) for channels in lit]) > 20
    assert np.allclose(seen[0.0], 50 / 40, atol=0.15), "but for rounding"
    assert np.std(seen[1.0]) > 0.1


def smooth(seed: int, size: int = 60) -> Pixels:
    """A picture without edges, in which a shift by a tenth of a pixel is less than a grey level."""
    small = Image.fromarray(noisy(seed, 4) // 2 + 64)
    return np.array(small.resize((size, size), Image.Resampling.BICUBIC))


CORNERS = [(-14.0, 5.0), (49.0, -8.0), (66.0, 71.0), (3.0, 52.0)]


def test_a_photo_goes_on_as_its_mirror_image_as_pillow_sees_it() -> None:
    """Oracle: Pillow's perspective of the photo, padded by NumPy with its mirror image."""
    photo, side = smooth(5), 48
    padded = Image.fromarray(np.pad(photo, ((30, 30), (30, 30), (0, 0)), mode="reflect"))
    moved = [(x + 30, y + 30) for x, y in CORNERS]
    expected = np.asarray(warp(padded, moved, rectangle(side, side), (side, side))).astype(int)
    seen = _warp(photo, CORNERS, side, cv2.BORDER_REFLECT_101).astype(int)
    assert np.abs(seen - expected).max() <= 2, "grey levels; Pillow rounds down"


def test_a_cut_out_ends_where_pillow_ends_it() -> None:
    mask, side = np.full((60, 60), 255, np.uint8), 48
    expected = warp(Image.fromarray(mask), CORNERS, rectangle(side, side), (side, side))
    seen = _warp(mask, CORNERS, side, cv2.BORDER_CONSTANT)
    assert np.mean((seen > 127) != (np.asarray(expected) > 127)) < 0.01
    assert 0.2 < np.mean(seen > 127) < 0.9


def test_light_is_pillows_colour_matrix() -> None:
    photo = smooth(6)
    for seed in range(5):
        seen = _lit(photo, np.random.default_rng(seed), False, strength=1, colour=1)
        columns = np.column_stack([photo.reshape(-1, 3), np.ones(photo[..., 0].size)])
        # The matrix that made it is found again, and Pillow applies it.
        inside = ((seen > 0) & (seen < 255)).all(axis=-1).ravel()
        matrix = np.linalg.lstsq(columns[inside], seen.reshape(-1, 3)[inside], rcond=None)[0].T
        pillow = Image.fromarray(photo).convert("RGB", tuple(matrix.ravel().tolist()))
        assert np.abs(np.asarray(pillow).astype(int) - seen).max() <= 2


def test_the_ground_is_the_median_of_the_rim() -> None:
    """A photo whose rim is of one colour but for 8 % is a studio image, with more it is none."""
    for share, is_studio in ((0.05, True), (0.12, False)):
        photo = studio()
        photo[:, : round(share * 4 * len(photo))][:3] = (0, 90, 0)
        assert (studio_cover(photo) is not None) == is_studio
