"""A narrower network from a trained one, and its distillation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from shelflens_train.backbones import PRUNED, embedding_network  # noqa: E402
from shelflens_train.general.distilling import DistilConfig, distilled  # noqa: E402
from shelflens_train.general.network import embeddings, features  # noqa: E402
from shelflens_train.general.params import HEAD, Params  # noqa: E402
from shelflens_train.general.pruning import chosen_channels, pruned  # noqa: E402
from shelflens_train.general.start import params_of, put_into  # noqa: E402
from shelflens_train.spec import BackboneSpec  # noqa: E402

pytestmark = pytest.mark.train
SIDE, DIM = 32, 16


def random_network(backbone: str) -> Any:
    keras.utils.set_random_seed(0)
    return embedding_network(BackboneSpec(backbone, size=SIDE, dim=DIM), side=SIDE)


@pytest.fixture(scope="module")
def teacher() -> Params:
    return params_of(random_network("mobilenet_v2"))


@pytest.fixture(scope="module")
def views() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def narrow(teacher: Params, views: np.ndarray) -> Params:
    return pruned(teacher, views[:32], PRUNED)


def given(params: Params, views: np.ndarray) -> np.ndarray:
    pooled = features(params, jnp.asarray(views, jnp.float32), dtype=jnp.float32)
    return np.asarray(embeddings(params, pooled))


def test_channels_that_explain_everything_are_found_and_weighed_right() -> None:
    generator = np.random.default_rng(1)
    seen = generator.normal(size=(500, 40)).astype(np.float32) + 3
    kernel = np.zeros((40, 5), np.float32)
    rows = [3, 11, 12, 30]
    kernel[rows] = generator.normal(size=(4, 5))
    kept, found, shift = chosen_channels(seen, seen @ kernel + 2, 4, ridge=1e-9)
    assert kept.tolist() == rows
    np.testing.assert_allclose(found, kernel[rows], atol=1e-3)
    np.testing.assert_allclose(shift, 2, atol=1e-2)


def test_of_two_equal_channels_one_is_kept() -> None:
    generator = np.random.default_rng(2)
    seen = generator.normal(size=(300, 4)).astype(np.float32)
    seen[:, 1] = seen[:, 0]
    wanted = seen[:, [0, 2]] * np.array([5, 1], np.float32)
    kept, _, _ = chosen_channels(seen, wanted, 2, ridge=1e-6)
    assert len({0, 1} & set(kept.tolist())) == 1
    assert 2 in kept


def test_only_what_is_named_is_thinned_out(teacher: Params, views: np.ndarray) -> None:
    thinned = pruned(teacher, views[:8], {"block_16": 960})
    for layer, parts in teacher.items():
        if layer != "block_16_project":  # all its channels are kept, and it is fitted anew
            for part, values in parts.items():
                np.testing.assert_array_equal(thinned[layer][part], values)


def test_the_pruned_weights_fit_the_keras_network_and_give_the_same(
    narrow: Params, views: np.ndarray
) -> None:
    assert narrow["block_7_expand"]["kernel"].shape == (64, PRUNED["block_7"])
    assert narrow[HEAD]["kernel"].shape == (PRUNED["Conv_1"], DIM)
    network = random_network("mobilenet_v2_pruned")
    put_into(network, narrow)
    ours = given(narrow, views)
    keras_gives = np.asarray(network(views.astype(np.float32)))
    np.testing.assert_allclose(
        ours / np.linalg.norm(ours, axis=1, keepdims=True), keras_gives, atol=1e-3
    )


def test_distilling_brings_the_pruned_network_nearer_to_its_teacher(
    teacher: Params, narrow: Params, views: np.ndarray
) -> None:
    held_out = np.random.default_rng(5).integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
    batches = (views[at : at + 16] for at in range(0, 64, 16))
    config = DistilConfig(steps=12, batch=16, warmup=2, averaging=0.5)
    losses: list[float] = []

    def report(_: int, __: Params, found: Any, ___: float) -> None:
        losses.append(float(found.sum()))

    small = distilled(teacher, narrow, batches, config, held_out=held_out, report=report, every=1)
    assert len(losses) == 12
    assert losses[-1] < losses[0]
    for name in ("Conv1", "block_6_project"):
        np.testing.assert_array_equal(small[name]["kernel"], teacher[name]["kernel"])
