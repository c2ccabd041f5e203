"""Views of a photo: what augmentation may do to it, and what it may not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelflens_train.augment import _mirrored, augmented, studio_cover
from shelflens_train.geometry import rectangle

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
    from shelflens_train.augment import _warp

    board = (np.indices((96, 96)).sum(0) % 2 * 255).astype(np.uint8)
    corners = rectangle(96 * factor, 96 * factor)
    seen = np.array(_warp(Image.fromarray(board), corners, 32)).astype(int)
    inside = seen[4 : int(28 / factor), 4 : int(28 / factor)]
    assert abs(inside.mean() - 127) < 20
    assert inside.std() < 45


def test_the_strength_of_colour_leaves_light_alone() -> None:
    """Without changes of colour the channels keep their order and share; light still varies."""
    from shelflens_train.augment import _lit

    photo = Image.new("RGB", (8, 8), (150, 100, 60))
    seen = {}
    for colour in (0.0, 1.0):
        views = [
            _lit(photo, np.random.default_rng(seed), False, strength=1, colour=colour)
            for seed in range(40)
        ]
        lit = [np.asarray(view)[0, 0].astype(float) for view in views]
        # (r - g) / (g - b) depends on neither brightness nor contrast nor saturation.
        seen[colour] = np.array([(r - g) / (g - b) for r, g, b in lit])
        assert np.std([sum(channels) for channels in lit]) > 20
    assert np.allclose(seen[0.0], 50 / 40, atol=0.15), "but for rounding"
    assert np.std(seen[1.0]) > 0.1


def test_the_mirror_image_is_made_where_the_view_reaches_it() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    corners = np.array([[-0.31, 0.2], [0.9, 0.1], [1.0, 1.62], [0.0, 0.8]])
    source, (left, top) = _mirrored(photo, corners)
    assert (left, top) == (9, 2)
    assert source.shape == (2 + 20 + 15, 9 + 20 + 2, 3)
    everywhere = np.pad(photo, ((19, 19), (19, 19), (0, 0)), mode="reflect")
    assert np.array_equal(source, everywhere[17 : 17 + 37, 10 : 10 + 31])
