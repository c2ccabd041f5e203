"""Adapting an embedding to a shop: views, their scatter, the matrix."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens.catalog.adapt import LeftOut, adaptation_matrix, left_out_recall, views
from shelflens.catalog.adaptation import Adaptation


def _rows(*shape: int) -> NDArray[np.float32]:
    return _unit(np.random.default_rng(0).standard_normal(shape))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return made.astype(np.float32)


def test_views_are_the_same_when_asked_again_and_differ_among_themselves() -> None:
    image = np.random.default_rng(1).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    made = views(image, count=4)
    assert made.shape == (4, 48, 48, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(made, views(image, count=4))
    assert not np.array_equal(made, views(image, count=4, seed=1))
    assert all(not np.array_equal(made[0], view) for view in made[1:])


def test_a_view_of_one_colour_stays_of_one_colour() -> None:
    image = np.full((32, 32, 3), 120, np.uint8)
    assert all(len(np.unique(view.reshape(-1, 3), axis=0)) == 1 for view in views(image))


def test_the_matrix_is_the_power_of_the_scatter() -> None:
    embeddings = _rows(40, 8, 6)
    matrix = adaptation_matrix(embeddings, power=0.25, ridge=0.1)
    scatter = np.zeros((6, 6))
    for image in embeddings.astype(np.float64):
        for view in image:
            apart = view - image.mean(axis=0)
            scatter += np.outer(apart, apart) / (40 * 7)
    trust = 280 / 286
    scatter = trust * scatter / np.trace(scatter) * 6 + (1 - trust + 0.1) * np.eye(6)
    wanted = np.linalg.inv(np.linalg.matrix_power(matrix, 4))
    wanted *= np.trace(scatter) / np.trace(wanted)
    assert wanted == pytest.approx(scatter, abs=1e-6)
    assert np.trace(matrix) == pytest.approx(6)


def test_a_direction_in_which_views_scatter_counts_less() -> None:
    embeddings = np.zeros((100, 8, 3), np.float32)
    embeddings[..., 0] = 1
    embeddings[..., 1] = np.random.default_rng(2).uniform(-0.3, 0.3, (100, 8))
    matrix = adaptation_matrix(embeddings)
    assert matrix[1, 1] < 0.7 * matrix[2, 2]


@pytest.mark.parametrize("shape", [(0, 8, 5), (7, 1, 5)])
def test_without_two_views_nothing_changes(shape: tuple[int, int, int]) -> None:
    assert np.array_equal(adaptation_matrix(_rows(*shape)), np.eye(5))


def test_equal_views_change_nothing() -> None:
    embeddings = np.repeat(_rows(5, 1, 4), 3, axis=1)
    assert adaptation_matrix(embeddings) == pytest.approx(np.eye(4))


def test_few_images_change_less_than_many() -> None:
    embeddings = _rows(200, 8, 32) * np.linspace(0.1, 1, 32, dtype=np.float32)
    few, many = adaptation_matrix(embeddings[:2]), adaptation_matrix(embeddings)
    assert np.abs(few - np.eye(32)).max() < np.abs(many - np.eye(32)).max()


def test_power_0_changes_nothing() -> None:
    assert adaptation_matrix(_rows(30, 8, 4), power=0.0) == pytest.approx(np.eye(4))


def test_left_out_images_are_not_found_by_their_own_row() -> None:
    apart = np.eye(4)[[0, 0, 1, 2, 3]]
    apart[1, 1] = 0.5
    images = _unit(apart)
    assert left_out_recall(images, list("aabbc"), Adaptation()) == LeftOut(4, 2, 2, 0)
    assert left_out_recall(images, list("abcde"), Adaptation()) == LeftOut(0, 0, 0, 0)


def test_a_copy_says_nothing_of_a_left_out_image() -> None:
    images = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2]]
    assert left_out_recall(images, list("aabbb"), Adaptation()) == LeftOut(3, 0, 0, 0)
    assert left_out_recall(images[:4], list("aabb"), Adaptation()).asked == 0


def test_many_left_out_images_are_asked_in_part() -> None:
    images = _rows(300, 6)
    found = left_out_recall(images, ["a"] * 300, Adaptation(), max_queries=70)
    assert found == LeftOut(60, 60, 60, 0)


def test_adapting_is_seen_to_help_where_views_scatter() -> None:
    generator = np.random.default_rng(5)
    own = generator.standard_normal((30, 1, 8)) * [1, 1, 1, 1, 0.2, 0, 0, 0]

    def rows(count: int) -> NDArray[np.float32]:
        noise = generator.standard_normal((30, count, 8)) * [0, 0, 0, 0, 0, 1, 1, 1]
        return _unit(own + noise)

    images, embeddings = rows(2).reshape(60, 8), rows(16).reshape(60, 8, 8)
    adaptation = Adaptation.of(adaptation_matrix(embeddings, power=0.5))
    found = left_out_recall(images, [str(n // 2) for n in range(60)], adaptation)
    assert found.adapted > found.without
    assert found.changed >= found.adapted - found.without


def test_left_out_images_decide_beyond_two_standard_errors() -> None:
    assert LeftOut(100, 50, 55, 5).decides
    assert LeftOut(100, 55, 50, 5).decides
    assert not LeftOut(100, 50, 54, 4).decides
    assert not LeftOut(1000, 500, 515, 85).decides
    assert not LeftOut(0, 0, 0, 0).decides
