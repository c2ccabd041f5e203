"""Partial whitening and discriminative rotation of an embedding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.train


@given(st.integers(0, 1000), st.integers(2, 90), st.integers(3, 60))
def test_the_rotation_has_orthogonal_axes_of_length_one_or_less(
    seed: int, dim: int, count: int
) -> None:
    from shelflens_train.whitening import discriminative_rotation

    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products = [str(index % max(1, count // 3)) for index in range(count)]
    axes = discriminative_rotation(rows, products)
    length = np.linalg.norm(axes, axis=0)
    assert (length <= 1 + 1e-9).all()
    unit = axes[:, length > 1e-5] / length[length > 1e-5]
    assert np.allclose(unit.T @ unit, np.eye(unit.shape[1]), atol=1e-6)
    # With one photo per product nothing is known to be noise, and no cosine changes.
    rotated = rows @ discriminative_rotation(rows, [str(index) for index in range(count)])
    assert np.allclose(rotated @ rotated.T, rows @ rows.T, atol=1e-5)


@given(st.integers(0, 1000), st.integers(2, 60), st.integers(3, 90))
def test_whitening_brings_variances_together_and_rotates_nothing(
    seed: int, dim: int, count: int
) -> None:
    from shelflens_train.whitening import partial_whitening

    generator = np.random.default_rng(seed)
    rows = (generator.normal(size=(count, dim)) * np.geomspace(1, 0.02, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whitening = partial_whitening(rows)
    assert np.allclose(whitening, whitening.T, atol=1e-9)
    before, after = (
        np.cov(vectors.astype(float), rowvar=False, bias=True)
        for vectors in (rows, rows @ whitening)
    )
    assert np.trace(after) == pytest.approx(np.trace(before), rel=1e-6)
    # The same axes in the same order, the strong ones weaker and the weak ones stronger.
    assert np.allclose(before @ after, after @ before, atol=1e-7)
    was, now = (np.linalg.eigvalsh(covariance)[::-1] for covariance in (before, after))
    assert now[0] <= was[0] + 1e-9
    gain = now[was > 1e-7] / was[was > 1e-7]
    assert (np.diff(gain) >= -1e-6 * gain[1:]).all()
    # No direction is blown up because a few photos do not show it.
    assert np.linalg.norm(whitening, 2) < ((dim + 0.1) / 0.1) ** 0.2 * 1.001


def test_whitening_finds_products_that_differ_by_what_training_left_weak() -> None:
    """24 directions separate the seen products; new ones differ by these and 40 weak ones."""
    from shelflens_train.whitening import partial_whitening, transform

    generator = np.random.default_rng(2)
    width = np.r_[np.ones(24), np.full(40, 0.35)]

    def photos(products: int, each: int) -> np.ndarray:
        means = generator.normal(size=(products, 64)) * width
        noise = (
            generator.normal(size=(products * each, 64)) * np.r_[np.full(24, 0.9), np.full(40, 0.2)]
        )
        rows = np.repeat(means, each, axis=0) + noise
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows, np.float32)

    whitening = partial_whitening(photos(100, 6))
    new = photos(300, 2)

    def recall(rows: np.ndarray) -> float:
        return float((np.argmax(rows[1::2] @ rows[::2].T, axis=1) == np.arange(300)).mean())

    assert recall(transform(new, whitening)) > recall(new) + 0.03


def test_what_separates_products_comes_first() -> None:
    """96 dimensions: 64 differ by product, 16 by photo and more strongly, 16 hardly."""
    from shelflens_train.whitening import discriminative_rotation

    generator = np.random.default_rng(4)
    products = np.repeat(np.arange(400), 5)
    own = generator.normal(size=(400, 64))[products]
    photo = 2.0 * generator.normal(size=(2000, 16))
    rest = 0.05 * generator.normal(size=(2000, 16))
    shuffled = np.linalg.qr(generator.normal(size=(96, 96)))[0]
    rows = np.concatenate([rest, photo, own], axis=1) @ shuffled
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    axes = discriminative_rotation(rows.astype(np.float32), [str(product) for product in products])
    rotated = rows @ axes
    # The first 64 hold the products' own dimensions and nothing else.
    left = np.linalg.lstsq(rotated[:, :64], rows @ shuffled.T[:, 32:], rcond=None)[1]
    assert left.sum() < 0.02 * (rows**2).sum()
    principal = rows @ np.linalg.eigh(rows.T @ rows)[1][:, ::-1]
    worse = np.linalg.lstsq(principal[:, :64], rows @ shuffled.T[:, 32:], rcond=None)[1]
    assert worse.sum() > 5 * left.sum()
    # Among themselves they are principal axes: no two are correlated.
    second = rotated[:, :64].T @ rotated[:, :64]
    assert np.allclose(second, np.diag(np.diag(second)), atol=1e-6 * len(rows))
    # What differs by photo counts less.
    length = np.linalg.norm(axes, axis=0)
    assert length[:64].min() > 0.9
    assert length[-16:].max() < 0.7


def test_few_products_say_nothing_of_the_directions_that_they_do_not_span() -> None:
    """5 products in 20 directions: their photos differ in all, the products in 5 at most."""
    from shelflens_train.whitening import discriminative_rotation

    generator = np.random.default_rng(6)
    products = np.repeat(np.arange(5), 40)
    rows = generator.normal(size=(5, 20))[products] + 0.5 * generator.normal(size=(200, 20))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    axes = discriminative_rotation(rows.astype(np.float32), [str(product) for product in products])
    length = np.sort(np.linalg.norm(axes, axis=0))
    assert np.allclose(length[:15], 0.5)
    assert length[15:].min() > 0.7
    # Of many products more is known: a direction in which only their photos differ counts less.
    many = generator.normal(size=(100, 20)) * np.r_[np.ones(10), np.zeros(10)]
    rows = np.repeat(many, 12, axis=0) + 0.5 * generator.normal(size=(1200, 20))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    axes = discriminative_rotation(
        rows.astype(np.float32), [str(index) for index in np.repeat(range(100), 12)]
    )
    assert np.linalg.norm(axes, axis=0).min() < 0.4


def test_a_network_with_its_head_transformed_gives_the_transformed_embeddings() -> None:
    import keras

    from shelflens_train.head import transform_head
    from shelflens_train.whitening import discriminative_rotation, partial_whitening, transform

    generator = np.random.default_rng(9)
    given = keras.Input((20,))
    head = keras.layers.Dense(12, name="embedding", bias_initializer="random_normal")(given)
    network = keras.Model(given, keras.layers.UnitNormalization()(head))
    seen = generator.normal(size=(60, 20)).astype(np.float32)
    before = network.predict(seen, verbose=0)
    whitening = partial_whitening(before)
    products = [str(index % 9) for index in range(60)]
    axes = whitening @ discriminative_rotation(transform(before, whitening), products)
    transform_head(network, axes)
    after = network.predict(seen, verbose=0)
    assert np.allclose(after, transform(before, axes), atol=1e-5)
    assert np.allclose(np.linalg.norm(transform(before, axes), axis=1), 1, atol=1e-6)
    assert not np.allclose(after, before, atol=0.1)
