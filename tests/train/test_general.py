"""Training a general embedding: bank, views, batches, the space of the teachers, the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras")

from shelflens_train.backbones import embedding_network  # noqa: E402
from shelflens_train.batchnorm_folding import FoldedNetwork  # noqa: E402
from shelflens_train.general.bank import Bank, BankItem, open_bank  # noqa: E402
from shelflens_train.general.batches import DomainBatches, Mixture  # noqa: E402
from shelflens_train.general.config import GeneralConfig  # noqa: E402
from shelflens_train.general.fit import fit  # noqa: E402
from shelflens_train.general.space import fit_space, proxies, ridge_head, unit  # noqa: E402
from shelflens_train.general.start import fold, mix_backbones  # noqa: E402
from shelflens_train.general.views import plain_view, training_view  # noqa: E402
from shelflens_train.losses import proxy_distillation  # noqa: E402
from shelflens_train.spec import BackboneSpec  # noqa: E402


def _rows(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dim)))


def _bank(side: int = 32) -> Bank:
    generator = np.random.default_rng(3)
    pixels = generator.integers(0, 255, (8, side, side, 4), dtype=np.uint8)
    identities = np.array([0, 0, 1, 1, 2, 3, 4, 5])
    domains = np.array(["packs"] * 4 + ["objects"] * 4)
    return Bank(pixels, identities, domains, domains == "packs", list("abcdef"))


def test_proxy_distillation_is_the_divergence_in_plain_loops() -> None:
    cosines, taught = (np.random.default_rng(n).uniform(-1, 1, (3, 5)) for n in (1, 2))
    labels = np.array([0, 4, 2])
    total = 0.0
    for row, label in enumerate(labels):
        rest = [np.exp(6 * taught[row, c]) if c != label else 0.0 for c in range(5)]
        wanted = [0.3 * value / sum(rest) for value in rest]
        wanted[label] = 0.7
        found = np.exp(8 * cosines[row]) / np.exp(8 * cosines[row]).sum()
        total += sum(w * np.log(w / f) for w, f in zip(wanted, found, strict=True)) / 3
    loss = proxy_distillation(cosines, taught, labels, scale=8, share=0.3, taught_scale=6)
    assert float(loss) == pytest.approx(total, abs=1e-5)


def test_a_space_of_one_teacher_keeps_its_cosines_when_nothing_is_evened() -> None:
    vectors = _rows(50, 6)
    space = fit_space([vectors], weights=[2.0], dim=6, power=0.0, centre=0.0)
    made = space.of([vectors])
    assert made @ made.T == pytest.approx(vectors @ vectors.T, abs=1e-5)


def test_a_whitened_space_has_equal_variances() -> None:
    vectors = [_rows(400, 5) * np.linspace(0.2, 1, 5, dtype=np.float32), _rows(400, 3, seed=1)]
    space = fit_space(vectors, weights=[1.0, 0.5], dim=8, power=0.5)
    joined = np.concatenate([vectors[0], 0.5 * vectors[1]], axis=1)
    assert np.cov(((joined - space.mean) @ space.axes).T) == pytest.approx(np.eye(8), abs=0.01)


def test_counts_weigh_images_as_if_they_were_repeated() -> None:
    vectors = _rows(6, 4)
    counts = np.array([1.0, 2, 1, 3, 1, 1])
    repeated = np.repeat(vectors, counts.astype(int), axis=0)
    weighed = fit_space([vectors], weights=[1.0], dim=3, power=0.2, counts=counts)
    plain = fit_space([repeated], weights=[1.0], dim=3, power=0.2)
    first, second = weighed.of([vectors]), plain.of([vectors])
    assert first @ first.T == pytest.approx(second @ second.T, abs=1e-5)


def test_proxies_are_mean_directions() -> None:
    vectors = _rows(3, 4)
    made = proxies(vectors, np.array([0, 1, 0]))
    assert made[1] == pytest.approx(vectors[1], abs=1e-6)
    both = vectors[0] + vectors[2]
    assert made[0] == pytest.approx(both / np.linalg.norm(both), abs=1e-6)


def test_the_ridge_head_finds_a_linear_map() -> None:
    features = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    kernel = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    found, bias = ridge_head(features, features @ kernel + 0.5, ridge=1e-9)
    assert found == pytest.approx(kernel, abs=1e-4)
    assert bias == pytest.approx(0.5, abs=1e-4)


def test_a_bank_is_made_once_and_again_when_items_change(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), (10, 200, 30)).save(tmp_path / "photo.png")
    cutout = Image.new("RGBA", (40, 80), (0, 0, 0, 0))
    cutout.paste((200, 10, 10, 255), (10, 20, 30, 60))
    cutout.save(tmp_path / "cutout.webp", lossless=True)
    items = [
        BankItem(tmp_path / "photo.png", "objects", "a"),
        BankItem(tmp_path / "cutout.webp", "packs", "b", alpha=True),
    ]
    bank = open_bank(tmp_path / "bank", items, side=16, workers=1)
    assert bank.pixels[0, 8, 8].tolist() == [10, 200, 30, 255]
    # 20 x 40 fills the height, and half of the width.
    assert (bank.pixels[1, ..., 3] > 128).mean() == pytest.approx(0.5, abs=0.1)
    assert plain_view(bank.pixels[1])[0, 0].tolist() == [255, 255, 255]
    stamp = (tmp_path / "bank" / "pixels.npy").stat().st_mtime_ns
    open_bank(tmp_path / "bank", items, side=16, workers=1)
    assert (tmp_path / "bank" / "pixels.npy").stat().st_mtime_ns == stamp
    again = open_bank(tmp_path / "bank", items[:1], side=16, workers=1)
    assert len(again.pixels) == 1


@pytest.mark.parametrize("alpha", [False, True])
def test_a_training_view_follows_from_its_generator(alpha: bool) -> None:
    bank = _bank(64)
    first, second = (
        training_view(
            bank.pixels[0],
            bank.pixels[5],
            np.random.default_rng(7),
            side=32,
            strength=1.2,
            colour=0.5,
            alpha=alpha,
        )
        for _ in range(2)
    )
    assert first.shape == (32, 32, 3)
    assert np.array_equal(first, second)


def test_batches_hold_each_domain_by_its_share_and_can_be_had_again() -> None:
    bank, taught = _bank(), _rows(8, 4)
    mixture = Mixture({"packs": 0.75, "objects": 0.25}, 40, 32, 1.0, 0.5, seed=1)
    batches = DomainBatches(bank, taught, mixture, steps=3, span=0)
    assert len(batches) == 3
    labels = np.concatenate([batches[index][1][:, 0] for index in range(3)])
    assert 0.6 < np.mean(labels < 2) < 0.9
    pixels, wanted = batches[1]
    assert pixels.shape == (40, 32, 32, 3)
    assert np.array_equal(pixels, batches[1][0])
    other_span = DomainBatches(bank, taught, mixture, steps=3, span=1)
    assert not np.array_equal(wanted, other_span[1][1])


@pytest.mark.train
def test_folding_keeps_the_function_and_mixing_reaches_both_ends() -> None:
    spec = BackboneSpec(size=32, dim=8)
    networks = [embedding_network(spec, side=32) for _ in range(2)]
    image = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    for network in networks:
        before = np.asarray(network(image, training=False))
        fold(network)
        assert np.asarray(network(image, training=False)) == pytest.approx(before, abs=1e-4)
    first, second = networks
    untouched = np.asarray(first(image, training=False))
    mix_backbones(first, second, 0.0)
    assert np.asarray(first(image, training=False)) == pytest.approx(untouched, abs=1e-6)
    mix_backbones(first, second, 1.0)
    first.get_layer("embedding").set_weights(second.get_layer("embedding").get_weights())
    wanted = np.asarray(second(image, training=False))
    assert np.asarray(first(image, training=False)) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    bank, taught = _bank(64), _rows(8, 8)
    settings = GeneralConfig({"packs": 1.0, "objects": 1.0}, batch=4, side=32, span=2, warmup=2)
    spec = BackboneSpec(size=32, dim=8)
    start = embedding_network(spec, side=32)

    def run(folder: Path, *stops: int) -> list[np.ndarray]:
        for stop in stops:
            learner = FoldedNetwork(start, embedding_network(spec))
            targets = proxies(taught, bank.identities)
            fit(learner, bank, taught, targets, settings, folder, spans=stop)
        return [np.asarray(weights) for weights in learner.model.get_weights()]

    whole, parts = run(tmp_path / "whole", 2), run(tmp_path / "parts", 1, 2)
    for first, second in zip(whole, parts, strict=True):
        assert first == pytest.approx(second, abs=1e-5)
    assert len(list((tmp_path / "parts" / "state").iterdir())) == 3
