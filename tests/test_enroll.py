"""The four views of a product's only picture, and the direction that stands for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens import load_image
from shelflens.enroll import enrolled_views

Pixels = NDArray[np.uint8]


def test_the_views_are_what_they_are_called(photo: Path) -> None:
    whole, mirror, near, far = enrolled_views(photo, size=96)
    assert np.array_equal(whole, load_image(photo, size=96))
    assert np.array_equal(mirror, whole[:, ::-1])
    assert np.array_equal(near, load_image(photo, size=128)[16:112, 16:112])
    inside = np.asarray(Image.fromarray(far[11:85, 11:85]).resize((96, 96)), np.float32)
    assert np.abs(inside - whole).mean() < 4, "the whole picture, smaller"
    ground = far[0, 0]
    assert (far[:11] == ground).all()
    assert (far[:, :11] == ground).all()
    assert (far[85:] == ground).all()


def test_the_ground_goes_on(tmp_path: Path) -> None:
    pixels = np.full((80, 80, 3), (250, 250, 248), np.uint8)
    pixels[20:60, 30:50] = (180, 20, 20)
    Image.fromarray(pixels).save(tmp_path / "studio.png")
    far = enrolled_views(tmp_path / "studio.png", size=64)[3]
    assert (far[0] == (250, 250, 248)).all()
    assert (far[32, 32] == (180, 20, 20)).all()


@pytest.mark.parametrize("size", [32, 96, 160, 192, 224, 225])
def test_any_size(picture: Pixels, size: int) -> None:
    assert enrolled_views(picture, size=size).shape == (4, size, size, 3)
