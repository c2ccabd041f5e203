"""The end of a general training: the head's directions put in order, and the run folder."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.recipe.embed import embed_images
from shelflens import ModelCard
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train.config import TrainConfig
from shelflens_train.general.bank import Bank, BankItem
from shelflens_train.general.config import GeneralConfig
from shelflens_train.head import transform_head
from shelflens_train.whitening import discriminative_rotation, partial_whitening, transform

NAME = "shelflens-general"
MAX_PER_DOMAIN = 1500
"""Images of each domain that the order of directions is taken from."""


def finish(
    network: keras.Model,
    bank: Bank,
    items: Sequence[BankItem],
    config: GeneralConfig,
    run: Path,
) -> None:
    """Order the embedding's directions, and write what `shelflens export` reads.

    Args:
        network: The embedding network, at the size it is used at; its head is turned.
        bank: The images trained on.
        items: Their files, in the same order.
        config: How it was trained.
        run: The run folder.
    """
    generator = np.random.default_rng(0)
    chosen = np.concatenate(
        [
            generator.permutation(np.flatnonzero(bank.domains == domain))[:MAX_PER_DOMAIN]
            for domain in config.shares
        ]
    )
    vectors = embed_images(network, bank, chosen)
    whitening = partial_whitening(vectors)
    several = _of_several(bank.identities[chosen])
    products = [bank.names[identity] for identity in bank.identities[chosen][several]]
    whitened = transform(vectors[several], whitening)
    transform_head(network, whitening @ discriminative_rotation(whitened, products))
    size, dim = network.input_shape[1], network.output_shape[1]
    network.save(run / "model.keras")
    write_text(run / "card.json", _card(network, size, dim, bank).to_json() + "\n")
    train = TrainConfig(data=tuple(config.shares), size=size, dim=dim, name=NAME)
    write_text(run / "config.json", json.dumps(to_dict(train), indent=2) + "\n")
    write_text(run / "metrics.json", json.dumps(asdict(config), indent=2) + "\n")
    rows = [f"{items[index].path.resolve()},{items[index].identity},train" for index in chosen[::4]]
    write_text(run / "photos.csv", "\n".join(["path,product,split", *rows]) + "\n")


def _of_several(identities: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images show an identity that others of them show too."""
    _, number, count = np.unique(identities, return_inverse=True, return_counts=True)
    found: NDArray[np.bool_] = count[number] > 1
    return found


def _card(network: keras.Model, size: int, dim: int, bank: Bank) -> ModelCard:
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights, np.float32).tobytes())
    return ModelCard(
        name=NAME,
        space=f"{NAME}-{digest.hexdigest()[:8]}",
        size=size,
        dim=dim,
        backbone="mobilenet_v2 1",
        license="Apache-2.0",
        training={
            "data": sorted(set(bank.domains.tolist())),
            "products": len(bank.names),
            "photos": len(bank.domains),
        },
        created=datetime.date.today().isoformat(),
    )
