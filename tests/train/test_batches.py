"""What comes together in a training batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train


def test_auxiliary_images_are_each_a_class_and_take_turns(tmp_path: Path) -> None:
    from PIL import Image

    from shelflens_train.batches import training_batches
    from shelflens_train.config import TrainConfig
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.split import split_photos

    random = np.random.default_rng(0)
    for folder, count in (("store/a", 9), ("store/b", 9), ("other/x", 11)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    config = TrainConfig(
        data=(str(tmp_path / "store"),),
        auxiliary=(str(tmp_path / "other"),),
        auxiliary_share=0.25,
        batch=8,
        size=64,
        epochs=4,
        weights="none",
    )
    split = split_photos(config.data, auxiliary=config.auxiliary, workers=2)
    assert (len(split.train), len(split.val), len(split.auxiliary)) == (16, 2, 11)
    assert len(split.classes) == 13
    bank = PhotoBank(74, budget=10**8)
    batches = training_batches(config, split, bank, epoch=0)
    seen: list[int] = []
    for _ in range(4):
        own: list[int] = []
        sides = set()
        for index in range(len(batches)):
            pixels, labels = batches[index]
            sides.add(pixels.shape)
            assert set(labels[:, 1]) == {-1}
            labels = labels[:, 0]
            assert (labels >= 2).sum() == 2
            seen += labels[labels >= 2].tolist()
            own += labels[labels < 2].tolist()
        assert set(own) == {0, 1}
        assert sides == {(8, config.side(0), config.side(0), 3)}
        batches.on_epoch_end()
    assert config.side(0) < config.side(3)
    counts = np.bincount(np.array(seen) - 2, minlength=11)
    assert counts.max() - counts.min() <= 1, "every auxiliary image comes equally often"
    again = training_batches(config, split, bank, epoch=2)
    first, second = (training_batches(config, split, bank, epoch=2)[0] for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert json.dumps(again[0][1].tolist()) == json.dumps(first[1].tolist())


def test_photos_of_a_product_come_in_rows(tmp_path: Path) -> None:
    from PIL import Image

    from shelflens_train.batches import training_batches
    from shelflens_train.config import TrainConfig
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.split import split_photos

    counts = {"a": 9, "b": 4, "c": 1}
    for product, count in counts.items():
        (tmp_path / product).mkdir()
        for number in range(count):
            pixels = np.full((40, 40, 3), 20 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / product / f"{number}.png")
    config = TrainConfig(
        data=(str(tmp_path),), val_share=0.2, batch=4, per_product=2, pair_loss="contrastive"
    )
    split = split_photos(config.data, val_share=config.val_share, workers=2)
    batches = training_batches(config, split, PhotoBank(32, budget=10**7), epoch=0)
    epochs = []
    for _ in range(6):
        seen = []
        for index in range(len(batches)):
            pixels, (first, second) = batches[index]
            assert len(pixels) == 4
            assert np.array_equal(first, second), "one copy of the labels for each output"
            assert np.array_equal(first[::2, 0], first[1::2, 0]), "two of one product in a row"
            seen += first[:, 0].tolist()
        epochs.append(seen)
        batches.on_epoch_end()
    assert set(np.concatenate(epochs)) == {0, 1, 2}
    assert epochs[0] != epochs[1]
