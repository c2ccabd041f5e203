"""The options of a training, and the config that a run folder keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelflens.errors import DataError
from shelflens.options import to_dict
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.spec import BackboneSpec


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 100}, "--size: expected a multiple of 32"),
        ({"train_size": 33}, "--train-size: expected a multiple of 32"),
        ({"learning_rate": 0.0}, "--learning-rate: expected more than 0"),
        ({"epochs": 0}, "--head-epochs and --epochs: expected not both 0"),
        ({"start_share": 1.0}, "--start-share: expected 0 to below 1, got 1.0"),
        ({"auxiliary_share": -0.1}, "--auxiliary-share: expected 0 to below 1"),
        ({"pair_loss": "contrastive"}, "--pair-loss contrastive: expected --per-product 2"),
        ({"prefixes": ("64", "x")}, "--prefixes: expected whole numbers above 0, got 'x'"),
        ({"dim": 5000}, "--dim: expected at most 4096"),
    ],
)
def test_impossible_options_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TrainConfig(data=("x",), **values)


def test_a_saved_config_is_read_back(tmp_path: Path) -> None:
    config = TrainConfig(data=("a", "b"), auxiliary=("c",), dim=100, start_share=0.1)
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    assert saved_config(tmp_path) == config
    (tmp_path / "config.json").write_text(json.dumps({**to_dict(config), "keep": 0.1}))
    with pytest.raises(DataError, match="no option 'keep' here; train again"):
        saved_config(tmp_path)


def test_what_follows_from_options() -> None:
    config = TrainConfig(data=("x",), dim=100, size=192, epochs=8, weights="none", alpha=0.5)
    assert config.dims == (32, 64, 100)
    assert [config.side(epoch) for epoch in (0, 3, 4, 8)] == [128, 128, 160, 160]
    assert config.spec == BackboneSpec(alpha=0.5, size=192, dim=100, trains_statistics=True)
    assert config.spec.card_name == "mobilenet_v2 0.5"


def test_the_network_of_a_card_is_the_one_the_card_was_written_for() -> None:
    from shelflens import ModelCard

    spec = BackboneSpec("mobilenet_v3_large", alpha=0.75, minimalistic=True, size=96, dim=32)
    card = ModelCard(name="x", space="x-0", size=96, dim=32, backbone=spec.card_name)
    assert BackboneSpec.from_card(card) == spec
