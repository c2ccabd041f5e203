"""The steps at the end of a training, on a network of a few weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelflens import Calibration, Dataset, Embedder, build_catalog
from shelflens.calibration.scores import ScoredPhotos, Scores
from shelflens.catalog.posterior import Posterior
from shelflens.dataset import LabelledImage

pytestmark = pytest.mark.train

SIZE, DIM = 32, 8


@pytest.fixture
def network() -> Any:
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(image))
    embedding = keras.layers.Dense(DIM, name="embedding")(keras.layers.Rescaling(0.01)(features))
    return keras.Model(image, keras.layers.UnitNormalization(name="unit")(embedding))


@pytest.fixture
def split(tmp_path: Path) -> Any:
    from shelflens_train.split import Split

    random = np.random.default_rng(0)
    items: list[LabelledImage] = []
    for product in range(4):
        base = random.integers(0, 200, (4, 4, 3))
        for number in range(4):
            pixels = (base + random.integers(0, 55, base.shape)).astype(np.uint8)
            path = tmp_path / f"{product}-{number}.png"
            Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.NEAREST).save(path)
            items.append(LabelledImage(path, f"p{product}"))
    train = [item for index, item in enumerate(items) if index % 4]
    return Split(train, items[::4], [], ["x.jpg: broken"])


def judgement() -> Any:
    from shelflens_train.evaluate import Retrieval
    from shelflens_train.judgement import Found, Judgement

    scores = np.linspace(0.4, 0.9, 10).astype(np.float32)
    labels = [f"p{n}" for n in range(10)]
    first_two = np.stack([scores, scores - 0.2], axis=1).astype(np.float64)
    known = Scores(first_two, np.zeros(10, np.int64), labels, 4)
    left_out = Scores(first_two - 0.2, np.full(10, 2, np.int64), labels, 3)
    photos = ScoredPhotos(known, left_out, None, products=4, rows=4)
    found = Retrieval(0.7, np.arange(10) < 7, scores, scores - 0.2, lambda: photos)
    return Judgement(Found(found, found, 0.6), Found(found, found, 0.7), "bundled-0", 0.4, 0.5)


def test_the_head_is_changed_as_the_embeddings_are(network: Any, split: Any) -> None:
    from shelflens_train.evaluate import embed
    from shelflens_train.finish import finish_head
    from shelflens_train.photo_bank import PhotoBank

    bank = PhotoBank(SIZE, budget=10**6)
    before = embed(network, split.train, bank)
    enrolled = finish_head(network, split, bank)
    assert not np.allclose(before, enrolled, atol=0.01)
    np.testing.assert_allclose(embed(network, split.train, bank), enrolled, atol=1e-4)


def test_the_judgement_asks_for_held_out_photos_and_the_demo_store(
    network: Any, split: Any
) -> None:
    from shelflens_train.bundled import BundledModel
    from shelflens_train.evaluate import embed
    from shelflens_train.judgement import judge
    from shelflens_train.photo_bank import PhotoBank

    bank, bundled = PhotoBank(SIZE, budget=10**6), BundledModel()
    result = judge(network, network, bundled, embed(network, split.train, bank), split, bank)
    assert len(result.final.all_photos.genuine) == len(split.val)
    assert result.final.one_photo.recall == result.one_photo_start
    assert 0 < result.final.demo_store == result.demo_store_start < 1
    # The demo store and these photos as `shelflens` itself finds them with the bundled model, in
    # the catalog that it builds: adapted, since the model does not know such things.
    assert result.bundled.demo_store > 0.9
    catalog = build_catalog(Dataset(split.train, {}), Embedder.open())
    right = [
        catalog.match(Embedder.open().embed(i.path), k=1)[0].id == i.product for i in split.val
    ]
    assert result.bundled.all_photos.right.tolist() == right
    assert catalog.adaptation
    best = [catalog.match(bundled.embed([item])[0], k=1)[0].score for item in split.val]
    found = result.bundled.all_photos
    assert np.maximum(found.genuine, found.impostor).tolist() == pytest.approx(best, abs=1e-3)


def test_a_network_in_training_is_enrolled_as_its_catalog_is_built(
    network: Any, split: Any
) -> None:
    from shelflens_train.evaluate import embed
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.shop_catalog import NetworkEmbedder, enrolled

    vectors = embed(network, split.train, PhotoBank(SIZE, budget=10**6))
    in_training = NetworkEmbedder(network)
    paths = [item.path for item in split.train]
    np.testing.assert_allclose(in_training.embed_many(paths)[1], vectors, atol=1e-5)
    one_each = split.train[::3]
    rows, adaptation = enrolled(one_each, vectors[::3], in_training)
    assert rows.shape == (len(one_each), DIM)
    moved = not np.allclose(rows, vectors[::3], atol=1e-3)
    assert moved == bool(adaptation), "views are enrolled where the catalog is adapted"


def test_metrics_and_card_say_what_was_measured(network: Any, split: Any) -> None:
    from shelflens_train.config import TrainConfig
    from shelflens_train.finish import model_card, run_metrics
    from shelflens_train.state import State

    config = TrainConfig(data=("/somewhere/shop",), size=SIZE, dim=DIM, weights="/a/start.h5")
    state = State(seconds=12.34, history=[{"epoch": 1}])
    metrics = run_metrics(judgement(), split, state, (), weights=config.weights)
    assert json.loads(json.dumps(metrics)) == metrics
    assert (metrics["val_recall_at_1"], metrics["val_queries"]) == (0.7, 4)
    assert metrics["generality"]["demo_store_recall_at_1"] == {"before": 0.5, "after": 0.6}
    assert metrics["skipped"] == ["x.jpg: broken"]
    assert "averaged" not in metrics
    assert metrics["start_weights"] == "start.h5"
    assert metrics["comparison"]["bundled"]["demo_store_recall_at_1"] == 0.7
    card = model_card(network, judgement(), split, config, name="shop")
    assert card.space.startswith("shop-")
    assert card.training["data"] == ["shop"], "no path of this machine"
    assert card.training["start_weights"] == "start.h5"
    assert (card.training["products"], card.training["photos"]) == (4, 12)
    assert set(card.calibration) == {"threshold", "posterior"}
    assert Calibration.from_dict(card.calibration).posterior != Posterior(), "of these photos"
    moved = network.get_weights()
    network.set_weights([moved[0] + 1, *moved[1:]])
    assert model_card(network, judgement(), split, config, name="shop").space != card.space
